"""A layout in a temporary folder and a silent screen."""

import io

import pytest

from tools.setup.layout import Layout
from tools.setup.report import Screen


@pytest.fixture
def place(tmp_path):
    return Layout('key-1', tmp_path / 'envs' / 'key-1', tmp_path, custom=False)


@pytest.fixture
def screen():
    return Screen(stream=io.StringIO())


@pytest.fixture
def fake_python():
    """Callable that puts an executable where the environment's interpreter would be."""

    def make(layout):
        layout.python.parent.mkdir(parents=True, exist_ok=True)
        layout.python.write_text('#!/bin/sh\n')
        layout.python.chmod(0o755)

    return make
