"""Predictions on images of any kind and number."""

import os
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import cv2
import torch
from tqdm import tqdm

from unihema_mm.structures.results import FailedImage, ImageResult
from unihema_mm.utils.errors import InputError

from .decoding import DecodedImage
from .loaded_model import load_model
from .predictor import Predictor
from .request import Request, make_request, split_texts
from .sources import ImageSource, ImageSources
from .tiling_choice import TileSize, TilingChoice

# What one image, and no other, may raise: its content, its size, and the memory that it takes.
_FAULTS = (InputError, cv2.error, RuntimeError, MemoryError)

_Waiting = list[tuple[ImageSource, DecodedImage | FailedImage]]


class UniHemaInferencer:
    """Predicts on blood smears with a trained :class:`~unihema_mm.models.UniHema`.

    It is used as mmdet's ``DetInferencer`` and mmpretrain's inferencers are: built with a model, called with
    images. Unlike these, which return all results of a call at once, it is an iterator of results, so that
    its memory does not grow with the number of images, and it draws and writes nothing: results are plain
    objects. It is no subclass of mmengine's ``BaseInferencer``, whose call is made of these two things.

    Args:
        model: Folder of a published model; checkpoint (``.pth``, ``.safetensors``); work folder of a run,
            whose last checkpoint is taken; or the name of a published model on the Hugging Face Hub.
        config: Config that the checkpoint was trained with; by default the one beside it.
        device: Such as 'cuda:0'; by default the GPU where there is one, else the CPU.
        download: Whether a name may be downloaded.

    Attributes:
        loaded (LoadedModel): The model and the names of its classes, attributes and tasks.

    Raises:
        InputError: The model cannot be loaded; one line says why.

    Example:
        >>> inferencer = UniHemaInferencer('published/detector')  # doctest: +SKIP
        >>> for result in inferencer('smears/'):  # doctest: +SKIP
        ...     print(result.name, len(result.cells))
    """

    def __init__(
        self,
        model: str | os.PathLike,
        config: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        download: bool = False,
    ) -> None:
        self.loaded = load_model(model, config, device, download)
        self._predict = Predictor(self.loaded)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks that the model has learned."""
        return self.loaded.learned

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes of detected cells, in the order of their ``label_id``."""
        return self.loaded.classes

    def __call__(
        self,
        inputs: Any,
        tasks: str | Sequence[str] | None = None,
        prompt: str | None = None,
        questions: str | Sequence[str] | None = None,
        sentences: str | Sequence[str] | None = None,
        score_threshold: float = 0.3,
        mask_threshold: float = 0.0,
        max_detections: int | None = None,
        batch_size: int = 1,
        tile: TileSize | Literal['auto'] | None = 'auto',
        tile_overlap: int | None = None,
        channel_order: str = 'rgb',
        skip: Container[str] = (),
        progress: bool = True,
    ) -> Iterator[ImageResult | FailedImage]:
        """Predict on images, one after another.

        Args:
            inputs: Path of an image; of a folder, with its subfolders; a pattern such as ``'smears/*.png'``;
                bytes of an image file; PIL image; array (height, width, 3) of uint8 in RGB, grey ones and
                those with alpha too; or any iterable of these.
            tasks: Tasks, such as ``('det', 'morph')``; by default all that the model has learned for fields
                of view, and those whose texts are given. 'cls', for images of single cells, is chosen by
                name, or where the model does nothing else. The first one chooses the size of the images, as
                in its test.
            prompt: Disease or cell words such as 'Malaria', for the tasks that a text guides; by default
                that of the test set.
            questions: Question or questions on each image.
            sentences: Sentence or sentences whose gaps, ``<extra_id_0>`` and so on, are filled from the
                image.
            score_threshold: Least confidence of a cell, 0 to 1.
            mask_threshold: Least confidence of the mask of a cell, 0 to 1; one below it is left out, the cell
                stays.
            max_detections: Cells per image at most; by default all that the model gives.
            batch_size: Images that go through the model together. Results do not depend on it.
            tile: Side of the tiles, or their width and height in pixels, by which larger images are
                predicted; cells should be as large on a tile as on the fields that the model was trained
                with. 'auto' takes the size of these fields, for images above 25 megapixels alone; None never
                takes tiles. ``batch_size`` then counts tiles.
            tile_overlap: Pixels that neighbouring tiles share, at least the size of the largest cell; by
                default 0.3 of the shorter side of a tile.
            channel_order: Order of the colours of arrays, 'rgb' or 'bgr'.
            skip: Names of images that are left out, such as those of an earlier run.
            progress: Whether a bar shows the progress on a terminal.

        Returns:
            Results in the order of the images. One that cannot be read or processed gives a
            :class:`FailedImage`, and the rest goes on. What is asked for is checked at once; images are read
            as results are taken.

        Raises:
            InputError: There is no image, the model has not learned a task, or an argument is wrong.
        """
        if not isinstance(batch_size, int) or batch_size < 1:
            raise InputError(f'batch_size: is {batch_size!r}; give a whole number of at least 1')
        request = make_request(
            self.loaded, tasks, prompt, questions, sentences, score_threshold, mask_threshold, max_detections
        )
        sources = ImageSources(inputs, channel_order, skip)
        bar = tqdm(total=_number(sources), unit='image', disable=None if progress else True)
        return self._stream(sources, request, batch_size, bar, self._choice(request, tile, tile_overlap))

    def _choice(
        self, request: Request, tile: TileSize | Literal['auto'] | None, overlap: int | None
    ) -> TilingChoice | None:
        if tile is None:
            return None
        try:
            on_tiles, _ = split_texts(self.loaded, request)
        except InputError:
            if tile == 'auto':
                return None
            raise
        return TilingChoice(tile, overlap, self.loaded.cfg, on_tiles.tasks[0])

    def _stream(
        self,
        sources: ImageSources,
        request: Request,
        batch_size: int,
        bar: tqdm,
        choice: TilingChoice | None,
    ) -> Iterator[ImageResult | FailedImage]:
        with bar:
            waiting: _Waiting = []
            readable = 0
            for source in sources:
                by_tiles = choice is not None and choice.takes_file(source.path)
                decoded = None if by_tiles else _decode(source)
                if choice is not None and isinstance(decoded, DecodedImage):
                    height, width = decoded.pixels.shape[:2]
                    if by_tiles := choice.takes(width, height):
                        source = replace(source, decode=partial(_same, decoded))
                if by_tiles:
                    yield from self._finish(waiting, request, bar)
                    waiting, readable = [], 0
                    yield self._tiled(source, request, choice, batch_size, not bar.disable)
                    bar.update()
                    continue
                waiting.append((source, decoded))
                readable += isinstance(decoded, DecodedImage)
                if readable == batch_size or not readable:
                    yield from self._finish(waiting, request, bar)
                    waiting, readable = [], 0
            yield from self._finish(waiting, request, bar)

    def _tiled(
        self, source: ImageSource, request: Request, choice: TilingChoice, batch_size: int, progress: bool
    ) -> ImageResult | FailedImage:
        try:
            return self._predict.tiled(source, request, choice.size, choice.overlap, batch_size, progress)
        except _FAULTS as fault:
            return _failed(source, fault)

    def _finish(self, waiting: _Waiting, request: Request, bar: tqdm) -> Iterator[ImageResult | FailedImage]:
        readable = [(source, image) for source, image in waiting if isinstance(image, DecodedImage)]
        results = iter(self._predict_or_fail(readable, request))
        for _, image in waiting:
            bar.update()
            yield image if isinstance(image, FailedImage) else next(results)

    def _predict_or_fail(
        self, images: list[tuple[ImageSource, DecodedImage]], request: Request
    ) -> list[ImageResult | FailedImage]:
        if not images:
            return []
        sources, decoded = zip(*images, strict=True)
        try:
            return self._predict(
                decoded, request, [source.name for source in sources], [source.path for source in sources]
            )
        except _FAULTS as fault:
            if len(images) == 1:
                return [_failed(sources[0], fault, decoded[0])]
        return [result for image in images for result in self._predict_or_fail([image], request)]


def _number(sources: ImageSources) -> int | None:
    try:
        return len(sources)
    except TypeError:
        return None


def _decode(source: ImageSource) -> DecodedImage | FailedImage:
    try:
        return source.decode()
    except Exception as fault:  # Pillow's parsers of broken files fail in many ways
        return _failed(source, fault)


def _same(image: DecodedImage) -> DecodedImage:
    return image


def _failed(source: ImageSource, fault: Exception, image: DecodedImage | None = None) -> FailedImage:
    text = ' '.join(str(fault).split()) or type(fault).__name__
    if image is not None and not isinstance(fault, InputError):
        height, width = image.pixels.shape[:2]
        text = f'{source.path or source.name}: image of {width}x{height} pixels cannot be processed ({text})'
    elif not isinstance(fault, InputError):
        text = f'{source.path or source.name}: image cannot be processed ({type(fault).__name__}: {text})'
    return FailedImage(source.name, source.path, text[:500])
