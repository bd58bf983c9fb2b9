"""What a model says about an image, as plain objects that need neither torch nor a model."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

RESEARCH_USE = 'For research use only. Not a medical device.'


@dataclass(frozen=True)
class CellMask:
    """Mask of one cell, cut out of its image.

    Attributes:
        x: Left column of the cut-out in the image, pixels.
        y: Its top row, pixels.
        pixels: Bool, (h, w).
    """

    x: int
    y: int
    pixels: np.ndarray


@dataclass(frozen=True)
class Cell:
    """One cell on a field.

    Attributes:
        bbox: x1, y1, x2, y2 in pixels of the original image, floating point, within the image.
        label: Class name.
        label_id: Its place in :attr:`ImageResult.classes`.
        score: Confidence, 0 to 1.
        attributes: Attribute -> value, where the model predicts morphology.
        attribute_scores: Attribute -> confidence of its value, 0 to 1.
        mask: Its mask, where instance masks were asked for.
        mask_score: Confidence of the mask, 0 to 1.
    """

    bbox: tuple[float, float, float, float]
    label: str
    label_id: int
    score: float
    attributes: Mapping[str, str] = field(default_factory=dict)
    attribute_scores: Mapping[str, float] = field(default_factory=dict)
    mask: CellMask | None = None
    mask_score: float | None = None


@dataclass(frozen=True)
class CellClass:
    """Class of a single-cell image.

    Attributes:
        label: The most probable class.
        label_id: Its place in ``scores``.
        score: Its probability, 0 to 1.
        scores: Class -> probability.
        attributes: Attribute -> value, where the model predicts morphology of single cells.
    """

    label: str
    label_id: int
    score: float
    scores: Mapping[str, float]
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """Answer to one question on an image."""

    question: str
    answer: str


@dataclass(frozen=True)
class Sentence:
    """One sentence with gaps, and its completion from the image."""

    masked: str
    completed: str


@dataclass(frozen=True)
class ImageResult:
    """All that was predicted on one image.

    A task that was not asked for leaves its field at the default: ``cells`` is then None, whereas a field of
    view without cells has an empty tuple.

    Attributes:
        name: Name within its source, unique in a run: path below the given folder, or ``image_<k>``.
        path: File, None for an image that was given as bytes or array.
        width: Pixels of the original image, after its EXIF orientation was applied.
        height: As ``width``.
        tasks: Tasks that were run.
        prompt: Prompt of the text-guided tasks.
        classes: Class names of the detector, in the order of ``label_id``.
        cells: Detected cells by falling score; None where detection was not asked for.
        mask: Foreground of the prompt, uint8 (height, width), 0 or 1.
        cell_class: Class of a single-cell image.
        answers: Answers, in the order of the questions.
        sentences: Completed sentences, in the order given.
        thresholds: Settings that decided what is listed, e.g. ``{'score': 0.3}``.
        seconds: Time from decoded image to result.
        warnings: What the reader should know, one line each.
    """

    name: str
    path: str | None
    width: int
    height: int
    tasks: tuple[str, ...]
    prompt: str | None = None
    classes: tuple[str, ...] = ()
    cells: tuple[Cell, ...] | None = None
    mask: np.ndarray | None = None
    cell_class: CellClass | None = None
    answers: tuple[Answer, ...] = ()
    sentences: tuple[Sentence, ...] = ()
    thresholds: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class FailedImage:
    """An image that could not be read or predicted; the rest of the run goes on.

    Attributes:
        name: As in :class:`ImageResult`.
        path: File, None where there is none.
        error: One line: what is wrong and how to mend it.
    """

    name: str
    path: str | None
    error: str
