"""Predictions on images in memory."""

import time
from collections.abc import Sequence
from functools import lru_cache

import torch

from unihema_mm.structures.results import ImageResult

from .collect import collect
from .decoding import DecodedImage
from .loaded_model import LoadedModel
from .preparation import Preparation
from .request import Request


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
