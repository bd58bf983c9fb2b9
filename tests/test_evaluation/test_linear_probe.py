"""The linear probe against scikit-learn."""

import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from unihema_mm.evaluation.linear_probe import linear_probe
from unihema_mm.utils.errors import InputError


def blobs(count, seed, spread=1.0, classes=3):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    return 2 * np.eye(classes, 8)[labels] + rng.normal(0, spread, (count, 8)), labels


def test_equals_scikit_learn_with_the_papers_c():
    train, test = blobs(60, 0), blobs(40, 1)
    found = linear_probe(*train, *test)
    model = LogisticRegression(C=3 * 60 / 100, max_iter=2000).fit(*train)
    predicted = model.predict(test[0])
    assert 0.6 < found['accuracy'] < 1
    assert found == {
        'accuracy': pytest.approx((predicted == test[1]).mean()),
        'macro_f1': pytest.approx(f1_score(test[1], predicted, average='macro')),
        'weighted_f1': pytest.approx(f1_score(test[1], predicted, average='weighted')),
    }


def test_regularisation_decides():
    """The numbers above must be those of the paper's C, not of any C."""
    train, test = blobs(60, 0), blobs(400, 1)
    other = LogisticRegression(C=1e-3, max_iter=2000).fit(*train).score(*test)
    assert linear_probe(*train, *test)['accuracy'] != pytest.approx(other)


def test_tensors_and_a_class_that_was_not_trained_on():
    (features, labels), test = blobs(60, 0, 0.1), blobs(40, 1, 0.1, classes=4)
    found = linear_probe(torch.tensor(features).float(), torch.tensor(labels), *test)
    assert found['accuracy'] == pytest.approx(0.75)


def test_standardised_features_ignore_scale():
    (features, labels), test = blobs(60, 0), blobs(40, 1)
    scale = np.logspace(-4, 4, 8)
    one = linear_probe(features, labels, *test, standardise=True)
    other = linear_probe(features * scale, labels, test[0] * scale, test[1], standardise=True)
    assert one == pytest.approx(other)


def test_warns_when_it_does_not_converge(monkeypatch):
    logger, lines = MMLogger.get_instance('test_probe'), []
    monkeypatch.setattr(MMLogger, 'get_current_instance', lambda: logger)
    monkeypatch.setattr(logger, 'log', lambda level, text: lines.append(text))
    train = blobs(60, 0)
    linear_probe(*train, *train, max_iter=1)
    assert 'did not converge within 1 iterations' in lines[0]
    lines.clear()
    linear_probe(*train, *train)
    assert lines == []


def test_wrong_input():
    features, labels = blobs(6, 0)
    with pytest.raises(InputError, match='one class only'):
        linear_probe(features, labels * 0, features, labels)
    with pytest.raises(InputError, match='test features are'):
        linear_probe(features, labels, features, labels[:3])
    with pytest.raises(InputError, match='test features are'):
        linear_probe(features, labels, features[:0], labels[:0])
    with pytest.raises(InputError, match='take both from the same model'):
        linear_probe(features, labels, features[:, :4], labels)
    features[2, 1] = np.nan
    with pytest.raises(InputError, match='of 1 samples are not finite, the first is number 2'):
        linear_probe(features, labels, blobs(6, 0)[0], labels)
