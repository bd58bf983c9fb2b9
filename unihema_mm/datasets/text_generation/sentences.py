"""Sentences about each image, and the words in them that may become gaps."""

from collections.abc import Mapping
from typing import NamedTuple

from .attribute_words import words_of_attribute
from .balance import uniform
from .class_words import ClassWords
from .facts import CellGroup, ImageFacts
from .grammar import enumerate_items
from .wording import (
    CELL_SENTENCES,
    COUNT_SENTENCES,
    LEUKEMIA_SENTENCES,
    SINGLE_COUNT_SENTENCES,
    WHITE_SENTENCES,
    white_cell_slots,
)

MAX_SENTENCES = 2
MAX_COUNTS = 4


class Sentence(NamedTuple):
    """A sentence on an image.

    Attributes:
        template: Text with slots in braces.
        slots: Slot -> its words.
        keys: Slot that may become a gap -> what is asked there; the gaps of one key are balanced.
        kept: Words that a rewriting must keep beside those in the slots.
    """

    template: str
    slots: dict[str, str]
    keys: dict[str, str]
    kept: tuple[str, ...]


def choose_sentences(facts: ImageFacts, words: ClassWords, image: str, seed: int) -> list[Sentence]:
    """Choose at most two sentences for an image.

    Args:
        facts: What is known about it.
        words: The classes of the set.
        image: Its name, which together with the seed decides the choice.
        seed: Seed of the choice.
    """
    found = [
        *_on_counts(facts.counts, words, image, seed),
        *_on_cell(facts, words),
        *(sentence for group in facts.groups for sentence in _on_group(group, words)),
    ]
    # Two sentences of the same words are one.
    found = list({sentence.template.format_map(sentence.slots): sentence for sentence in found}.values())
    found.sort(key=lambda sentence: uniform(seed, image, sentence.template))
    return found[:MAX_SENTENCES]


def _on_counts(counts: Mapping[str, int], words: ClassWords, image: str, seed: int) -> list[Sentence]:
    if not any(counts.values()):
        return []
    single = len(counts) == 1
    return [
        _count_sentence(template, counts, words, (image, template), seed)
        for template in (SINGLE_COUNT_SENTENCES if single else COUNT_SENTENCES)
    ]


def _count_sentence(
    template: str, counts: Mapping[str, int], words: ClassWords, place: tuple[str, ...], seed: int
) -> Sentence:
    order = sorted(counts, key=lambda name: uniform(seed, *place, name))[:MAX_COUNTS]
    slots = {f'count{number}': str(counts[name]) for number, name in enumerate(order)}
    keys = {f'count{number}': f'count of {name}' for number, name in enumerate(order)}
    nouns = [words.noun(name, 2) for name in order]
    gaps = enumerate_items([f'{{{slot}}}' for slot in slots])
    filled = template.replace('{names}', enumerate_items(nouns)).replace('{counts}', gaps)
    return Sentence(filled, slots, keys, tuple(nouns))


def _on_cell(facts: ImageFacts, words: ClassWords) -> list[Sentence]:
    cell = words.common_noun
    name = words.noun(facts.class_name) if facts.class_name else ''
    if facts.attributes:
        try:
            slots = white_cell_slots(facts.attributes, name or cell)
        except KeyError:
            return _on_values(facts.attributes, cell)
        keys = [slot for slot in slots if slot != 'name' or name]
        return [_sentence(template, slots, keys) for template in WHITE_SENTENCES]
    if not name:
        return []
    return [_sentence(template, {'cell': cell, 'name': name}, ['name']) for template in CELL_SENTENCES]


def _on_group(group: CellGroup, words: ClassWords) -> list[Sentence]:
    """Sentences on the attributes in which all cells of a class agree."""
    shared = group.shared
    noun = words.noun(group.name, len(group.cells))
    slots = {**shared, 'name': noun}
    known = [
        _sentence(template, slots, list(slots))
        for template in LEUKEMIA_SENTENCES
        if set(_slots_in(template)) <= slots.keys()
    ]
    return known or (_on_values(shared, noun) if len(group.cells) == 1 else [])


def _on_values(values: Mapping[str, str], cell: str) -> list[Sentence]:
    sentences = []
    for name, value in values.items():
        words = words_of_attribute(name)
        template = words.state.format(cell=cell, value='{value}')
        slots = {'value': words.words.get(value, value)}
        sentences.append(Sentence(template, slots, {'value': f'{name} of {cell}'}, (cell, *name.split('_'))))
    return sentences


def _sentence(template: str, slots: dict[str, str], gaps: list[str]) -> Sentence:
    inside = _slots_in(template)
    keys = {slot: f'{slot} in {template}' for slot in inside if slot in gaps}
    kept = tuple(word for slot in inside for word in slot.split('_'))
    return Sentence(template, {slot: slots[slot] for slot in inside}, keys, kept)


def _slots_in(template: str) -> list[str]:
    return [part.split('}')[0] for part in template.split('{')[1:]]
