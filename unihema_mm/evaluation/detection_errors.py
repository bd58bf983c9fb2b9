"""Single errors of detections."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .cell_matching import Field, match_field, overlaps

INVENTED = 'false positive'
MISSED = 'false negative'
CONFUSED = 'confused'
WRONG_ATTRIBUTE = 'wrong attribute'
KINDS = (INVENTED, MISSED, CONFUSED, WRONG_ATTRIBUTE)


@dataclass(frozen=True)
class CellError:
    """One error.

    Attributes:
        kind: One of :data:`KINDS`.
        class_name: True class; the predicted one of a false positive.
        note: What was predicted, in words.
        path: Image file.
        box: The annotated box, the predicted one of a false positive: x1, y1, x2, y2.
        score: Confidence of the detection, 0 for a missed cell.
    """

    kind: str
    class_name: str
    note: str
    path: str
    box: tuple[float, float, float, float]
    score: float


def find_errors(
    fields: Iterable[Field],
    classes: Sequence[str],
    attributes: Mapping[str, Sequence[str]] | None = None,
    score_thr: float = 0.3,
    iou_thr: float = 0.5,
) -> list[CellError]:
    """List what is wrong.

    Args:
        fields: Fields of view.
        classes: Class names.
        attributes: Attribute -> values, where cells have some. A cell of the right class with several wrong
            attributes is one error; attributes that are not annotated are none.
        score_thr: Lowest score of a detection.
        iou_thr: Smallest IoU of a detection with its cell; see :func:`match_field`.

    Returns:
        The errors by falling confidence.
    """
    errors = []
    for field in fields:
        truth = field.truth
        found, matches = match_field(field, score_thr, iou_thr)
        again = (overlaps(truth, found) >= iou_thr).any(axis=0)

        def add(
            kind: str, label: int, note: str, box: np.ndarray, score: float, path: str = field.path
        ) -> None:
            errors.append(CellError(kind, classes[label], note, path, tuple(box.tolist()), float(score)))

        for place in matches.invented:
            score = found.scores[place]
            note = f'{score:.0%}, a cell that another detection has' if again[place] else f'{score:.0%}'
            add(INVENTED, found.labels[place], note, found.boxes[place], score)
        for place in matches.missed:
            add(MISSED, truth.labels[place], 'not found', truth.boxes[place], 0)
        for row, column in matches.pairs:
            box, score = truth.boxes[row], found.scores[column]
            if truth.labels[row] != found.labels[column]:
                note = f'called {classes[found.labels[column]]} {score:.0%}'
                add(CONFUSED, truth.labels[row], note, box, score)
            elif attributes and truth.attributes is not None and found.attributes is not None:
                wrong = _wrong(truth.attributes[row], found.attributes[column], attributes)
                if wrong:
                    add(WRONG_ATTRIBUTE, truth.labels[row], ', '.join(wrong), box, score)
    return sorted(errors, key=lambda error: -error.score)


def _wrong(truth: np.ndarray, found: np.ndarray, attributes: Mapping[str, Sequence[str]]) -> list[str]:
    return [
        f'{name.replace("_", " ")}: {values[given]}, not {values[true]}'
        for (name, values), true, given in zip(attributes.items(), truth, found, strict=True)
        if true >= 0 and given >= 0 and true != given
    ]
