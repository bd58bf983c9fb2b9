"""Questions with answers and masked sentences, derived from the drawn truth.

Closed questions are balanced: a statement that holds for a share ``p`` of the pictures is asked with
probability ``1 - p`` where it is true and ``p`` where it is not, so "yes" is right half of the time for every
single question, and a reader of the question alone cannot do better.
"""

from collections import Counter
from collections.abc import Iterable

from ..text_generation.attribute_words import ATTRIBUTE_WORDS
from ..text_generation.grammar import enumerate_items, fill_gaps, with_article
from ..text_generation.wording import (
    COUNT,
    COUNT_ANSWERS,
    MORE_THAN,
    PRESENCE,
    WHITE_SENTENCES,
    white_cell_slots,
)
from .scene import Scene
from .vocabulary import (
    ATTRIBUTES,
    CLASSES,
    FIELD_KINDS,
    FREQUENCIES,
    MALARIA,
    PARASITE_STAGES,
    SICKLE,
    STAGE_SHARES,
    WHITE_CELLS,
    WHITE_SHARES,
)
from .wording import (
    CELL_TYPE,
    CELL_TYPE_ANSWERS,
    FIELD_SENTENCES,
    FINDING,
    FINDING_ANSWERS,
    INFECTED,
    IS_CELL_TYPE,
    IS_FINDING,
    NOUNS,
    OTHER_SENTENCES,
    UNAFFECTED,
)

# Below this, 'more than n?' would give itself away: a class is asked about only where it is present.
_FEWEST_TO_COMPARE = 4


def noun(name: str, kind, count: int = 1) -> str:
    """Words for ``count`` cells of a class; red cells are told apart from those that the disease affects."""
    word = NOUNS[name]
    if name == 'RBC' and kind in (MALARIA, SICKLE):
        word = {MALARIA: 'uninfected ', SICKLE: 'unsickled '}[kind] + word
    return word if count == 1 else f'{word}s'


def amount(name: str, kind, count: int) -> str:
    """A number with its noun: 'no platelets', '1 platelet', '2 platelets'."""
    return f'{count or "no"} {noun(name, kind, count)}'


def presence_priors() -> dict[str, float]:
    """Share of the fields that show each class, from the recipe of the fields."""
    priors = dict.fromkeys(CLASSES, 0.0)
    for kind in FIELD_KINDS:
        for bounds, shares in (
            (kind.red, {'RBC': 1.0}),
            (kind.white, WHITE_SHARES),
            (kind.platelets, {'platelet': 1.0}),
            (kind.infected, STAGE_SHARES),
            (kind.sickle, {'sickle cells': 1.0}),
        ):
            counts = range(bounds[0], bounds[1] + 1)
            for name, share in shares.items():
                priors[name] += kind.share * sum(1 - (1 - share) ** n for n in counts) / len(counts)
    return priors


def attribute_priors(shares: dict[str, float]) -> dict[str, dict[str, float]]:
    """Share of each attribute value among white cells whose classes come with the given shares."""
    priors = {attribute: dict.fromkeys(values, 0.0) for attribute, values in ATTRIBUTES.items()}
    for name, share in shares.items():
        tables = FREQUENCIES[name]
        bare = tables['granule_type'].get('nil', 0.0)
        for attribute, table in tables.items():
            for value, chance in table.items():
                priors[attribute][value] += (
                    share * chance * (1 - bare if attribute == 'granule_colour' else 1)
                )
        priors['granule_colour']['nil'] += share * bare
        priors['granularity']['no'] += share * bare
        priors['granularity']['yes'] += share * (1 - bare)
    return priors


def finding_priors() -> dict[str, float]:
    """Share of the fields with each finding."""
    findings = dict.fromkeys([kind.finding for kind in FIELD_KINDS])
    return {name: sum(kind.share for kind in FIELD_KINDS if kind.finding == name) for name in findings}


_PRESENCE = presence_priors()
_FINDINGS = finding_priors()
_FIELD_ATTRIBUTES = attribute_priors(WHITE_SHARES)
_CELL_ATTRIBUTES = attribute_priors(dict.fromkeys(WHITE_CELLS, 1 / len(WHITE_CELLS)))


class _Sheet:
    """Collects the questions of one picture, without asking the same twice."""

    def __init__(self, rng):
        self.rng = rng
        self.records: dict[str, dict] = {}

    def pick(self, templates: tuple[str, ...]) -> str:
        return templates[int(self.rng.integers(len(templates)))]

    def add(self, question: str, answer: str, answer_type: str) -> None:
        record = dict(question=question, answer=answer, answer_type=answer_type, generated=True)
        self.records.setdefault(question, record)

    def close(self, question: str, truth: bool) -> None:
        self.add(question, 'Yes' if truth else 'No', 'closed')

    def balanced(
        self, priors: dict[str, float], true: Iterable[str], rate: float = 1.0
    ) -> list[tuple[str, bool]]:
        """Choose what to ask, so that the truth does not depend on the question (see the module)."""
        true = set(true)
        draws = self.rng.random(len(priors))
        return [
            (value, value in true)
            for (value, prior), draw in zip(priors.items(), draws, strict=True)
            if draw < rate * (1 - prior if value in true else prior)
        ]


def _ask_attributes(sheet: _Sheet, values: dict[str, str], cell: str, priors, count: int) -> None:
    """``count`` open questions and about as many closed ones on one white cell."""
    names = list(ATTRIBUTES)
    for i in sheet.rng.permutation(len(names))[:count]:
        words = ATTRIBUTE_WORDS[names[i]]
        value = values[names[i]]
        answer = words.state.format(cell=cell, value=words.words.get(value, value))
        sheet.add(sheet.pick(words.ask).format(cell=cell), answer, 'open')
    for name in names:
        words = ATTRIBUTE_WORDS[name]
        for value, truth in sheet.balanced(priors[name], [values[name]], count / 8):
            if value != words.denied:
                sheet.close(words.check.format(cell=cell, value=words.words.get(value, value)), truth)


