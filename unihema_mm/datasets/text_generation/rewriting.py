"""Optional rewriting of generated texts by another program, such as a local language model."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Protocol

from .grammar import GAP
from .split_texts import SplitTexts

_NEGATIONS = {'no', 'not', 'none', 'never', 'without', 'neither', 'nor', 'cannot'}


class TextRewriter(Protocol):
    """What a rewriter does; register one in ``TASK_UTILS``."""

    def rewrite(self, texts: Sequence[str]) -> list[str]:
        """Word texts anew, one result per text; the same texts must give the same results."""


@dataclass
class Rewriting:
    """What became of the texts that were handed to a rewriter.

    Attributes:
        texts: Different texts.
        used: Texts that are used in their new words.
        unchanged: Texts that came back as they were.
        rejected: Texts whose rewriting lost or changed the truth; the original is kept.
    """

    texts: int = 0
    used: int = 0
    unchanged: int = 0
    rejected: int = 0

    def __str__(self) -> str:
        return (
            f'{self.texts} different texts, {self.used} in new words, {self.unchanged} returned unchanged, '
            f'{self.rejected} rejected for lost or changed words'
        )

    def as_dict(self) -> dict[str, int]:
        """The numbers by their names."""
        return asdict(self)


def rewrite_texts(splits: Iterable[SplitTexts], rewriter: TextRewriter) -> Rewriting:
    """Rewrite questions, open answers and sentences in place; closed answers stay.

    Each text is rewritten once for all its places, so the answers to its words stay balanced.

    Args:
        splits: Texts of all splits.
        rewriter: The rewriter.

    Raises:
        ValueError: The rewriter returns another number of texts.
    """
    splits = list(splits)
    kept = {text: words for texts in splits for text, words in texts.kept.items()}
    originals = sorted(kept)
    rewritten = [' '.join(text.split()) for text in rewriter.rewrite(originals)]
    if len(rewritten) != len(originals):
        raise ValueError(f'the rewriter returned {len(rewritten)} texts for {len(originals)}')
    report, new = Rewriting(len(originals)), {}
    taken = set(originals)
    for old, text in zip(originals, rewritten, strict=True):
        if text == old:
            report.unchanged += 1
        elif text not in taken and keeps_truth(old, text, kept[old]):
            new[old] = text
            taken.add(text)
        else:
            report.rejected += 1
    moved = _move_all_gaps(splits, new, report)
    for texts in splits:
        for records in texts.questions:
            for record in records:
                record['question'] = new.get(record['question'], record['question'])
                if record['answer_type'] == 'open':
                    record['answer'] = new.get(record['answer'], record['answer'])
        for records in texts.sentences:
            for record in records:
                record.update(moved.get((record['masked'], record['completed']), record))
    report.used = len(new)
    return report


def keeps_truth(old: str, new: str, kept: Sequence[str]) -> bool:
    """Whether a rewriting says the same as far as that can be seen.

    It has the words ``kept`` and the numbers as often and in the same order as the original, negates neither
    more nor less, ends as the original does, and has no gap.
    """
    return (
        bool(new)
        and '<' not in new
        and new[-1:] == old[-1:]
        and _sequence(kept, new) == _sequence(kept, old)
        and re.findall(r'\d+', old) == re.findall(r'\d+', new)
        and _negations(old) == _negations(new)
    )


def _move_all_gaps(
    splits: Sequence[SplitTexts], new: dict[str, str], report: Rewriting
) -> dict[tuple[str, str], dict]:
    """New records of the sentences in ``new``; those that cannot hold their gaps are taken out of it."""
    moved = {}
    for record in (record for texts in splits for records in texts.sentences for record in records):
        old = record['completed']
        if old in new:
            made = move_gaps(record, new[old])
            if made is None:
                del new[old]
                report.rejected += 1
            else:
                moved[record['masked'], old] = made
    return {key: made for key, made in moved.items() if key[1] in new}


def move_gaps(record: dict, text: str) -> dict | None:
    """Put the gaps of a sentence into its new words.

    Args:
        record: Sentence record of the annotation schema.
        text: The whole sentence in its new words.

    Returns:
        The new record; ``None`` where the words of a gap are not found as often as before.
    """
    old, spans, place = record['completed'], [], 0
    parts = record['masked'].split(GAP)
    words = re.fullmatch('(.+)'.join(map(re.escape, parts)), old).groups()
    for part, word in zip(parts, words, strict=False):
        place += len(part)
        before = [match.start() for match in _find(word, old)]
        after = [match.span() for match in _find(word, text)]
        if place not in before or len(before) != len(after):
            return None
        spans.append(after[before.index(place)])
        place += len(word)
    if any(start < end for (_, end), (start, _) in pairwise(sorted(spans))):
        return None
    masked = text
    for start, end in sorted(spans, reverse=True):
        masked = masked[:start] + GAP + masked[end:]
    return {**record, 'masked': masked, 'completed': text}


def _sequence(words: Sequence[str], text: str) -> list[str]:
    """The words in the order in which they stand in a text; a plural counts as its singular."""
    found = {(match.start(), word.lower()) for word in words for match in _find(word, text, plural='s?')}
    return [word for _, word in sorted(found)]


def _find(words: str, text: str, plural: str = '') -> list[re.Match]:
    return list(re.finditer(rf'(?<!\w){re.escape(words)}{plural}(?!\w)', text, flags=re.IGNORECASE))


def _negations(text: str) -> int:
    words = re.findall(r"[a-z']+", text.lower())
    return sum(word in _NEGATIONS or word.endswith("n't") for word in words)
