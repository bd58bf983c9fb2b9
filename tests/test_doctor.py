"""The doctor's output, also where packages are missing or broken."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from unihema_mm import doctor
from unihema_mm.utils.versions import Problem

ROOT = Path(__file__).resolve().parents[1]

# Python imports sitecustomize at start: here it makes one package impossible to find.
HIDE = """
import sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {names!r}:
            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)
sys.meta_path.insert(0, Hide())
import importlib.util
original = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in {names!r} else original(name, package)
"""


def run_without(tmp_path, names, *arguments):
    (tmp_path / 'sitecustomize.py').write_text(HIDE.format(names=names))
    environment = {**os.environ, 'PYTHONPATH': f'{tmp_path}{os.pathsep}{ROOT}'}
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_runs_without_mmcv_and_mmengine(tmp_path):
    result = run_without(tmp_path, ['mmcv', 'mmengine', 'torch'], '-m', 'unihema_mm.doctor', '--json')
    assert result.returncode == 1, result.stderr
    report = json.loads(result.stdout)
    assert report['versions']['mmcv'] is None and report['versions']['numpy']
    assert {'mmcv', 'mmengine', 'torch'} <= {problem['what'] for problem in report['problems']}
    assert all(problem['mend'] for problem in report['problems'])
    assert report['usable'] is False


def test_importing_the_package_without_mmcv_gives_one_line(tmp_path):
    result = run_without(tmp_path, ['mmcv'], '-c', 'import unihema_mm')
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith('ImportError: unihema_mm needs mmcv>=2.1.0, which is not installed: pip install')


@pytest.fixture(scope='module')
def report():
    return doctor.examine()


def test_this_environment_is_usable(report):
    assert report.usable, report.problems
    assert report.deformable_attention['cpu'] == 'pure-torch path (grid_sample)'
    assert report.distributed['gloo'] is True
    text = doctor.as_text(report)
    for word in ('python', 'mmcv', 'mmdet', 'transformers', 'numpy', 'cores', 'gloo', 'nccl', 'usable'):
        assert word in text


def test_the_report_is_json(report):
    assert json.loads(json.dumps(report.as_dict()))['usable'] is True


@pytest.mark.parametrize('required', [True, False])
def test_exit_status_follows_what_is_required(monkeypatch, capsys, required):
    broken = doctor.Report(devices={'cpu_cores': 2, 'cuda': [], 'mps': False}, versions={'mmseg': None})
    broken.problems = [Problem('mmseg', 'mmseg is not installed', 'pip install mmseg', required)]
    monkeypatch.setattr(doctor, 'examine', lambda: broken)
    assert doctor.main([]) == int(required)
    output = capsys.readouterr().out
    assert ('missing: ' if required else 'optional: ') in output and 'do: pip install mmseg' in output
    assert 'mmseg         not installed' in output
    assert doctor.main(['--exit-zero']) == 0


def test_a_failing_operator_is_a_problem_with_a_mend(monkeypatch):
    def broken_op(device):
        raise RuntimeError('not compiled with GPU support\nmore')

    monkeypatch.setattr(doctor, 'probe_deformable_attention', broken_op)
    monkeypatch.setattr(doctor, 'probe_nms', lambda: None)
    found = doctor.Report(devices={'cpu_cores': 2, 'cuda': ['card'], 'mps': False})
    doctor.examine_operators(found)
    on_cpu, on_cuda = found.problems
    assert on_cpu.required and not on_cuda.required and 'nvcc' in on_cuda.mend
    assert '(RuntimeError: not compiled with GPU support)' in on_cpu.why


def test_a_package_that_is_there_and_does_not_import(monkeypatch):
    monkeypatch.setattr(doctor, 'DEEP_IMPORTS', (('no_such_module_here', True), ('json', True)))
    found = doctor.Report()
    doctor.examine_imports(found)
    assert [problem.what for problem in found.problems] == ['no_such_module_here']


def test_the_backend_is_read_from_the_autograd_graph():
    import torch

    class MultiScaleDeformableAttnFunction(torch.autograd.Function):
        @staticmethod
        def forward(ctx, value):
            return value * 2

        @staticmethod
        def backward(ctx, gradient):
            return gradient * 2

    output = MultiScaleDeformableAttnFunction.apply(torch.ones(1, requires_grad=True)) + 1
    assert any('MultiScaleDeformableAttnFunction' in name for name in doctor.graph_names(output.grad_fn))
