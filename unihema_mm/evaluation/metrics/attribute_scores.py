"""F1 and accuracy of attributes."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from sklearn.metrics import accuracy_score, f1_score
from terminaltables import AsciiTable

from unihema_mm.structures.attributes import MISSING
from unihema_mm.utils.errors import InputError

NO_VALUE = -1  # predicted for a cell that was not found


class AttributeScore(NamedTuple):
    """Scores of one attribute in [0, 1]; None where there is nothing to score."""

    cells: int
    """Cells on which the attribute is annotated."""
    f1: float | None
    """F1 of the second value where there are two (e.g. 'prominent', not 'absent'), else the macro F1."""
    macro_f1: float | None
    """Mean F1 over the values that occur among the truth or the predictions."""
    accuracy: float | None


def score_attributes(
    truth: np.ndarray, predicted: np.ndarray, attributes: Mapping[str, Sequence[str]]
) -> dict[str, AttributeScore]:
    """Score every attribute on the cells on which it is annotated.

    A prediction of ``NO_VALUE`` is an error: a false negative of the true value, a false positive of none.
    The F1 of a value that is neither shown nor predicted is undefined; here it is None, scikit-learn says 0.

    Args:
        truth: Labels int (n, A), -1 where an attribute is not annotated.
        predicted: Labels int (n, A).
        attributes: Attribute name -> its values, in the order of the columns.

    Returns:
        Attribute name -> scores.

    Raises:
        InputError: The labels do not fit the attributes.
    """
    for what, labels in (('true', truth), ('predicted', predicted)):
        _check(labels, attributes, what)
    return {
        name: _score(truth[:, column], predicted[:, column], len(values))
        for column, (name, values) in enumerate(attributes.items())
    }


def mean_over_attributes(scores: Mapping[str, AttributeScore], field: str) -> float | None:
    """Mean of a field of :class:`AttributeScore` over the attributes that have it; None where none has."""
    values = [getattr(score, field) for score in scores.values() if getattr(score, field) is not None]
    return float(np.mean(values)) if values else None


def attribute_table(scores: Mapping[str, AttributeScore]) -> str:
    """Table of the scores for the log, with the means in the last row."""
    rows = [['attribute', 'cells', 'F1', 'macro F1', 'accuracy']]
    for name, score in scores.items():
        rows.append([name, score.cells, *map(_text, score[1:])])
    means = [mean_over_attributes(scores, field) for field in AttributeScore._fields[1:]]
    rows.append(['mean', '', *map(_text, means)])
    return AsciiTable(rows).table


def _score(truth: np.ndarray, predicted: np.ndarray, num_values: int) -> AttributeScore:
    annotated = truth != MISSING
    truth, predicted = truth[annotated], predicted[annotated]
    if not truth.size:
        return AttributeScore(0, None, None, None)
    present = np.union1d(truth, predicted[predicted != NO_VALUE])
    macro = float(f1_score(truth, predicted, labels=present, average='macro', zero_division=0))
    f1 = macro
    if num_values == 2:
        second = (
            f1_score(truth, predicted, labels=[1], average=None, zero_division=0) if 1 in present else None
        )
        f1 = None if second is None else float(second[0])
    return AttributeScore(len(truth), f1, macro, float(accuracy_score(truth, predicted)))


def _check(labels: np.ndarray, attributes: Mapping[str, Sequence[str]], what: str) -> None:
    if labels.ndim != 2 or labels.shape[1] != len(attributes):
        raise InputError(
            f'attributes: the {what} labels are {labels.shape}, the data set has {len(attributes)} '
            f'attributes ({", ".join(attributes)}); give model and data set the same attributes'
        )
    for column, (name, values) in zip(labels.T, attributes.items(), strict=True):
        wrong = column[(column < min(MISSING, NO_VALUE)) | (column >= len(values))]
        if wrong.size:
            raise InputError(
                f'attributes: {name}: the {what} label {wrong[0]} is no index of {list(values)}; '
                'give model and data set the same attributes'
            )


def _text(value: float | None) -> str:
    return '-' if value is None else f'{value:.3f}'
