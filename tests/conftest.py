"""Fixtures shared by all tests: the optional real samples and reference numbers."""

import os
from pathlib import Path

import pytest


def pytest_addoption(parser):
    parser.addoption('--samples', default=os.environ.get('UNIHEMA_SAMPLES'), help='folder of real sample data sets')
    parser.addoption('--references', default=os.environ.get('UNIHEMA_REFERENCES'), help='folder of golden numbers')


def _existing(request, option: str, name: str) -> Path:
    root = request.config.getoption(option)
    path = Path(root or '') / name
    if not root or not path.exists():
        pytest.skip(f'{name} not found: give {option} PATH (or the environment variable) to run this test')
    return path


@pytest.fixture
def sample(request):
    """Callable name -> folder of a real sample data set; skips where it is absent."""
    return lambda name: _existing(request, '--samples', name)


@pytest.fixture
def reference(request):
    """Callable name -> folder of golden numbers; skips where it is absent."""
    return lambda name: _existing(request, '--references', name)