def field_questions(rng, scene: Scene) -> list[dict]:
    """Questions on a field: counts, presence, disease, and attributes where there is one white cell.

    Args:
        rng (np.random.Generator): Source of the choice and the wording.
        scene (Scene): The field.

    Returns:
        list[dict]: Question records of the annotation schema.
    """
    sheet, kind = _Sheet(rng), scene.kind
    counts = Counter(cell.name for cell in scene.cells)
    names = [name for name in CLASSES if counts[name]]
    asked = [names[i] for i in rng.permutation(len(names))[:2]]
    absent = [name for name in CLASSES if not counts[name]]
    if rng.random() < 0.3:
        asked.append(absent[int(rng.integers(len(absent)))])
    for name in asked:
        number = counts[name]
        many = noun(name, kind, 2)
        answer = sheet.pick(COUNT_ANSWERS).format(count=number or 'no', many=noun(name, kind, number))
        answer = answer.replace('There are 1 ', 'There is 1 ')
        sheet.add(sheet.pick(COUNT).format(many=many), answer, 'open')
        if number >= _FEWEST_TO_COMPARE:
            step = max(1, round(number * rng.uniform(0.15, 0.4)))
            limit = number - step if rng.random() < 0.5 else number + step - 1
            sheet.close(sheet.pick(MORE_THAN).format(limit=limit, many=many), number > limit)
    for name, truth in sheet.balanced(_PRESENCE, names):
        sheet.close(sheet.pick(PRESENCE).format(a_one=with_article(NOUNS[name])), truth)
    sheet.add(sheet.pick(FINDING), sheet.pick(FINDING_ANSWERS).format(finding=kind.finding), 'open')
    for finding, truth in sheet.balanced(_FINDINGS, [kind.finding], 0.7):
        sheet.close(sheet.pick(IS_FINDING).format(finding=finding), truth)
    white = [cell for cell in scene.cells if cell.attributes]
    if len(white) == 1:
        # Its class stays unsaid: it would give most of the values away.
        _ask_attributes(sheet, white[0].attributes, 'white blood cell', _FIELD_ATTRIBUTES, 2)
    return list(sheet.records.values())


def title(name: str) -> str:
    """Words for a centred cell; infected and sickled cells are red cells too, so RBC is the normal one."""
    if name in PARASITE_STAGES:
        return INFECTED.format(stage=NOUNS[name])
    return UNAFFECTED if name == 'RBC' else NOUNS[name]


def cell_questions(rng, scene: Scene) -> list[dict]:
    """Questions on the centred cell of a single-cell picture: its type and its attributes.

    Args:
        rng (np.random.Generator): Source of the choice and the wording.
        scene (Scene): The picture, the centred cell first.

    Returns:
        list[dict]: Question records of the annotation schema.
    """
    sheet, centre = _Sheet(rng), scene.cells[0]
    answer = sheet.pick(CELL_TYPE_ANSWERS).format(a_one=with_article(title(centre.name)))
    sheet.add(sheet.pick(CELL_TYPE), answer, 'open')
    priors = dict.fromkeys(CLASSES, 1 / len(CLASSES))
    for name, truth in sheet.balanced(priors, [centre.name], 0.8):
        sheet.close(sheet.pick(IS_CELL_TYPE).format(a_one=with_article(title(name))), truth)
    if centre.attributes:
        _ask_attributes(sheet, centre.attributes, 'cell', _CELL_ATTRIBUTES, 4)
    elif scene.kind in (MALARIA, SICKLE):
        sheet.add(sheet.pick(FINDING), sheet.pick(FINDING_ANSWERS).format(finding=scene.kind.finding), 'open')
    return list(sheet.records.values())


def _mask(rng, template: str, slots: dict[str, str]) -> dict:
    """Fill a template, once fully and once with gaps in some of its slots, at least one."""
    names = [name for name in slots if f'{{{name}}}' in template]
    gaps = {names[i] for i in rng.permutation(len(names))[: int(rng.integers(1, len(names) + 1))]}
    return fill_gaps(template, slots, gaps)


def _choose(rng, templates: tuple[str, ...], count: int) -> list[str]:
    return [templates[i] for i in rng.permutation(len(templates))[:count]]


def field_sentences(rng, scene: Scene) -> list[dict]:
    """Two masked sentences on a field: which cells it shows, how many, and what they suggest."""
    counts = Counter(cell.name for cell in scene.cells)
    present = [name for name in CLASSES if counts[name]]
    slots = {f'count{i}': str(counts[name]) for i, name in enumerate(present)}
    slots.update({f'name{i}': noun(name, scene.kind, counts[name]) for i, name in enumerate(present)})
    slots['finding'] = scene.kind.finding
    items = [f'{{count{i}}} {{name{i}}}' for i in range(len(present))]
    listed = enumerate_items(items)
    return [_mask(rng, t.replace('{cells}', listed), slots) for t in _choose(rng, FIELD_SENTENCES, 2)]


def cell_sentences(rng, scene: Scene) -> list[dict]:
    """One or two masked sentences on the centred cell of a single-cell picture."""
    centre = scene.cells[0]
    if centre.attributes:
        slots = white_cell_slots(centre.attributes, centre.name)
        return [_mask(rng, template, slots) for template in _choose(rng, WHITE_SENTENCES, 2)]
    template = _choose(rng, OTHER_SENTENCES[centre.name], 1)[0]
    words = [part.split('}')[0] for part in template.split('{')[1:]]
    return [_mask(rng, template, {word: word for word in words})]
