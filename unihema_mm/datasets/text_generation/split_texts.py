"""The texts of one split: questions and gaps chosen, worded and put to their images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .balance import Group, balanced_size, choose
from .class_words import ClassWords
from .facts import ImageFacts
from .grammar import fill_gaps
from .questions import QuestionSheet
from .sentences import choose_sentences


class AskedFact(NamedTuple):
    """One chosen question or gap, for the report.

    Attributes:
        kind: Kind of the question.
        key: What is asked, in any wording.
        text: The question, or the template of the sentence with the name of the gap.
        answer: The right answer, in one wording.
    """

    kind: str
    key: str
    text: str
    answer: str


@dataclass
class SplitTexts:
    """Generated texts of a split.

    Attributes:
        questions: One list of question records per image.
        sentences: One list of sentence records per image.
        kept: Text -> words that a rewriting of it must keep, for the texts that may be rewritten.
        asked: What is asked.
        found: What could have been asked: (kind, key) -> answer -> number of images.
    """

    questions: list[list[dict]]
    sentences: list[list[dict]]
    kept: dict[str, Sequence[str]] = field(default_factory=dict)
    asked: list[AskedFact] = field(default_factory=list)
    found: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)


def generate_split(
    facts: Sequence[ImageFacts],
    images: Sequence[str],
    words: ClassWords,
    attributes: Mapping[str, Sequence[str]],
    limits: Mapping[str, Sequence[int]],
    seed: int,
    per_image: float,
) -> SplitTexts:
    """Generate the questions and sentences of a split.

    Args:
        facts: What is known about each image.
        images: Their names, which with the seed decide every choice.
        words: The classes of the set.
        attributes: Attribute -> its values.
        limits: Class -> numbers of 'more than n'.
        seed: Seed of the choices.
        per_image: Mean number of questions per image at most, over the images with any.
    """
    texts = SplitTexts([[] for _ in images], [[] for _ in images])
    _add_questions(texts, facts, images, QuestionSheet(words, attributes, limits), seed, per_image)
    _add_sentences(texts, facts, images, words, seed)
    return texts


def _add_questions(
    texts: SplitTexts,
    facts: Sequence[ImageFacts],
    images: Sequence[str],
    sheet: QuestionSheet,
    seed: int,
    per_image: float,
) -> None:
    for number, image in enumerate(facts):
        sheet.add_image(number, image)
    share = _share([question.group for question in sheet.questions.values()], per_image)
    for key in sorted(sheet.questions):
        group, wording = sheet.questions[key].group, sheet.questions[key].wording
        _note_found(texts, group)
        for number, answer, turn in choose(group, images, seed, share):
            text = wording.questions[turn % len(wording.questions)]
            answers = wording.answers[answer]
            told = answers[turn // len(wording.questions) % len(answers)]
            texts.kept[text] = wording.kept
            if answer in wording.told:
                texts.kept[told] = wording.told[answer]
            texts.questions[number].append(
                dict(
                    question=text,
                    answer=told,
                    answer_type='closed' if group.closed else 'open',
                    generated=True,
                )
            )
            texts.asked.append(AskedFact(group.kind, group.key, text, answer))


def _share(groups: Sequence[Group], per_image: float) -> float:
    """Part of the balanced questions that makes ``per_image`` of them on average."""
    total, asked = 0, set()
    for group in groups:
        sizes = {answer: len(found) for answer, found in group.members.items()}
        size = balanced_size(sizes, group.closed)
        total += sum(min(size, found) for found in sizes.values())
        asked.update(number for found in group.members.values() for number in found)
    return min(1.0, per_image * len(asked) / total) if total else 1.0


def _add_sentences(
    texts: SplitTexts, facts: Sequence[ImageFacts], images: Sequence[str], words: ClassWords, seed: int
) -> None:
    chosen, groups = [], {}
    for number, (image, name) in enumerate(zip(facts, images, strict=True)):
        chosen.append(choose_sentences(image, words, name, seed))
        for sentence in chosen[-1]:
            for slot, key in sentence.keys.items():
                group = groups.setdefault(key, Group(key, 'gap in a sentence', closed=False))
                group.add(sentence.slots[slot], number)
    gaps = set()
    for key in sorted(groups):
        _note_found(texts, groups[key])
        for number, answer, _ in choose(groups[key], images, seed):
            gaps.add((number, key, answer))
    for number, sentences in enumerate(chosen):
        for sentence in sentences:
            open_slots = [
                slot for slot, key in sentence.keys.items() if (number, key, sentence.slots[slot]) in gaps
            ]
            if not open_slots:
                continue
            record = fill_gaps(sentence.template, sentence.slots, open_slots)
            texts.sentences[number].append(record)
            texts.kept[record['completed']] = (*sentence.slots.values(), *sentence.kept)
            texts.asked += [
                AskedFact('gap in a sentence', key, f'{record["masked"]} {slot}', sentence.slots[slot])
                for slot, key in sentence.keys.items()
                if slot in open_slots
            ]


def _note_found(texts: SplitTexts, group: Group) -> None:
    texts.found[group.kind, group.key] = {answer: len(found) for answer, found in group.members.items()}
