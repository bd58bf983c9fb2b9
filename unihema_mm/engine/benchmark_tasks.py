"""What each task costs beside a baseline: jobs to be timed, and to be watched for memory."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from torch import nn

from unihema_mm.engine.benchmark import steps
from unihema_mm.engine.benchmark_batches import random_texts, task_batch
from unihema_mm.models.features import SmearFeatures, Tokens
from unihema_mm.models.tasks import TextGenerationTask
from unihema_mm.utils.errors import InputError

# Features that are the output of backbone, neck and image encoder, which a baseline calls itself.
DIRECT = {'backbone', 'levels', 'tokens', 'memory'}
DIRECT_LIMIT, TEXTS_LIMIT = 1.05, 2.0


class Row(NamedTuple):
    """One line of the table.

    Attributes:
        task: Key of the task.
        mode: 'train', one step with the optimizer; 'predict'; or 'texts', a prediction of many texts on one
            image.
        against: The baseline in words.
        limit: Largest ratio to the baseline that is to be met, if there is one.
    """

    task: str
    mode: str
    against: str
    limit: float | None


class Setting(NamedTuple):
    """What the times and the memory depend on.

    Attributes:
        cfg: Config of a model with tasks.
        size: Height and width of the images in pixels.
        objects: Number of objects of each image; its length is the batch size.
        texts: Number of texts on the one image of mode 'texts'.
        new_tokens: Length of all generated texts in tokens.
        device: Device of the model.
    """

    cfg: Config
    size: tuple[int, int]
    objects: tuple[int, ...]
    texts: int
    new_tokens: int
    device: str


def rows(
    setting: Setting, model: nn.Module, modes: Sequence[str], tasks: Sequence[str] | None = None
) -> list[Row]:
    """The lines of the table for a model.

    Tasks that read the image encoder alone are compared with direct calls of backbone, neck, image encoder
    and their own layers; all others with backbone, neck and image encoder.

    Args:
        setting: See :class:`Setting`.
        model: Built from its config.
        modes: 'train', 'predict' or both; texts belong to 'predict'.
        tasks: Keys of the tasks to measure. Defaults to all.

    Raises:
        InputError: The model has no tasks, or lacks one of those given.
    """
    known = getattr(model, 'tasks', {})
    for key in tasks or ():
        if key not in known:
            raise InputError(
                f'--tasks: {key!r} is no task of this model, which has {", ".join(known) or "none"}'
            )
    if not known:
        raise InputError(
            f'{setting.cfg.filename}: the model has no tasks; compare it with another by --compare'
        )
    found = []
    for key in tasks or known:
        direct = _is_direct(known[key])
        against = 'image encoder and the layers of the task' if direct else 'image encoder'
        limit = DIRECT_LIMIT if direct else None
        found += [Row(key, mode, against, limit) for mode in modes]
        if isinstance(known[key], TextGenerationTask) and 'predict' in modes:
            against = f'1 text and {setting.texts - 1} decodes'
            found.append(Row(key, 'texts', against, TEXTS_LIMIT))
    return found


def jobs(setting: Setting, model: nn.Module, row: Row) -> tuple[Callable[[], None], Callable[[], None]]:
    """The task and its baseline as functions without arguments.

    Args:
        setting: See :class:`Setting`.
        model: Built from its config.
        row: One of :func:`rows`.
    """
    task = model.tasks[row.task]
    if isinstance(task, TextGenerationTask):
        task.max_new_tokens = setting.new_tokens
        model.text_decoder.model.generation_config.min_new_tokens = setting.new_tokens
    if row.mode == 'texts':
        return _texts_jobs(setting, model, row.task)
    batch = task_batch(row.task, task, setting.size, setting.objects, model.bbox_head.num_classes)
    return (
        steps(model, setting.cfg, batch, row.mode),
        _encoder_job(setting.cfg, model, batch, row.mode, row.task),
    )


def _is_direct(task: nn.Module) -> bool:
    return set(task.reads) <= DIRECT


def _encoder_job(cfg: Config, model: nn.Module, batch: dict, mode: str, key: str) -> Callable[[], None]:
    """Backbone, neck and image encoder, called directly, and the layers of a task that reads nothing else."""
    task = model.tasks[key]
    parts = nn.ModuleDict({name: getattr(model, name) for name in ('backbone', 'neck', 'encoder')})
    if _is_direct(task):
        parts['task'] = task

    def forward() -> tuple[list, dict]:
        data = model.data_preprocessor(deepcopy(batch), mode == 'train')
        samples = data['data_samples']
        maps = tuple(model.backbone(data['inputs']))
        levels = model.project(maps)
        inputs, _ = model.pre_transformer(levels, samples)
        shapes = inputs['spatial_shapes']
        memory = model.forward_encoder(**inputs)
        return samples, dict(
            backbone=maps,
            levels=levels,
            tokens=Tokens(inputs['feat'], inputs['feat_mask'], shapes),
            memory=Tokens(memory['memory'], memory['memory_mask'], shapes),
        )

    def loss() -> torch.Tensor:
        samples, features = forward()
        if 'task' not in parts:
            return features['memory'].values.mean()
        losses = task.loss(samples, **{name: features[name] for name in task.reads})
        return sum(value for name, value in losses.items() if 'loss' in name)

    def predict() -> None:
        model.eval()
        with torch.no_grad():
            samples, features = forward()
            if 'task' in parts:
                task.predict(samples, **{name: features[name] for name in task.reads})

    if mode == 'predict':
        return predict
    if not any(param.requires_grad for param in parts.parameters()):
        return lambda: forward() and None
    optim_wrapper = build_optim_wrapper(parts, deepcopy(cfg.optim_wrapper))

    def train() -> None:
        model.train()
        with optim_wrapper.optim_context(model):
            total = loss()
        optim_wrapper.update_params(total)

    return train


def _texts_jobs(
    setting: Setting, model: nn.Module, key: str
) -> tuple[Callable[[], None], Callable[[], None]]:
    """Many texts on one image; and one on it, then the others from given image tokens, as one batch."""
    task = model.tasks[key]
    rng = np.random.default_rng(1)
    batch = task_batch(key, task, setting.size, setting.objects[:1], model.bbox_head.num_classes)
    data = model.eval().data_preprocessor(deepcopy(batch), False)
    with torch.no_grad():
        reader = SmearFeatures(model, data['inputs'], data['data_samples']).reader

    def ask(samples: list, number: int) -> None:
        # New texts in every call: an encoder that is frozen keeps those it has read.
        samples[0].set_metainfo({task.source: random_texts(rng, number)})

    def predict(number: int) -> None:
        own = deepcopy(batch)
        ask(own['data_samples'], number)
        model.eval()
        with torch.no_grad():
            model.test_step(own)

    def predict_one_and_decode() -> None:
        predict(1)
        samples = deepcopy(data['data_samples'])
        ask(samples, setting.texts - 1)
        with torch.no_grad():
            task.predict(samples, reader=reader)

    return lambda: predict(setting.texts), predict_one_and_decode
