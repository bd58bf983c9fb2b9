"""How much of the generated text can be answered without the image."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from ..schema import SPLITS
from .split_texts import AskedFact, SplitTexts


def prior_table(splits: Mapping[str, SplitTexts]) -> dict[str, dict]:
    """Measure, for each kind of question, what a reader of the text alone knows.

    Args:
        splits: Split -> its texts.

    Returns:
        Kind -> ``number`` (split -> questions), ``most_frequent`` (share of the most frequent answer to a
        question, averaged over the questions of all splits), ``unbalanced`` (the same among all that could
        have been asked), and ``text_only`` (split -> accuracy of a reader who gives the most frequent answer
        of train to the same words, or else to the same question in other words). Shares are 0 to 1.
    """
    kinds = sorted({fact.kind for texts in splits.values() for fact in texts.asked})
    return {kind: _row(kind, splits) for kind in kinds}


def prior_lines(table: Mapping[str, dict]) -> list[str]:
    """Print a table of :func:`prior_table` in per cent."""
    head = (
        f'{"kind":28} {"train":>6} {"val":>6} {"test":>6} {"unbalanced":>10} {"top answer":>10}'
        f' {"text val":>8} {"text test":>9}'
    )
    lines = [head]
    for kind, row in table.items():
        numbers = ' '.join(f'{row["number"].get(split, 0):6}' for split in SPLITS)
        val, test = (_percent(row['text_only'].get(split)) for split in ('val', 'test'))
        lines.append(
            f'{kind:28} {numbers} {_percent(row["unbalanced"]):>10} {_percent(row["most_frequent"]):>10}'
            f' {val:>8} {test:>9}'
        )
    return lines


def _row(kind: str, splits: Mapping[str, SplitTexts]) -> dict:
    asked = {split: [fact for fact in texts.asked if fact.kind == kind] for split, texts in splits.items()}
    given, found = defaultdict(Counter), defaultdict(Counter)
    for split, texts in splits.items():
        for fact in asked[split]:
            given[split, fact.key][fact.answer] += 1
        for (other, key), sizes in texts.found.items():
            if other == kind:
                found[split, key].update(sizes)
    return {
        'number': {split: len(facts) for split, facts in asked.items()},
        'unbalanced': _top_share(found.values()),
        'most_frequent': _top_share(given.values()),
        'text_only': {
            split: _accuracy(asked.get('train', []), facts)
            for split, facts in asked.items()
            if split != 'train' and facts and 'train' in asked
        },
    }


def _top_share(counters: Iterable[Counter]) -> float:
    counters = list(counters)
    total = sum(counter.total() for counter in counters)
    return sum(max(counter.values()) for counter in counters) / total if total else 0.0


def _accuracy(train: Sequence[AskedFact], test: Sequence[AskedFact]) -> float:
    by_text, by_key, overall = defaultdict(Counter), defaultdict(Counter), Counter()
    for fact in train:
        by_text[fact.text][fact.answer] += 1
        by_key[fact.key][fact.answer] += 1
        overall[fact.answer] += 1
    right = 0
    for fact in test:
        counter = by_text.get(fact.text) or by_key.get(fact.key) or overall
        # Of equally frequent answers the first in the alphabet, so that the number is the same every time.
        guess = min(counter, key=lambda answer: (-counter[answer], answer), default=None)
        right += guess == fact.answer
    return right / len(test)


def _percent(share: float | None) -> str:
    return '-' if share is None else f'{100 * share:.1f}'
