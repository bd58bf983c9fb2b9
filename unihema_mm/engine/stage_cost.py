"""What the stages of a family cost, each run for a few steps in processes of its own."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from unihema_mm.engine.curriculum.family import find_stages
from unihema_mm.engine.curriculum.tool_run import run_tool
from unihema_mm.engine.data_paths import dataset_configs
from unihema_mm.engine.hooks.step_cost_hook import COST_FILE
from unihema_mm.engine.launch import load_config
from unihema_mm.engine.stages import apply_stage
from unihema_mm.utils.atomic import write_bytes, write_json
from unihema_mm.utils.checkpoint import find_resume_checkpoint
from unihema_mm.utils.errors import InputError

RESULT_FILE = 'stage_cost.json'
_GIB = 2**30
_COLUMNS = {
    'stage': lambda cost: str(cost['stage']),
    'images': lambda cost: _images(cost['images']),
    'trained': lambda cost: f'{cost["trained_parameters"] / 1e6:.1f} M',
    'frozen': lambda cost: f'{cost["frozen_parameters"] / 1e6:.1f} M',
    'training, RSS': lambda cost: _gib(cost['train_peak_bytes']),
    'test, RSS': lambda cost: _gib(cost.get('test_peak_bytes')),
    's per step': lambda cost: f'{sum(cost["seconds"]) / len(cost["seconds"]):.1f}',
    'weights': lambda cost: _gib(cost['weight_bytes']),
    'gradients, optimizer': lambda cost: _gib(cost['gradient_bytes'] + cost['optimizer_bytes']),
    'activations': lambda cost: _gib(cost['activation_bytes']),
    'TFLOP per step': lambda cost: f'{cost["flops"] / 1e12:.2f}',
}


@dataclass(frozen=True)
class CostOptions:
    """How the stages are measured.

    Attributes:
        tools: Folder of ``train.py`` and ``test.py``.
        stages: Numbers of the stages, all by default.
        cfg_options: Values that replace those of every config.
        steps: Training steps.
        samples: Samples of each task in a step, those of the config by default.
        for_gpu: Whether images have the largest size of the multi-scale training, and deformable attention
            keeps what its CUDA kernel keeps.
        test: Whether one sample of each data set is tested.
        say: Prints a line.
    """

    tools: Path
    stages: Sequence[int] | None = None
    cfg_options: Mapping | None = None
    steps: int = 2
    samples: int | None = None
    for_gpu: bool = False
    test: bool = True
    say: Callable[[str], None] = print


def measure_stages(family: Path, work_dir: Path, options: CostOptions) -> list[dict[str, Any]]:
    """Train each stage for a few steps from those before it, and test it.

    Args:
        family: Folder with ``stage1.py``, ``stage2.py``, ...
        work_dir: Stage k works in ``stage<k>`` below it; the results are in ``stage_cost.json``.
        options: See the class.

    Returns:
        Per stage what :class:`StepCostHook` has measured, and ``train_peak_bytes`` and ``test_peak_bytes``,
        the largest resident memory of the processes.

    Raises:
        InputError: A config cannot be completed, or a program fails.
    """
    costs = []
    for number, path in enumerate(find_stages(family), start=1):
        if options.stages and number not in options.stages:
            continue
        costs.append({'stage': number, **_measure(path, work_dir / f'stage{number}', options)})
        options.say(cost_table(costs[-1:]).splitlines()[-1])
        write_json(work_dir / RESULT_FILE, costs)
    return costs


def cost_table(costs: Sequence[Mapping[str, Any]]) -> str:
    """Draw the costs of stages as a Markdown table; sizes in GiB."""
    rows = [[*_COLUMNS], ['---'] * len(_COLUMNS)]
    rows += [[cell(cost) for cell in _COLUMNS.values()] for cost in costs]
    return '\n'.join(f'| {" | ".join(row)} |' for row in rows)


def _measure(path: Path, folder: Path, options: CostOptions) -> dict[str, Any]:
    config = folder.parent / 'configs' / path.name
    write_bytes(config, _measured_config(path, folder, options).pretty_text.encode())
    folder.mkdir(parents=True, exist_ok=True)
    end = _run(options, 'train', config, '--work-dir', folder)
    cost = {**json.loads((folder / COST_FILE).read_text()), 'train_peak_bytes': end}
    if options.test:
        checkpoint = find_resume_checkpoint(folder)
        cost['test_peak_bytes'] = _run(options, 'test', config, checkpoint, '--work-dir', folder)
    return cost


def _measured_config(path: Path, folder: Path, options: CostOptions) -> Config:
    """Config of a stage with a few steps, no validation, and a test on one sample of each set."""
    cfg = load_config(str(path), dict(options.cfg_options or {}), str(folder))
    if options.samples is not None:
        cfg.stage.tasks = dict.fromkeys(cfg.stage.tasks, options.samples)
    cfg.stage.steps = options.steps
    apply_stage(cfg)
    cfg.train_cfg.max_epochs = 1
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.default_hooks.checkpoint.update(by_epoch=False, interval=options.steps)
    cfg.custom_hooks = [*cfg.custom_hooks, dict(type='StepCostHook', kernel_memory=options.for_gpu)]
    for dataset in dataset_configs(cfg.test_dataloader):
        dataset.indices = 1
    if options.for_gpu:
        for dataset in dataset_configs(cfg.train_dataloader):
            dataset.pipeline = [*_largest(dataset.pipeline)]
    return cfg


def _largest(pipeline: Sequence[Mapping]) -> Iterator[Mapping]:
    """The same pipeline with the first of each choice, and the largest size of a multi-scale one."""
    for step in pipeline:
        if step.get('type') == 'RandomChoice':
            yield from _largest(step['transforms'][0])
        elif 'scales' in step:
            yield {**step, 'scales': [max(step['scales'], key=lambda scale: scale[0] * scale[1])]}
        else:
            yield step


def _run(options: CostOptions, name: str, *arguments: object) -> int:
    """Run a program; returns its peak memory in bytes."""
    folder = Path(str(arguments[-1]))
    log = folder / f'{name}.log'
    log.unlink(missing_ok=True)
    end = run_tool([str(options.tools / f'{name}.py'), *map(str, arguments)], log)
    if end.code:
        lines = [line for line in log.read_text(errors='replace').splitlines() if line.strip()]
        reason = next((line for line in reversed(lines) if line.startswith('error: ')), lines[-1])
        raise InputError(
            f'{name}.py ended with exit code {end.code}, see {log}: {reason.removeprefix("error: ")}'
        )
    return end.peak_bytes


def _gib(size: int | None) -> str:
    return '' if size is None else f'{size / _GIB:.2f}'


def _images(shapes: Sequence[Sequence[int]]) -> str:
    """Sizes with their numbers, '2 of 800x1067, 4 of 512x512'."""
    texts = ['x'.join(map(str, shape)) for shape in shapes]
    return ', '.join(f'{texts.count(text)} of {text}' for text in dict.fromkeys(texts))
