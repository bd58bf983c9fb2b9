"""Optional rewriting of generated texts by another program, such as a local language model."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
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
    for texts in splits:
        for records in texts.questions:
            for record in records:
                record['question'] = new.get(record['question'], record['question'])
                if record['answer_type'] == 'open':
                    record['answer'] = new.get(record['answer'], record['answer'])
        for records in texts.sentences:
            for record in records:
                _rewrite_sentence(record, kept, new)
    report.used = len(new)
    return report


def keeps_truth(old: str, new: str, kept: Sequence[str]) -> bool:
    """Whether a rewriting says the same as far as that can be seen.

    It has each of the words ``kept`` as often as the original and the same numbers, negates neither more nor
    less, ends as the original does, and has no gap.
    """
    return (
        bool(new)
        and '<' not in new
        and new[-1:] == old[-1:]
        and all(_times(words, new) == _times(words, old) for words in kept)
        and sorted(re.findall(r'\d+', old)) == sorted(re.findall(r'\d+', new))
        and _negations(old) == _negations(new)
    )


def _rewrite_sentence(record: dict, kept: dict[str, Sequence[str]], new: dict[str, str]) -> None:
    """Put the gaps of a sentence into its new words; leave it where that is not clear."""
    text = new.get(record['completed'])
    if text is None:
        return
    masked = text
    for words in _gap_words(record['masked'], record['completed']):
        if _times(words, masked) != 1:
            return
        masked = re.sub(_pattern(words), GAP, masked, flags=re.IGNORECASE)
    record.update(masked=masked, completed=text)


def _gap_words(masked: str, completed: str) -> list[str]:
    pattern = '(.+)'.join(re.escape(part) for part in masked.split(GAP))
    return list(re.fullmatch(pattern, completed).groups())


def _times(words: str, text: str) -> int:
    return len(re.findall(_pattern(words), text, flags=re.IGNORECASE))


def _pattern(words: str) -> str:
    return rf'(?<!\w){re.escape(words)}(?!\w)'


def _negations(text: str) -> int:
    words = re.findall(r"[a-z']+", text.lower())
    return sum(word in _NEGATIONS or word.endswith("n't") for word in words)
