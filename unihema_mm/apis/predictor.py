"""Predictions on images in memory."""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch

from unihema_mm.structures.results import ImageResult

from .collect import collect
from .decoding import DecodedImage
from .loaded_model import LoadedModel
from .preparation import Preparation
from .request import Request, split_texts
from .sources import ImageSource


class Predictor:
    """Runs a model on decoded images.

    All that is asked of an image goes through the model as one data sample, so that its vision pass is
    shared by tasks and questions.

    Args:
        loaded: The model.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self.loaded = loaded
        self._preparation = lru_cache(lambda task: Preparation(loaded.cfg, task))

    def __call__(
        self,
        images: Sequence[DecodedImage],
        request: Request,
        names: Sequence[str],
        paths: Sequence[str | None] | None = None,
    ) -> list[ImageResult]:
        """Predict one batch.

        Args:
            images: n images, decoded.
            request: What is asked of each of them.
            names: Their names.
            paths: Their files.

        Returns:
            n results; the time of the batch is shared equally.
        """
        start = time.perf_counter()
        paths = paths or [None] * len(images)
        prepare = self._preparation(request.tasks[0])
        packed = [
            prepare(image.pixels, path or name, request.metainfo)
            for image, name, path in zip(images, names, paths, strict=True)
        ]
        batch = {key: [item[key] for item in packed] for key in ('inputs', 'data_samples')}
        with torch.inference_mode():
            samples = self.loaded.model.test_step(batch)
        seconds = (time.perf_counter() - start) / len(images)
        return [
            collect(sample, self.loaded, request, name, path, seconds, image.warnings)
            for sample, image, name, path in zip(samples, images, names, paths, strict=True)
        ]

    def tiled(
        self,
        source: ImageSource,
        request: Request,
        size: int | tuple[int, int],
        overlap: int | None = None,
        batch_size: int = 1,
        progress: bool = False,
    ) -> ImageResult:
        """Predict a large image tile by tile; texts are answered from the whole, shrunk to one tile.

        Args:
            source: The image; a file is not decoded as a whole where its format allows.
            request: What is asked of it.
            size: Side of a tile, or its width and height, pixels.
            overlap: Pixels that neighbours share; see :func:`~unihema_mm.apis.tiling.tiles`.
            batch_size: Tiles that go through the model together.
            progress: Whether to show a bar over the tiles.
        """
        # Their readers of large files are imported for large images alone.
        from .image_regions import ArrayRegions, open_regions
        from .tiled_inference import predict_tiled

        on_tiles, on_whole = split_texts(self.loaded, request)
        on_tiles = replace(on_tiles, max_detections=None)  # it is for the image

        def predict(windows: Sequence[np.ndarray], asked: Request | None = on_tiles) -> list[ImageResult]:
            images = [DecodedImage(np.ascontiguousarray(window[..., ::-1])) for window in windows]
            return self(images, asked, [source.name] * len(images))

        if source.path is None:
            decoded = source.decode()
            opened = nullcontext(ArrayRegions(decoded.pixels, bgr=True, warnings=decoded.warnings))
        else:
            opened = open_regions(source.path)
        with opened as regions:
            result = predict_tiled(
                regions,
                predict,
                size,
                overlap,
                batch_size,
                overview=on_whole and (lambda image: predict([image], on_whole)[0]),
                progress=progress,
            )
        cells = result.cells and result.cells[: request.max_detections]
        return replace(
            result, path=source.path, tasks=request.tasks, cells=cells, thresholds=request.thresholds
        )
