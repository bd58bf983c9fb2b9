"""One small corpus for all tests that only read it."""

import json
from pathlib import Path

import pytest

from unihema_mm.datasets.synthetic import generate_corpus


@pytest.fixture(scope='session')
def corpus(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp('synthetic')
    generate_corpus(root, num=20, cells=24, seed=3, progress=False)
    return root


@pytest.fixture(scope='session')
def splits(corpus) -> dict:
    return {path.stem: json.loads(path.read_text()) for path in (corpus / 'annotations').glob('*.json')}
