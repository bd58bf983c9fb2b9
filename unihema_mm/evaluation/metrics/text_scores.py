"""BLEU, ROUGE-L and exact match of generated sentences."""

from collections.abc import Sequence

import numpy as np
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU

MAX_ORDER = 4


def bleu(predictions: Sequence[str], targets: Sequence[str]) -> dict[str, float]:
    """Corpus BLEU-1 to BLEU-4 by sacrebleu.

    BLEU-n is the geometric mean of the precisions of 1-grams to n-grams, times the brevity penalty.
    Tokenisation '13a' of the lower-cased text, exponential smoothing, no effective order, one reference each.

    Args:
        predictions: One or more sentences; an empty one is allowed.
        targets: As many true sentences.

    Returns:
        ``bleu1`` to ``bleu4`` in [0, 100]; without those orders that no true sentence is long enough for.
    """
    scores = {}
    for order in range(1, MAX_ORDER + 1):
        # force: no advice on standard error that the text seems to be tokenised already
        metric = BLEU(
            max_ngram_order=order, lowercase=True, tokenize='13a', effective_order=False, force=True
        )
        if metric.corpus_score(targets, [targets]).totals[-1] == 0:
            break
        scores[f'bleu{order}'] = float(metric.corpus_score(predictions, [targets]).score)
    return scores


def rouge_l(predictions: Sequence[str], targets: Sequence[str]) -> float:
    """Mean F of ROUGE-L over the sentences in [0, 100], by rouge-score, lower case and without stemming."""
    scorer = RougeScorer(['rougeL'], use_stemmer=False)
    scores = [
        scorer.score(target, prediction)['rougeL'].fmeasure
        for prediction, target in zip(predictions, targets, strict=True)
    ]
    return 100 * float(np.mean(scores))


def normalise(text: str) -> str:
    """Form in which sentences are compared: lower case, single blanks, no final full stop."""
    return ' '.join(text.lower().split()).removesuffix('.').rstrip()
