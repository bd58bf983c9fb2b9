"""Predicting on the images of a command line, with files that a second run continues."""

import argparse
import os
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unihema_mm.utils.errors import InputError

from . import exit_codes
from .streams import tell

if TYPE_CHECKING:
    from unihema_mm.apis import FailedImage, ImageResult, UniHemaInferencer

    Item = ImageResult | FailedImage


def load_inferencer(args: argparse.Namespace) -> 'UniHemaInferencer':
    """Load the model that the options name.

    Raises:
        InputError: It cannot be loaded.
    """
    from unihema_mm.apis import UniHemaInferencer

    return UniHemaInferencer(args.model, args.config, args.device, args.download)


class PredictionRun:
    """Predicts on images and writes what is found.

    Args:
        inferencer: The model.
        inputs: Names, see :func:`~unihema_mm.cli.arguments.read_inputs`.
        asked: Arguments of the inferencer that decide its results; None for its default.
        batch_size: Images at a time.

    Attributes:
        predicted: Number of images.
        failed: Number of images.
        done_before: Number of images that an earlier run has written.
    """

    def __init__(
        self,
        inferencer: 'UniHemaInferencer',
        inputs: str | Sequence[str],
        asked: dict[str, Any],
        batch_size: int,
    ) -> None:
        self._inferencer = inferencer
        self._inputs = inputs
        self._asked = {name: value for name, value in asked.items() if value is not None}
        self._batch_size = batch_size
        self.predicted = self.failed = self.done_before = 0

    @property
    def exit_code(self) -> int:
        """Whether an image failed."""
        return exit_codes.SOME_FAILED if self.failed else exit_codes.ALL_FINE

    def write(
        self,
        out: str | os.PathLike | None,
        formats: Sequence[str],
        on_result: Callable[['Item'], None] | None = None,
    ) -> None:
        """Predict and write; images that an earlier run has written into the folder are left out.

        Args:
            out: Folder, None to write no files.
            formats: Formats of the files.
            on_result: Called with each result after its files were written.

        Raises:
            InputError: There is no image, an argument is wrong, or the folder holds something else.
        """
        done: set[str] = set()
        # What is wrong is told by this call, before the folder is made; images are read as items are taken.
        items = self._inferencer(self._inputs, batch_size=self._batch_size, skip=done, **self._asked)
        if out is None:
            self._take(items, on_result)
            return
        from unihema_mm.apis.writers import PredictionWriter

        self._check_formats(formats)
        with PredictionWriter(out, formats, self._settings()) as writer:
            done.update(writer.done)
            self.done_before = len(done)
            self._take((_written(writer, item) for item in items), on_result)

    def summary(self) -> str:
        """One line for the user."""
        parts = [f'{self.predicted} {"image" if self.predicted == 1 else "images"} predicted']
        parts += [f'{self.failed} failed'] if self.failed else []
        parts += [f'{self.done_before} done before'] if self.done_before else []
        return ', '.join(parts)

    def _take(self, items: Iterable['Item'], on_result: Callable[['Item'], None] | None) -> None:
        for item in items:
            if hasattr(item, 'error'):
                self.failed += 1
                tell(f'failed: {item.error}')
            else:
                self.predicted += 1
            if on_result is not None:
                on_result(item)

    def _check_formats(self, formats: Sequence[str]) -> None:
        """Tell before the first image what would fail on every one."""
        from unihema_mm.apis.request import make_request
        from unihema_mm.apis.writers import LabelWriter
        from unihema_mm.models.tasks import InstanceMaskTask, SegmentationTask

        loaded = self._inferencer.loaded
        texts = {name: self._asked.get(name) for name in ('tasks', 'questions', 'sentences')}
        tasks = make_request(loaded, **texts).tasks
        modules = [loaded.model.tasks[key] for key in tasks]
        has_masks = any(isinstance(module, InstanceMaskTask | SegmentationTask) for module in modules)
        if LabelWriter.format in formats and not has_masks:
            raise InputError(
                f'--formats: {LabelWriter.format} needs masks, which {", ".join(tasks)} do not give; the '
                f'model has learned {", ".join(loaded.learned)}; ask for one with masks, or drop the format'
            )

    def _settings(self) -> dict[str, Any]:
        """What makes predictions of two runs different ones."""
        from unihema_mm.utils.file_hash import file_sha256

        source = Path(self._inferencer.loaded.source).resolve()
        return {
            'inputs': _inputs_name(self._inputs),
            'model': '/'.join(source.parts[-2:]),
            'model_sha256': file_sha256(source),
            **self._asked,
        }


def _written(writer: Any, item: 'Item') -> 'Item':
    """Write a result; one that a format cannot hold becomes a failure of this image alone."""
    from unihema_mm.apis import FailedImage

    try:
        writer.write(item)
    except InputError as error:
        item = FailedImage(item.name, item.path, str(error))
        writer.write(item)
    return item


def _inputs_name(inputs: str | Sequence[str]) -> str:
    """Short text that differs where inputs do."""
    if isinstance(inputs, str):
        return os.path.abspath(inputs)
    paths = [os.path.abspath(path) for path in inputs]
    digest = sha256('\0'.join(paths).encode(errors='surrogateescape')).hexdigest()
    return f'{len(paths)} names from {paths[0]} to {paths[-1]}, SHA-256 {digest[:16]}'
