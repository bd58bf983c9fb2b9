"""What a model says about an image, as plain objects that need neither torch nor a model."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from unihema_mm.utils.errors import InputError

from .mask_rle import decode_image, decode_pixels, encode_pixels

RESEARCH_USE = 'For research use only. Not a medical device.'
SCHEMA_VERSION = '1.0'


@dataclass(frozen=True, eq=False)
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

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CellMask):
            return NotImplemented
        return (self.x, self.y) == (other.x, other.y) and np.array_equal(self.pixels, other.pixels)

    def __hash__(self) -> int:
        return hash((self.x, self.y, self.pixels.shape))


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


@dataclass(frozen=True, eq=False)
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

    Example:
        >>> result = ImageResult('a.png', None, 64, 48, ('det',), classes=('RBC',), cells=())
        >>> ImageResult.from_dict(result.to_dict()) == result
        True
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

    def __eq__(self, other: object) -> bool:
        return self.to_dict() == other.to_dict() if isinstance(other, ImageResult) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.name, self.path, self.tasks))

    def to_dict(self) -> dict[str, Any]:
        """Plain types that JSON can hold.

        Returns:
            ``schema_version``, ``use`` (:data:`RESEARCH_USE`) and the attributes by their names, those of
            cells, answers and so on as well. A mask is ``{'size': [height, width], 'counts': str}``, COCO's
            compressed run-length encoding of the whole image. What was not asked for is None.
        """
        return {
            'schema_version': SCHEMA_VERSION,
            'use': RESEARCH_USE,
            'name': self.name,
            'path': self.path,
            'width': self.width,
            'height': self.height,
            'tasks': list(self.tasks),
            'prompt': self.prompt,
            'classes': list(self.classes),
            'cells': None if self.cells is None else [self._cell(cell) for cell in self.cells],
            'mask': None if self.mask is None else encode_pixels(self.mask, 0, 0, self.width, self.height),
            'cell_class': None if self.cell_class is None else _plain(self.cell_class),
            'answers': [_plain(answer) for answer in self.answers],
            'sentences': [_plain(sentence) for sentence in self.sentences],
            'thresholds': dict(self.thresholds),
            'seconds': self.seconds,
            'warnings': list(self.warnings),
        }

    def to_json(self, indent: int | None = None) -> str:
        """:meth:`to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> 'ImageResult':
        """Read what :meth:`to_dict` has made.

        Args:
            content: The dictionary.

        Raises:
            InputError: It is of another kind or version, or a field is missing or unknown.
        """
        version = content.get('schema_version')
        if version != SCHEMA_VERSION:
            raise InputError(
                f'schema_version: is {version!r}, this version reads {SCHEMA_VERSION!r}; predict again'
            )
        fields = {key: value for key, value in content.items() if key not in ('schema_version', 'use')}
        name = fields.get('name')
        try:
            for key in ('tasks', 'classes', 'warnings'):
                fields[key] = tuple(fields[key])
            if fields['cells'] is not None:
                fields['cells'] = tuple(_read_cell(cell) for cell in fields['cells'])
            if fields['mask'] is not None:
                fields['mask'] = decode_image(fields['mask'])
            if fields['cell_class'] is not None:
                fields['cell_class'] = CellClass(**fields['cell_class'])
            fields['answers'] = tuple(Answer(**answer) for answer in fields['answers'])
            fields['sentences'] = tuple(Sentence(**sentence) for sentence in fields['sentences'])
            return cls(**fields)
        except KeyError as error:
            raise InputError(f'prediction of {name!r}: {error.args[0]} is missing; predict again') from None
        except (TypeError, ValueError) as error:
            raise InputError(
                f'prediction of {name!r}: a field is not what it should be ({error}); predict again'
            ) from None

    def _cell(self, cell: Cell) -> dict[str, Any]:
        content = _plain(cell)
        if cell.mask is not None:
            content['mask'] = encode_pixels(
                cell.mask.pixels, cell.mask.x, cell.mask.y, self.width, self.height
            )
        return content


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

    def to_dict(self) -> dict[str, Any]:
        """Plain types that JSON can hold: ``schema_version``, ``use`` and the attributes by their names."""
        return {'schema_version': SCHEMA_VERSION, 'use': RESEARCH_USE, **_plain(self)}


def _plain(item: Any) -> dict[str, Any]:
    """Attributes of a dataclass without nested ones; mappings as dictionaries, tuples as lists."""
    content = dict(vars(item))
    for key, value in content.items():
        if isinstance(value, Mapping):
            content[key] = dict(value)
        elif isinstance(value, tuple):
            content[key] = list(value)
    return content


def _read_cell(content: Mapping[str, Any]) -> Cell:
    fields = {**content, 'bbox': tuple(content['bbox'])}
    if fields['mask'] is not None:
        pixels, x, y = decode_pixels(fields['mask'])
        fields['mask'] = CellMask(x, y, pixels)
    return Cell(**fields)
