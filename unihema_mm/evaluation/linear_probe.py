"""How well a linear classifier reads classes from frozen features."""

import logging
import warnings

import numpy as np
from mmengine.logging import print_log
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unihema_mm.utils.errors import InputError

MAX_ITER = 2000


def linear_probe(
    train_features: ArrayLike,
    train_labels: ArrayLike,
    test_features: ArrayLike,
    test_labels: ArrayLike,
    standardise: bool = False,
    max_iter: int = MAX_ITER,
) -> dict[str, float]:
    """Fit a logistic regression on frozen features and score it, the paper's protocol for classification.

    scikit-learn's multinomial ``LogisticRegression``, lbfgs, with C = classes x training samples / 100, where
    the classes are those of the training labels. (DinoBloom's probe has the feature dimensions in place of
    the samples.) A regularisation this weak may not converge within ``max_iter`` iterations; then the log
    says so.

    Args:
        train_features: Array or CPU tensor (n, d), e.g. the 256-d ``pred_feature`` of every training image.
        train_labels: Class indices (n, ).
        test_features: (m, d).
        test_labels: Class indices (m, ). A class that was not trained on can only be wrong.
        standardise: Whether to bring each feature to mean 0 and variance 1 on the training data. Not part of
            the paper's protocol.
        max_iter: Most iterations of the solver.

    Returns:
        ``accuracy``, ``macro_f1`` and ``weighted_f1`` on the test data in [0, 1]. The macro mean runs over
        the classes that occur among the test labels or the predictions. (The paper does not say which F1 its
        table shows.)

    Raises:
        InputError: Shapes do not fit, a feature is not finite, or there are fewer than two training classes
            or no test sample.
    """
    train_x, train_y = _checked('train', train_features, train_labels)
    test_x, test_y = _checked('test', test_features, test_labels)
    if train_x.shape[1] != test_x.shape[1]:
        raise InputError(
            f'linear probe: train features have {train_x.shape[1]} dimensions, test features '
            f'{test_x.shape[1]}; take both from the same model'
        )
    num_classes = len(np.unique(train_y))
    if num_classes < 2:
        raise InputError('linear probe: train_labels hold one class only; give two or more')
    model = LogisticRegression(C=num_classes * len(train_y) / 100, solver='lbfgs', max_iter=max_iter)
    if standardise:
        model = make_pipeline(StandardScaler(), model)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always', ConvergenceWarning)
        model.fit(train_x, train_y)
    for warning in caught:
        if not issubclass(warning.category, ConvergenceWarning):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    if any(issubclass(warning.category, ConvergenceWarning) for warning in caught):
        print_log(
            f'linear probe: lbfgs did not converge within {max_iter} iterations; '
            'raise max_iter or standardise the features to see whether the numbers change',
            'current',
            logging.WARNING,
        )
    predicted = model.predict(test_x)
    return {
        'accuracy': float(accuracy_score(test_y, predicted)),
        'macro_f1': float(f1_score(test_y, predicted, average='macro', zero_division=0)),
        'weighted_f1': float(f1_score(test_y, predicted, average='weighted', zero_division=0)),
    }


def _checked(name: str, features: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    features, labels = np.asarray(features, dtype=np.float64), np.asarray(labels)
    if features.ndim != 2 or labels.shape != features.shape[:1] or not len(labels):
        raise InputError(
            f'linear probe: {name} features are {features.shape}, labels {labels.shape}; '
            'give (n, d) and (n, ), n at least 1'
        )
    broken = ~np.isfinite(features).all(axis=1)
    if broken.any():
        raise InputError(
            f'linear probe: the {name} features of {broken.sum()} samples are not finite, '
            f'the first is number {np.flatnonzero(broken)[0]}; check the model'
        )
    return features, labels
