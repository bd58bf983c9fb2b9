"""Time of two models, measured alternately so that a change of the machine's load hits both."""

import platform
import statistics
import time
from collections.abc import Callable
from copy import deepcopy

import numpy as np
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from torch import nn

from unihema_mm.engine.hooks.exact_resume_hook import seed_generators
from unihema_mm.registry import MODELS


def build_model(cfg: Config, device: torch.device) -> nn.Module:
    """Build the model of a config with random weights, without backbone download."""
    init_default_scope(cfg.get('default_scope', 'unihema_mm'))
    model_cfg = deepcopy(cfg.model)
    model_cfg.backbone.init_cfg = None
    model = MODELS.build(model_cfg)
    model.init_weights()
    return model.to(device)


def build_pair(cfg: Config, baseline: Config, device: torch.device) -> tuple[nn.Module, nn.Module]:
    """Build both models with the same weights wherever the names agree."""
    models = [build_model(config, device) for config in (cfg, baseline)]
    models[0].load_state_dict(models[1].state_dict(), strict=False)
    return models[0], models[1]


def steps(model: nn.Module, cfg: Config, batch: dict, mode: str) -> Callable[[], None]:
    """One training step or prediction of ``model`` as a function without arguments.

    Args:
        model: Detector.
        cfg: Its config, for ``optim_wrapper``.
        batch: See :func:`~unihema_mm.engine.benchmark_batches.synthetic_batch`.
        mode: 'train' or 'predict'.
    """
    if mode == 'train':
        optim_wrapper = build_optim_wrapper(model, deepcopy(cfg.optim_wrapper))

        def step() -> None:
            model.train()
            model.train_step(deepcopy(batch), optim_wrapper)
    else:

        def step() -> None:
            model.eval()
            with torch.no_grad():
                model.test_step(deepcopy(batch))

    return step


def compare(first: Callable, second: Callable, iters: int, warmup: int, device: torch.device) -> dict:
    """Time two functions in turns, the order changing every turn.

    Args:
        first: Function under test.
        second: Baseline.
        iters: Number of turns.
        warmup: Turns that are not counted.
        device: Device to wait for.

    Returns:
        ``ratio`` (median of the ratios first / second of each turn), ``ratio_quartiles``, and the median
        ``seconds`` and ``baseline_seconds``.
    """
    times: dict[Callable, list[float]] = {first: [], second: []}
    for turn in range(warmup + iters):
        for function in (first, second) if turn % 2 == 0 else (second, first):
            seed_generators(turn)
            seconds = _seconds(function, device)
            if turn >= warmup:
                times[function].append(seconds)
    ratios = np.divide(times[first], times[second])
    return dict(
        ratio=float(np.median(ratios)),
        ratio_quartiles=np.quantile(ratios, (0.25, 0.75)).tolist(),
        seconds=statistics.median(times[first]),
        baseline_seconds=statistics.median(times[second]),
    )


def environment(device: torch.device) -> dict:
    """What a time depends on, beside the model."""
    name = (
        torch.cuda.get_device_name(device)
        if device.type == 'cuda'
        else platform.processor() or platform.machine()
    )
    return dict(device=f'{device.type} ({name})', threads=torch.get_num_threads(), torch=torch.__version__)


def _seconds(function: Callable, device: torch.device) -> float:
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    function()
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
    return time.perf_counter() - start
