"""The version gate: too old refuses, newer warns, a build without ops is told."""

import dataclasses
import importlib.metadata
import re
import subprocess
import sys
import warnings
from pathlib import Path

import packaging.requirements
import packaging.specifiers
import pytest

from unihema_mm.utils import versions
from unihema_mm.utils.versions import Problem, Requirement, check_installed, is_doctor_run, release

ROOT = Path(__file__).resolve().parents[2]
MMCV = Requirement('mmcv', ('onedl-mmcv', 'mmcv'), '2.1.0', '2.3.6', newer='see the notes')


@pytest.mark.parametrize(
    ('lower', 'higher'), [('2.9.1', '2.10'), ('1.9', '2'), ('4.57.6', '5.0.0rc1'), ('2.11.0+cu130', '2.11.1')]
)
def test_release_order(lower, higher):
    assert release(lower) < release(higher)


def test_release_of_odd_versions():
    assert release('2.11.0+cu130') == release('2.11') == (2, 11)
    assert release('0.0') == (0,)
    assert release('2.3.6.post1') == release('2.3.6')
    with pytest.raises(ValueError, match="'main'"):
        release('main')


def check(found, folder=None):
    return check_installed([MMCV], lambda requirement: found, lambda module: folder)


@pytest.fixture
def with_ops(tmp_path):
    (tmp_path / '_ext.cpython-311-x86_64-linux-gnu.so').touch()
    return tmp_path


@pytest.mark.parametrize('found', ['2.1.0', '2.3.6', '2.3.6+local', 'unknown'])
def test_versions_in_range_say_nothing(found, with_ops):
    assert check(found, with_ops) == ({'mmcv': found}, [], [])


def test_too_old_names_package_found_needed_and_command(with_ops):
    _, (problem,), newer = check('2.0.1', with_ops)
    line = str(problem)
    assert 'needs mmcv>=2.1.0, found mmcv 2.0.1' in line and "pip install 'onedl-mmcv==2.3.6'" in line
    assert '\n' not in line and not newer


def test_missing(with_ops):
    found, (problem,), _ = check(None)
    assert found == {'mmcv': None} and 'mmcv>=2.1.0, which is not installed' in problem.why


def test_newer_warns_with_what_is_known_and_is_not_refused(with_ops):
    _, problems, (line,) = check('3.0', with_ops)
    assert not problems and 'newer than the tested 2.3.6' in line and 'see the notes' in line


def test_mmcv_without_compiled_ops(tmp_path):
    _, (problem,), _ = check('2.3.6', tmp_path)
    assert (
        problem.what == 'mmcv.ops' and 'mmcv._ext' in problem.why and '--no-build-isolation' in problem.mend
    )


def pretend(monkeypatch, problems=(), newer=()):
    monkeypatch.setattr(versions, 'check_installed', lambda: ({}, list(problems), list(newer)))


def test_require_versions_raises_one_line(monkeypatch):
    pretend(
        monkeypatch, [Problem('mmseg', 'mmseg is old', 'a', required=False), Problem('mmdet', 'why', 'mend')]
    )
    with pytest.raises(ImportError, match=r'^why: mend \(python -m unihema_mm\.doctor') as caught:
        versions.require_versions()
    assert caught.value.name == 'mmdet'


def test_several_missing_packages_are_one_line_with_one_command(monkeypatch):
    pretend(
        monkeypatch, [Problem(name, f'no {name}', f'install {name}') for name in ('torch', 'mmcv', 'mmdet')]
    )
    with pytest.raises(ImportError, match=r'^no torch, and 2 more: make env'):
        versions.require_versions()


def test_require_versions_only_warns_for_newer_and_skips_optional(monkeypatch):
    pretend(monkeypatch, [Problem('mmseg', 'old', 'mend', required=False)], ['torch 99 is newer'])
    with pytest.warns(UserWarning, match='torch 99 is newer'):
        versions.require_versions()


def test_a_source_tree_without_metadata_is_asked_for_its_version(tmp_path, monkeypatch):
    (tmp_path / 'treemodule').mkdir()
    (tmp_path / 'treemodule' / '__init__.py').write_text('raise RuntimeError("must not be imported")')
    requirement = Requirement('treemodule', ('no-such-distribution',), '1.0', '2.0')
    monkeypatch.syspath_prepend(tmp_path)
    assert versions.installed_version(requirement) == 'unknown'
    (tmp_path / 'treemodule' / 'version.py').write_text("__version__ = '1.5.0'\n")
    assert versions.installed_version(requirement) == '1.5.0'
    assert versions.installed_version(dataclasses.replace(requirement, module='absentmodule')) is None


def test_the_tested_versions_are_those_of_the_constraints_file():
    text = (ROOT / 'requirements' / 'tested.txt').read_text(encoding='utf-8')
    pins = dict(re.findall(r'^([\w.-]+)==(\S+)', text, re.MULTILINE))
    for requirement in versions.REQUIREMENTS:
        assert pins[requirement.distributions[0]] == requirement.tested


def test_the_pins_admit_the_oldest_python():
    text = (ROOT / 'requirements' / 'tested.txt').read_text(encoding='utf-8')
    oldest = {'python_version': '3.10', 'python_full_version': '3.10.0'}
    checked, pinned = 0, {}
    for line in re.findall(r'^[\w.-]+==[^#\n]+', text, re.MULTILINE):
        pin = packaging.requirements.Requirement(line)
        if pin.marker is None:
            try:
                asked = importlib.metadata.metadata(pin.name)['Requires-Python']
            except importlib.metadata.PackageNotFoundError:
                continue
            checked += 1
            assert asked is None or '3.10' in packaging.specifiers.SpecifierSet(asked), pin.name
        else:
            pinned.setdefault(pin.name, []).append(pin.marker.evaluate(oldest))
    assert checked > 20 and all(sum(fits) == 1 for fits in pinned.values())


@pytest.mark.parametrize(
    ('arguments', 'expected'),
    [
        (['python', '-m', 'unihema_mm.doctor', '--json'], True),
        (['python', '-X', 'dev', '-m', 'unihema_mm.doctor'], True),
        (['python', '-m', 'unihema_mm', 'doctor', '--json'], True),
        (['python', '/environment/bin/unihema', 'doctor'], True),
        (['python', '/environment/bin/unihema', 'predict', 'doctor'], False),
        (['python', '-m', 'unihema_mm'], False),
        (['python', 'script.py', 'unihema_mm.doctor'], False),
        (['python'], False),
    ],
)
def test_is_doctor_run(arguments, expected):
    assert is_doctor_run(arguments) is expected


def run_python(code):
    return subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=False)


def test_import_is_light_and_knows_the_scope():
    code = (
        'import sys, unihema_mm\n'
        'from mmengine.registry import MODELS\n'
        'print("torch" in sys.modules, "unihema_mm" in MODELS.children, unihema_mm.__version__)'
    )
    result = run_python(code)
    assert result.stdout.split()[:2] == ['False', 'True'], result.stderr
    assert result.stderr == ''


def test_the_forks_notice_is_not_shown_and_other_prints_are():
    code = (
        'import unihema_mm\nimport mmdet.datasets\n'
        'from mmengine.logging import print_log\nprint_log("something else")'
    )
    result = run_python(code)
    assert result.stdout == 'something else\n', result.stderr


def test_silencing_twice_wraps_once():
    import mmengine.logging

    from unihema_mm.utils.onedl_notice import silence_onedl_notice

    silence_onedl_notice()
    once = mmengine.logging.print_log
    silence_onedl_notice()
    assert mmengine.logging.print_log is once


def test_the_installed_combination_passes():
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        versions.require_versions()
