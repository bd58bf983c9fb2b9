"""Time of two models, measured alternately so that a change of the machine's load hits both."""

import platform
import statistics
import time
from collections.abc import Callable, Sequence
from copy import deepcopy

import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from torch import nn

from unihema_mm.engine.hooks.exact_resume_hook import seed_generators
from unihema_mm.registry import MODELS

PROMPTS = ('Malaria', 'complete blood count', 'Sickle cell disease')


def synthetic_batch(size: tuple[int, int], objects: Sequence[int], num_classes: int, seed: int = 0) -> dict:
    """Batch of noise images with random boxes, as a loader gives it.

    Args:
        size: Height and width in pixels.
        objects: Number of objects of each image; its length is the batch size.
        num_classes: Labels lie in [0, num_classes).
        seed: Seed of images and boxes.

    Returns:
        ``inputs``, uint8 tensors (3, H, W), and ``data_samples`` with ``gt_instances`` and ``text``.
    """
    generator = torch.Generator().manual_seed(seed)
    height, width = size
    inputs, samples = [], []
    for number, count in enumerate(objects):
        inputs.append(torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=generator))
        centre = torch.rand(count, 2, generator=generator) * torch.tensor([width, height])
        half = (0.02 + 0.06 * torch.rand(count, 2, generator=generator)) * min(size)
        boxes = torch.cat([centre - half, centre + half], dim=1)
        boxes[:, 0::2] = boxes[:, 0::2].clamp(0, width)
        boxes[:, 1::2] = boxes[:, 1::2].clamp(0, height)
        words = PROMPTS[number % len(PROMPTS)]
        sample = DetDataSample(metainfo=dict(
            img_id=number, img_shape=size, ori_shape=size, scale_factor=(1.0, 1.0),
            text=f'This image is for the detection of {words} cells'))  # fmt: skip
        sample.gt_instances = InstanceData(
            bboxes=boxes, labels=torch.randint(0, num_classes, (count,), generator=generator)
        )
        samples.append(sample)
    return dict(inputs=inputs, data_samples=samples)


def build_pair(cfg: Config, baseline: Config, device: torch.device) -> tuple[nn.Module, nn.Module]:
    """Build both models with the same weights wherever the names agree, and without backbone download."""
    models = []
    for config in (cfg, baseline):
        init_default_scope(config.get('default_scope', 'unihema_mm'))
        model_cfg = deepcopy(config.model)
        model_cfg.backbone.init_cfg = None
        model = MODELS.build(model_cfg)
        model.init_weights()
        models.append(model.to(device))
    models[0].load_state_dict(models[1].state_dict(), strict=False)
    return models[0], models[1]


def steps(model: nn.Module, cfg: Config, batch: dict, mode: str) -> Callable[[], None]:
    """One training step or prediction of ``model`` as a function without arguments.

    Args:
        model: Detector.
        cfg: Its config, for ``optim_wrapper``.
        batch: See :func:`synthetic_batch`.
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
