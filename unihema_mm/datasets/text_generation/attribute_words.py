"""How the attributes of cells are asked for and stated."""

from typing import NamedTuple


class AttributeWords(NamedTuple):
    """How one attribute is asked for and stated; ``{cell}`` is the cell, ``{value}`` the value.

    Attributes:
        ask (tuple[str, ...]): Open questions.
        state (str): Answer to them.
        check (str): Closed question about one value.
        words (dict): Value -> its words, where they differ.
        denied (str): Value that states an absence; no question is put in the negative.
        having (str): The value as what several cells can have; empty where this is not asked.
    """

    ask: tuple[str, ...]
    state: str
    check: str
    words: dict[str, str] = {}
    denied: str = ''
    having: str = ''


# Attributes of WBCAtt.
ATTRIBUTE_WORDS = {
    'cell_size': AttributeWords(
        ('What is the size of the {cell}?', 'How large is the {cell}?'),
        'The {cell} is {value}.',
        'Is the {cell} {value}?',
    ),
    'cell_shape': AttributeWords(
        ('What is the shape of the {cell}?', 'What shape does the {cell} have?'),
        'The shape of the {cell} is {value}.',
        'Is the shape of the {cell} {value}?',
    ),
    'nucleus_shape': AttributeWords(
        ('What is the shape of the nucleus of the {cell}?', 'What does the nucleus of the {cell} look like?'),
        'The nucleus of the {cell} is {value}.',
        'Is the nucleus of the {cell} {value}?',
    ),
    'nuclear_cytoplasmic_ratio': AttributeWords(
        ('What is the nuclear-cytoplasmic ratio of the {cell}?',),
        'The nuclear-cytoplasmic ratio of the {cell} is {value}.',
        'Is the nuclear-cytoplasmic ratio of the {cell} {value}?',
    ),
    'chromatin_density': AttributeWords(
        ('How dense is the chromatin of the {cell}?', 'How is the chromatin of the {cell} packed?'),
        'The chromatin of the {cell} is {value} packed.',
        'Is the chromatin of the {cell} {value} packed?',
    ),
    'cytoplasm_vacuole': AttributeWords(
        ('What is seen of vacuoles in the cytoplasm of the {cell}?',),
        'The cytoplasm of the {cell} has {value}.',
        'Does the cytoplasm of the {cell} have {value}?',
        {'yes': 'vacuoles', 'no': 'no vacuoles'},
        'no',
    ),
    'cytoplasm_texture': AttributeWords(
        ('What is the texture of the cytoplasm of the {cell}?',),
        'The cytoplasm of the {cell} is {value}.',
        'Is the texture of the cytoplasm of the {cell} {value}?',
    ),
    'cytoplasm_colour': AttributeWords(
        (
            'What is the colour of the cytoplasm of the {cell}?',
            'Which colour does the cytoplasm of the {cell} have?',
        ),
        'The cytoplasm of the {cell} is {value}.',
        'Is the cytoplasm of the {cell} {value}?',
    ),
    'granule_type': AttributeWords(
        ('What type of granules does the {cell} have?', 'What do the granules of the {cell} look like?'),
        'The {cell} has {value}.',
        'Does the {cell} have {value}?',
        {
            'small': 'small granules',
            'round': 'round granules',
            'coarse': 'coarse granules',
            'nil': 'no granules',
        },
        'nil',
    ),
    'granule_colour': AttributeWords(
        (
            'What is the colour of the granules of the {cell}?',
            'Which colour do the granules of the {cell} have?',
        ),
        'The {cell} has {value}.',
        'Does the {cell} have {value}?',
        {'pink': 'pink granules', 'purple': 'purple granules', 'red': 'red granules', 'nil': 'no granules'},
        'nil',
    ),
    'granularity': AttributeWords(
        ('Is the cytoplasm of the {cell} granular or agranular?',),
        'The cytoplasm of the {cell} is {value}.',
        'Is the cytoplasm of the {cell} {value}?',
        {'yes': 'granular', 'no': 'agranular'},
    ),
}


# Attributes of LeukemiaAttri.
_LEUKEMIA_WORDS = {
    'nuclear_chromatin': AttributeWords(
        ('What is the nuclear chromatin of the {cell} like?', 'How does the chromatin of the {cell} look?'),
        'The nuclear chromatin of the {cell} is {value}.',
        'Is the nuclear chromatin of the {cell} {value}?',
        having='{value} chromatin',
    ),
    'nuclear_shape': AttributeWords(
        ('What is the nuclear shape of the {cell}?', 'Which shape does the nucleus of the {cell} have?'),
        'The nuclear shape of the {cell} is {value}.',
        'Is the nuclear shape of the {cell} {value}?',
        having='a nucleus of {value} shape',
    ),
    'nucleolus': AttributeWords(
        (
            'How conspicuous is the nucleolus of the {cell}?',
            'What does the nucleolus of the {cell} look like?',
        ),
        'The nucleolus of the {cell} is {value}.',
        'Is the nucleolus of the {cell} {value}?',
        having='a nucleolus that is {value}',
    ),
    'cytoplasm': AttributeWords(
        ('How much cytoplasm does the {cell} have?', 'What is the amount of cytoplasm of the {cell}?'),
        'The cytoplasm of the {cell} is {value}.',
        'Is the cytoplasm of the {cell} {value}?',
        having='{value} cytoplasm',
    ),
    'cytoplasmic_basophilia': AttributeWords(
        (
            'How strong is the cytoplasmic basophilia of the {cell}?',
            'What is the degree of cytoplasmic basophilia of the {cell}?',
        ),
        'The cytoplasmic basophilia of the {cell} is {value}.',
        'Is the cytoplasmic basophilia of the {cell} {value}?',
        having='{value} cytoplasmic basophilia',
    ),
    'cytoplasmic_vacuoles': AttributeWords(
        (
            'How prominent are the cytoplasmic vacuoles of the {cell}?',
            'What is seen of cytoplasmic vacuoles of the {cell}?',
        ),
        'The cytoplasmic vacuoles of the {cell} are {value}.',
        'Are the cytoplasmic vacuoles of the {cell} {value}?',
        denied='absent',
        having='{value} cytoplasmic vacuoles',
    ),
}


def words_of_attribute(name: str) -> AttributeWords:
    """Find the words of an attribute; one of another set is quoted by its name.

    Args:
        name: Name of an attribute in ``info.attributes``.
    """
    known = ATTRIBUTE_WORDS.get(name) or _LEUKEMIA_WORDS.get(name)
    if known:
        return known
    quoted = '"' + name.replace('_', ' ').replace('{', '').replace('}', '') + '"'
    return AttributeWords(
        (
            f'What is the value of {quoted} of the {{cell}}?',
            f'Which value does {quoted} of the {{cell}} have?',
        ),
        f'The value of {quoted} of the {{cell}} is {{value}}.',
        f'Is the value of {quoted} of the {{cell}} {{value}}?',
    )
