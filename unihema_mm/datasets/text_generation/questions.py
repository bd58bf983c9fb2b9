"""All questions that the facts of a split allow, before some of them are chosen."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

import numpy as np

from .attribute_words import AttributeWords, words_of_attribute
from .balance import Group
from .class_words import ClassWords
from .facts import CellGroup, ImageFacts
from .grammar import with_article
from .wording import (
    ALL_HAVE,
    CELL_TYPE,
    CELL_TYPE_ANSWERS,
    COUNT,
    COUNT_ANSWERS,
    HOW_MANY_HAVE,
    HOW_MANY_HAVE_ANSWER,
    IS_CELL_TYPE,
    MORE_OF,
    MORE_THAN,
    PRESENCE,
    WHICH_CELL_TYPE,
)

YES_NO = {'Yes': ('Yes',), 'No': ('No',)}
_LIMITS = (0.3, 0.7)


class Wording(NamedTuple):
    """The words of a question.

    Attributes:
        questions: Its wordings.
        answers: Answer -> its wordings.
        kept: Words that a rewritten question must keep.
        told: Answer -> words that a rewritten answer must keep.
    """

    questions: Sequence[str]
    answers: dict[str, Sequence[str]]
    kept: Sequence[str] = ()
    told: dict[str, Sequence[str]] = {}


@dataclass
class Question:
    """A question with all its places in a split.

    Attributes:
        group: Where it can be asked, and what is right there.
        wording: Its words; wordings of answers are added as they occur.
    """

    group: Group
    wording: Wording


@dataclass
class QuestionSheet:
    """Collects the questions of a split.

    Attributes:
        words: The classes of the set.
        attributes: Attribute -> its values.
        limits: Class -> numbers that 'more than n' is asked with, see :func:`count_limits`.
        questions: Key -> question.
    """

    words: ClassWords
    attributes: Mapping[str, Sequence[str]]
    limits: Mapping[str, Sequence[int]]
    questions: dict[str, Question] = field(default_factory=dict)

    def add_image(self, number: int, facts: ImageFacts) -> None:
        """Add all questions that can be asked about an image.

        Args:
            number: Number of the image in its split.
            facts: What is known about it.
        """
        if facts.class_name:
            self._ask_class(number, facts.class_name)
        if facts.attributes:
            self._ask_attributes(number, self.words.common_noun, facts.attributes)
        self._ask_counts(number, facts.counts)
        for group in facts.groups:
            self._ask_group(number, group)

    def _add(
        self, number: int, key: str, kind: str, answer: str, closed: bool, make: Callable[[], Wording]
    ) -> None:
        question = self.questions.get(key)
        if question is None:
            question = self.questions[key] = Question(Group(key, kind, closed), make())
        elif answer not in question.wording.answers:
            made = make()
            question.wording.answers.update(made.answers)
            question.wording.told.update(made.told)
        question.group.add(answer, number)

    def _yes_no(
        self, number: int, key: str, kind: str, truth: bool, questions: Iterable[str], kept: Sequence[str]
    ) -> None:
        answer = 'Yes' if truth else 'No'
        self._add(
            number,
            key,
            f'{kind}, yes/no',
            answer,
            True,
            lambda: Wording(tuple(questions), dict(YES_NO), kept),
        )

    def _choice(
        self,
        number: int,
        key: str,
        kind: str,
        truth: str,
        texts: Mapping[str, str],
        ask: Sequence[str],
        kept: Sequence[str],
    ) -> None:
        """Ask which of two it is; ``ask`` has the places ``{one}`` and ``{other}``."""
        first, second = texts.values()
        orders = [(first, second), (second, first)]
        orders = [order for order in orders if not order[0].startswith('no ')] or orders
        questions = [template.format(one=one, other=other) for template in ask for one, other in orders]
        answers = {answer: (text[0].upper() + text[1:],) for answer, text in texts.items()}
        self._add(
            number,
            key,
            f'{kind}, choice',
            truth,
            True,
            lambda: Wording(questions, answers, (first, second, *kept)),
        )

    def _ask_class(self, number: int, name: str) -> None:
        cell = self.words.common_noun
        one = {other: with_article(self.words.noun(other)) for other in self.words.names}
        if not self.words.has_kinds(name):
            self._add(
                number,
                'class',
                'class, open',
                name,
                False,
                lambda: Wording(
                    [template.format(cell=cell) for template in CELL_TYPE],
                    {name: [template.format(a_one=one[name]) for template in CELL_TYPE_ANSWERS]},
                    (cell,),
                    {name: (self.words.noun(name),)},
                ),
            )
        for other in self.words.names:
            if other == name or self.words.excludes(name, other):
                asked = (template.format(cell=cell, a_one=one[other]) for template in IS_CELL_TYPE)
                kept = (cell, self.words.noun(other))
                self._yes_no(number, f'class|{other}', 'class', other == name, asked, kept)
        for pair in combinations(self.words.names, 2):
            if name in pair and self.words.excludes(*pair):
                asked = [
                    template.format(cell=cell, a_one='{one}', a_other='{other}')
                    for template in WHICH_CELL_TYPE
                ]
                texts = {other: one[other] for other in pair}
                self._choice(number, f'class|{"|".join(pair)}', 'class', name, texts, asked, (cell,))

    def _ask_attributes(self, number: int, cell: str, values: Mapping[str, str], key: str = '') -> None:
        for name, value in values.items():
            words = words_of_attribute(name)
            subject = (cell, *name.split('_'))
            self._ask_attribute(number, cell, f'{key}{name}', words, value, self.attributes[name], subject)

    def _ask_attribute(
        self,
        number: int,
        cell: str,
        key: str,
        words: AttributeWords,
        value: str,
        values: Sequence[str],
        subject: Sequence[str],
    ) -> None:
        text = {other: words.words.get(other, other) for other in values}
        self._add(
            number,
            key,
            'attribute, open',
            value,
            False,
            lambda: Wording(
                [ask.format(cell=cell) for ask in words.ask],
                {value: [words.state.format(cell=cell, value=text[value])]},
                subject,
                {value: (*subject, text[value])},
            ),
        )
        for other in values:
            # A light blue cell is blue, too.
            has_shades = any(_is_shade(text[shade], text[other]) for shade in values if shade != other)
            if other != words.denied and not has_shades:
                asked = [words.check.format(cell=cell, value=text[other])]
                kept = (*subject, text[other])
                self._yes_no(number, f'{key}|{other}', 'attribute', value == other, asked, kept)
        if any(' or ' in ask for ask in words.ask):
            return
        for pair in combinations(values, 2):
            if value in pair:
                asked = [words.check.format(cell=cell, value='{one} or {other}')]
                texts = {other: text[other] for other in pair}
                self._choice(number, f'{key}|{"|".join(pair)}', 'attribute', value, texts, asked, subject)

    def _ask_counts(self, number: int, counts: Mapping[str, int]) -> None:
        for name, count in counts.items():
            many = self.words.noun(name, 2)
            asked = (template.format(a_one=with_article(self.words.noun(name))) for template in PRESENCE)
            kept = (self.words.noun(name),)
            self._yes_no(number, f'presence|{name}', 'presence', count > 0, asked, kept)
            self._add(
                number,
                f'count|{name}',
                'count, open',
                str(count),
                False,
                lambda many=many, name=name, count=count: Wording(
                    [template.format(many=many) for template in COUNT],
                    {str(count): self._count_answers(name, count)},
                    (many,),
                    {str(count): (self.words.amount(name, count),)},
                ),
            )
            for limit in self.limits.get(name, ()):
                beyond = self.words.noun(name, limit)
                asked = [template.format(limit=limit, many=beyond) for template in MORE_THAN]
                asked = [text.replace('Are there more than 1 ', 'Is there more than 1 ') for text in asked]
                kept = (f'more than {limit}', beyond)
                self._yes_no(number, f'count|{name}|{limit}', 'more than n', count > limit, asked, kept)
        for name, other in combinations(counts, 2):
            if not counts[name] and not counts[other]:
                continue
            many, others = self.words.noun(name, 2), self.words.noun(other, 2)
            asked = (template.format(many=many, others=others) for template in MORE_OF)
            kept = (f'more {many} than {others}',)
            more = counts[name] > counts[other]
            self._yes_no(number, f'counts|{name}|{other}', 'more of two', more, asked, kept)

    def _count_answers(self, name: str, count: int) -> list[str]:
        answers = [t.format(count=count or 'no', many=self.words.noun(name, count)) for t in COUNT_ANSWERS]
        return [answer.replace('There are 1 ', 'There is 1 ') for answer in answers]

    def _ask_group(self, number: int, group: CellGroup) -> None:
        if len(group.cells) == 1:
            noun = self.words.noun(group.name)
            self._ask_attributes(number, noun, group.cells[0], f'object|{group.name}|')
            return
        size, many = str(len(group.cells)), self.words.noun(group.name, 2)
        for name in group.cells[0]:
            words = words_of_attribute(name)
            if not words.having or not all(name in cell for cell in group.cells):
                continue
            for value in self.attributes[name]:
                if value == words.denied:
                    continue
                having = words.having.format(value=words.words.get(value, value))
                count = sum(cell[name] == value for cell in group.cells)
                key = f'objects|{group.name}|{name}|{value}'
                asked = (template.format(many=many, having=having) for template in ALL_HAVE)
                self._yes_no(
                    number, key, 'attribute of all', count == len(group.cells), asked, (many, having)
                )
                slots = {'number': size, 'many': many, 'having': having}
                told = str(count or 'None')
                verb = 'has' if count == 1 else 'have'
                answer = HOW_MANY_HAVE_ANSWER.format(count=told, have=verb, **slots)
                self._add(
                    number,
                    f'{key}|{size}',
                    'cells with attribute, open',
                    str(count),
                    False,
                    lambda slots=slots, answer=answer, count=count, told=told: Wording(
                        [template.format(**slots) for template in HOW_MANY_HAVE],
                        {str(count): [answer]},
                        tuple(slots.values()),
                        {str(count): (f'{told} of the', *slots.values())},
                    ),
                )


def _is_shade(value: str, other: str) -> bool:
    """Whether the words of a value hold those of another one, as 'light blue' holds 'blue'."""
    return f' {other} ' in f' {value} '


def count_limits(facts: Iterable[ImageFacts]) -> dict[str, list[int]]:
    """Choose the numbers that 'more than n' is asked with: quantiles of the counts of each class.

    Args:
        facts: All images of a set.

    Returns:
        Class -> one or two numbers, increasing, at least 1: 'more than 0' is another question.
    """
    counts: dict[str, list[int]] = {}
    for image in facts:
        for name, count in image.counts.items():
            counts.setdefault(name, []).append(count)
    quantiles = {
        name: np.quantile(values, _LIMITS, method='lower').astype(int).tolist()
        for name, values in counts.items()
    }
    return {name: sorted({value for value in values if value > 0}) for name, values in quantiles.items()}
