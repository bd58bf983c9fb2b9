"""Fixtures shared by all tests: the optional real samples and reference numbers."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Fuzzed tests draw the same inputs in each run; --hypothesis-profile=long draws many others.
settings.register_profile('suite', deadline=None, derandomize=True, database=None, max_examples=30)
settings.register_profile('long', deadline=None, max_examples=5000)
settings.load_profile('suite')


def pytest_addoption(parser):
    parser.addoption(
        '--samples', default=os.environ.get('UNIHEMA_SAMPLES'), help='folder of real sample data sets'
    )
    parser.addoption(
        '--references', default=os.environ.get('UNIHEMA_REFERENCES'), help='folder of golden numbers'
    )


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


@pytest.fixture(scope='session')
def reference(request):
    """Callable name -> folder of golden numbers; skips where it is absent."""
    return lambda name: _existing(request, '--references', name)


@pytest.fixture(scope='session')
def repo() -> Path:
    """Root of the checkout."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope='session')
def tiny_tokenizer(tmp_path_factory) -> Path:
    """Folder of a tokenizer trained on a few sentences."""
    from unihema_mm.models.text.tokenizer import train_tokenizer

    folder = tmp_path_factory.mktemp('tokenizer')
    train_tokenizer(
        [
            'This image is for the detection of Malaria cells',
            'This image is for the detection of complete blood count cells',
            'This image is for the detection of Sickle cell disease cells',
        ],
        folder,
        vocab_size=512,
    )
    return folder
