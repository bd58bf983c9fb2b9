"""A stage that is trained for two steps in this process, and what can be seen of it."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from mmengine.hooks import Hook
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from unihema_mm.engine.console_runner import ConsoleRunner
from unihema_mm.engine.launch import load_config, run_environment
from unihema_mm.engine.stages import Stage, apply_stage
from unihema_mm.utils.checkpoint import find_resume_checkpoint, read_checkpoint

STEPS = 2
# As small as it gets, but with running statistics, which GN has not and the full size has.
SMALL = {
    'model.num_queries': 20,
    'model.backbone.base_channels': 8,
    'model.backbone.norm_cfg': dict(type='BN', requires_grad=True, _delete_=True),
    'model.neck.in_channels': [16, 32, 64],
    'model.encoder.num_layers': 1,
    'model.decoder.num_layers': 2,
    'model.dn_cfg.group_cfg.num_dn_queries': 10,
    'model.test_cfg.max_per_img': 20,
    'model.tasks.seg.finder.shallow_dims': 16,
    'model.tasks.vqa.max_new_tokens': 4,
    'model.tasks.mlm.max_new_tokens': 4,
    'stage_data.num_workers': 0,
    'stage_data.batch_size': 2,
    'stage.sets': ['toy'],
    'stage.steps': STEPS,
    'default_hooks.checkpoint.interval': STEPS,
    'default_hooks.logger.interval': 1,
}


@dataclass(eq=False)
class Watched:
    """What one stage did.

    Attributes:
        declared: Its declaration.
        before: Parameters and buffers before the first step, those outside the state dict too.
        after: The same at the end.
        with_gradient: Parameters that got a gradient.
        ran: Parts of the model that ran, in training or validation.
        with_graph: Parts that kept a tensor for a backward pass, or gave out one with a gradient function.
        fusion_inputs: Whether the texts and the image tokens that CMF read had a gradient graph, in training.
        checkpoint: The last one.
        parameters: Parameters, each once.
    """

    declared: Stage
    before: dict[str, Tensor] = field(default_factory=dict)
    after: dict[str, Tensor] = field(default_factory=dict)
    with_gradient: set[str] = field(default_factory=set)
    ran: set[str] = field(default_factory=set)
    with_graph: set[str] = field(default_factory=set)
    fusion_inputs: set[tuple[bool, bool]] = field(default_factory=set)
    checkpoint: dict = field(default_factory=dict)
    parameters: dict[str, nn.Parameter] = field(default_factory=dict)

    def is_as_before(self, name: str) -> bool:
        """Whether a parameter or buffer has not changed in any bit."""
        return torch.equal(self.before[name], self.after[name])

    def is_trained(self, name: str) -> bool:
        """Whether the declaration names a parameter or buffer, or a module that it is in."""
        return any(name == part or name.startswith(f'{part}.') for part in self.declared.trains)


def train_watched(
    config: Path, work_dir: Path, validate: bool = False, options: dict | None = None
) -> Watched:
    """Train a stage for two steps."""
    begin = {'train_cfg.val_begin': 1 if validate else STEPS}  # after the only epoch, or never
    cfg = load_config(str(config), SMALL | begin | (options or {}), str(work_dir))
    cfg.stage.tasks = dict.fromkeys(cfg.stage.tasks, 1)
    watched = Watched(apply_stage(cfg))
    with run_environment(cfg):
        runner = ConsoleRunner.from_cfg(cfg)
        runner.register_hook(_Watcher(watched), priority='LOWEST')
        runner.train()
    watched.checkpoint = read_checkpoint(find_resume_checkpoint(work_dir))
    return watched


class _Watcher(Hook):
    def __init__(self, watched: Watched) -> None:
        self.watched = watched

    def before_train(self, runner) -> None:
        model = runner.model
        self.watched.before = _tensors(model)
        self.watched.parameters = dict(model.named_parameters())
        for name, module in _parts(model):
            _watch(name, module, self.watched)
        if model.text_fusion is not None:
            model.text_fusion.register_forward_pre_hook(self._see_fusion)
        for name, parameter in self.watched.parameters.items():
            if not parameter.requires_grad:
                continue
            parameter.register_hook(lambda gradient, name=name: self.watched.with_gradient.add(name))

    def after_train(self, runner) -> None:
        self.watched.after = _tensors(runner.model)

    def _see_fusion(self, module: nn.Module, args: tuple) -> None:
        if torch.is_grad_enabled():
            text, image, *_ = args
            self.watched.fusion_inputs.add((text.requires_grad, image.requires_grad))


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    named = (*model.named_parameters(), *model.named_buffers())
    return {name: value.detach().clone() for name, value in named}


def _parts(model: nn.Module):
    """Top-level modules, of those that hold several such as 'tasks' their members."""
    for name, module in model.named_children():
        if name in ('tasks', 'bbox_head'):
            yield from ((f'{name}.{key}', part) for key, part in module.named_children())
        else:
            yield name, module


def _watch(name: str, part: nn.Module, watched: Watched) -> None:
    """Note when anything in a part runs, and whether it keeps something for a backward pass."""
    calls: list[saved_tensors_hooks] = []

    def keep(tensor: Tensor) -> Tensor:
        watched.with_graph.add(name)
        return tensor

    def enter(module: nn.Module, args: tuple) -> None:
        watched.ran.add(name)
        calls.append(saved_tensors_hooks(keep, lambda tensor: tensor))
        calls[-1].__enter__()

    def leave(module: nn.Module, args: tuple, output: object) -> None:
        calls.pop().__exit__()
        if any(tensor.grad_fn is not None for tensor in _tensors_in(output)):
            watched.with_graph.add(name)

    for module in part.modules():
        module.register_forward_pre_hook(enter)
        module.register_forward_hook(leave)


def _tensors_in(value: object):
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors_in(item)
