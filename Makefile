# make demo and make test work as the first command on a fresh machine: they create the environment, once.
# Settings: PYTHON=/path/to/python3.11, UNIHEMA_ENV_DIR=/path (default: a shared folder in the user's cache),
# PYTEST_ARGS='-k detector', UNIHEMA_SAMPLES and UNIHEMA_REFERENCES (real data for tests).

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help env python test demo lint format clean

# The environment is shared between clones, so it does not contain this package: PYTHONPATH points at this clone.
export PYTHONPATH := $(CURDIR)$(if $(PYTHONPATH),:$(PYTHONPATH))

# Prints the interpreter of the environment on stdout (progress goes to stderr) and creates it where needed.
ENSURE = PYTHON='$(PYTHON)' sh tools/setup/ensure.sh
WITH_ENV = python=$$($(ENSURE)) || exit 1;

help:  ## show this list
	@sed -n 's/^\([a-z]*\):.*##/  make \1\t/p' Makefile

env:  ## create or check the environment
	@$(WITH_ENV) echo "ready: $$python"

python:  ## print the interpreter of the environment and nothing else
	@$(ENSURE)

test:  ## run all tests
	@$(WITH_ENV) OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE "$$python" -m pytest -n 2 --durations=15 $(PYTEST_ARGS)

demo:  ## train a tiny model on the synthetic corpus, test, publish and use it
	@$(WITH_ENV) "$$python" tools/demo.py $(DEMO_ARGS)

lint:  ## check style and formatting
	@$(WITH_ENV) "$$python" -m ruff check . && "$$python" -m ruff format --check .

format:  ## mend style and formatting
	@$(WITH_ENV) "$$python" -m ruff check --fix . ; "$$python" -m ruff format .

clean:  ## remove generated files of this clone (not data/, not work_dirs/, not the environment)
	@rm -rf build dist .pytest_cache .ruff_cache *.egg-info
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
