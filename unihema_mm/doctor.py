"""``python -m unihema_mm.doctor``: what is installed, what really works, and how to mend what does not.

It runs in a broken environment as well; every probe calls the real thing instead of reading its version.
"""

import argparse
import contextlib
import importlib
import io
import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from .utils.versions import INSTALL_ALL, INSTALL_MMCV, Problem, check_installed
from .version import __version__

# Imports that fail late in practice: a package may be there and its models not importable.
DEEP_IMPORTS = (
    ('mmdet.models', True),
    ('transformers.models.t5', True),
    ('pycocotools.mask', True),
    ('mmpretrain.models', False),
    ('mmseg.models', False),
)


@dataclass
class Report:
    """What the doctor found.

    Args:
        versions: Version by import name, None where it is not installed.
        devices: CPU cores, CUDA and MPS devices.
        deformable_attention: Backend by device name.
        distributed: Whether each backend of torch.distributed is there.
        problems: What is missing or broken.
        notes: What is unusual and harmless.
    """

    versions: dict = field(default_factory=dict)
    devices: dict = field(default_factory=dict)
    deformable_attention: dict = field(default_factory=dict)
    distributed: dict = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def usable(self) -> bool:
        """Whether nothing required is missing."""
        return not any(problem.required for problem in self.problems)

    def as_dict(self) -> dict:
        """Return the report as plain data for JSON."""
        return {**asdict(self), 'usable': self.usable}


def cpu_cores() -> int:
    """Return the number of CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def find_devices(torch) -> dict:
    """Return the devices that torch sees."""
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {'cpu_cores': cpu_cores(), 'cuda': gpus, 'mps': torch.backends.mps.is_available()}


def graph_names(node) -> set[str]:
    """Return the names of all functions in an autograd graph."""
    names, stack, seen = set(), [node], set()
    while stack:
        current = stack.pop()
        if current is None or current in seen:
            continue
        seen.add(current)
        names.add(type(current).__name__)
        stack.extend(parent for parent, _ in current.next_functions)
    return names


def probe_deformable_attention(device: str) -> str:
    """Run mmcv's deformable attention forward and backward on ``device`` and return the backend it used.

    Raises:
        Exception: Whatever the operator raises on this device.
    """
    import torch
    from mmcv.ops import MultiScaleDeformableAttention

    from unihema_mm.utils.deform_attn_kernel import use_torch_without_cuda_kernel

    use_torch_without_cuda_kernel()
    attention = MultiScaleDeformableAttention(embed_dims=32, num_heads=2, num_levels=2, batch_first=True).to(
        device
    )
    shapes = torch.tensor([[8, 8], [4, 4]], device=device)
    output = attention(
        query=torch.rand(1, 5, 32, device=device, requires_grad=True),
        value=torch.rand(1, 80, 32, device=device),
        reference_points=torch.rand(1, 5, 2, 2, device=device),
        spatial_shapes=shapes,
        level_start_index=torch.tensor([0, 64], device=device),
    )
    output.sum().backward()
    if not all(torch.isfinite(p.grad).all() for p in attention.parameters() if p.grad is not None):
        raise RuntimeError('its gradients are not finite')
    compiled = any('MultiScaleDeformableAttnFunction' in name for name in graph_names(output.grad_fn))
    return 'mmcv compiled op' if compiled else 'pure-torch path (grid_sample)'


def probe_nms() -> None:
    """Run the compiled non-maximum suppression of mmcv and of torchvision, and compare what they keep.

    Raises:
        Exception: If one of them does not work, or if they differ.
    """
    import torch
    import torchvision
    from mmcv.ops import nms

    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0], [1.0, 1.0, 10.0, 10.0], [20.0, 20.0, 30.0, 30.0]])
    scores = torch.tensor([0.9, 0.8, 0.7])
    kept = torchvision.ops.nms(boxes, scores, 0.5).tolist()
    if kept != nms(boxes, scores, 0.5)[1].tolist():
        raise RuntimeError('nms of mmcv and of torchvision keep different boxes')


def first_line(error: BaseException) -> str:
    """Return an error's type and the first line of its text."""
    lines = str(error).strip().splitlines()
    return f'{type(error).__name__}: {lines[0]}' if lines else type(error).__name__


