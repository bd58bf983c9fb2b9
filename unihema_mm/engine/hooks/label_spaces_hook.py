"""Checkpoints tell what the outputs of the model stand for."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from unihema_mm.engine.stages.label_spaces import (
    KEY,
    LabelSpaces,
    find_label_spaces,
    merge_label_spaces,
    stored_label_spaces,
)
from unihema_mm.engine.unwrap import built_datasets, unwrapped
from unihema_mm.registry import HOOKS


@HOOKS.register_module()
class LabelSpacesHook(Hook):
    """Write ``meta['label_spaces']`` into every checkpoint of a run.

    They hold the names of classes and attributes of its data, and the classes whose cells have an attribute
    in the training; a run that resumes, or loads weights with ``load_from``, adds its own to those of that
    checkpoint. See :mod:`unihema_mm.engine.stages.label_spaces`.

    Raises:
        InputError: Two data sets name the classes of one head differently.
    """

    def __init__(self) -> None:
        self._loaded: LabelSpaces = {}
        self._label_spaces: LabelSpaces = {}

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Take over the label spaces of the weights that the run begins with."""
        self._loaded = stored_label_spaces(checkpoint)

    def before_train(self, runner: Runner) -> None:
        """Find the label spaces of the data."""
        model = unwrapped(runner.model)
        names = {name for name, _ in model.named_modules()}
        loaded = {part: space for part, space in self._loaded.items() if part in names}
        own = find_label_spaces(
            model, built_datasets(runner, 'train', 'val'), built_datasets(runner, 'train')
        )
        self._label_spaces = merge_label_spaces(loaded, own)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Store the label spaces."""
        meta = checkpoint['meta']
        meta[KEY] = merge_label_spaces(meta.get(KEY, {}), self._label_spaces)