def attempt(action: Callable[[], object]) -> tuple[object, str | None]:
    """Call ``action`` without its prints; return its result and the first line of its error."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return action(), None
    except (Exception, SystemExit) as error:
        return None, first_line(error)


def examine_imports(report: Report) -> None:
    """Import what the versions alone do not vouch for."""
    known = {problem.what for problem in report.problems}
    for module, required in DEEP_IMPORTS:
        if module.split('.')[0] in known:
            continue
        _, error = attempt(lambda module=module: importlib.import_module(module))
        if error:
            report.problems.append(Problem(module, f'import {module} fails ({error})', INSTALL_ALL, required))


def examine_operators(report: Report) -> None:
    """Call the compiled operators on every kind of device that is there."""
    known = {problem.what for problem in report.problems}
    if known & {'mmcv', 'mmcv.ops', 'mmengine', 'torchvision'}:
        return
    _, error = attempt(probe_nms)
    if error:
        why = f'nms fails ({error}): torch, torchvision and mmcv do not fit each other'
        report.problems.append(Problem('mmcv.ops', why, INSTALL_MMCV))
    devices = (
        ['cpu'] + (['cuda'] if report.devices['cuda'] else []) + (['mps'] if report.devices['mps'] else [])
    )
    for device in devices:
        backend, error = attempt(lambda device=device: probe_deformable_attention(device))
        report.deformable_attention[device] = backend or f'does not work ({error})'
        if error:
            mend = INSTALL_MMCV
            if device == 'cuda':
                mend = f"install nvcc of torch's CUDA version, then {mend}; on the CPU: CUDA_VISIBLE_DEVICES="
            why = f'deformable attention fails on {device} ({error})'
            report.problems.append(
                Problem(f'deformable attention on {device}', why, mend, required=device == 'cpu')
            )


def examine() -> Report:
    """Look at everything and return what was found; never raises for something that is missing."""
    report = Report()
    versions, report.problems, report.notes = check_installed()
    report.versions = {'python': platform.python_version(), 'unihema_mm': __version__, **versions}
    report.devices = {'cpu_cores': cpu_cores(), 'cuda': [], 'mps': False}
    if not (3, 10) <= sys.version_info[:2] <= (3, 12):
        report.notes.append(f'Python {platform.python_version()} is outside the tested 3.10 to 3.12')
    if versions['torch'] is None:
        return report
    torch, error = attempt(lambda: importlib.import_module('torch'))
    if error:
        report.problems.append(Problem('torch', f'import torch fails ({error})', INSTALL_ALL))
        return report
    report.devices = find_devices(torch)
    distributed = torch.distributed
    available = distributed.is_available()
    report.distributed = {
        'gloo': available and distributed.is_gloo_available(),
        'nccl': available and distributed.is_nccl_available(),
    }
    examine_imports(report)
    examine_operators(report)
    return report


def as_text(report: Report) -> str:
    """Return the report for a reader."""
    lines = ['versions']
    lines += [f'  {name:<13} {version or "not installed"}' for name, version in report.versions.items()]
    devices = report.devices
    lines += ['devices', f'  cpu           {devices["cpu_cores"]} cores']
    lines += [f'  cuda          {", ".join(devices["cuda"]) or "none"}']
    lines += [f'  mps           {"available" if devices["mps"] else "none"}']
    lines += ['deformable attention (called forward and backward)']
    lines += [f'  {device:<13} {backend}' for device, backend in report.deformable_attention.items()] or [
        '  not tried'
    ]
    lines += ['distributed']
    lines += [
        f'  {name:<13} {"available" if there else "none"}' for name, there in report.distributed.items()
    ] or ['  unknown']
    lines += [f'note: {note}' for note in report.notes]
    for problem in report.problems:
        kind = 'missing' if problem.required else 'optional'
        lines += [f'{kind}: {problem.why}', f'  do: {problem.mend}']
    lines.append('usable' if report.usable else 'not usable')
    return '\n'.join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Print the report; return 0 where the project is usable, else 1."""
    parser = argparse.ArgumentParser(prog='python -m unihema_mm.doctor', description=__doc__.splitlines()[0])
    parser.add_argument('--json', action='store_true', help='print JSON')
    parser.add_argument(
        '--exit-zero', action='store_true', help='exit with 0 also where something is missing'
    )
    options = parser.parse_args(arguments)
    report = examine()
    print(json.dumps(report.as_dict(), indent=1) if options.json else as_text(report))
    return 0 if report.usable or options.exit_zero else 1


if __name__ == '__main__':
    sys.exit(main())
