"""The words of the generated text: templates only, filled by `text`."""

from typing import NamedTuple

from .vocabulary import PARASITE_STAGES, WHITE_CELLS

NOUNS = {
    'RBC': 'red blood cell',
    'ring': 'ring-stage parasite',
    'sickle cells': 'sickle cell',
    **{name: name for name in (*WHITE_CELLS, 'platelet', *PARASITE_STAGES[1:])},
}

COUNT = (
    'How many {many} are in this field?',
    'What is the number of {many} in this image?',
    'Count the {many} in this field of view.',
)
COUNT_ANSWERS = ('There are {count} {many}.', 'The field shows {count} {many}.')
MORE_THAN = (
    'Are there more than {limit} {many} in this field?',
    'Does the image show more than {limit} {many}?',
)
PRESENCE = (
    'Is there {a_one} in this field?',
    'Does this image show {a_one}?',
    'Can {a_one} be seen in this smear?',
)
FINDING = (
    'What is this smear consistent with?',
    'What do the cells in this image suggest?',
    'Which finding does this smear support?',
)
FINDING_ANSWERS = ('The smear is consistent with {finding}.', 'The cells suggest {finding}.')
IS_FINDING = ('Is this smear consistent with {finding}?', 'Do the cells in this image suggest {finding}?')
CELL_TYPE = (
    'What type of cell is in the centre of this image?',
    'Which cell does this image show in its centre?',
    'Name the cell in the centre.',
)
CELL_TYPE_ANSWERS = ('The cell in the centre is {a_one}.', 'It is {a_one}.')
IS_CELL_TYPE = ('Is the cell in the centre {a_one}?', 'Does the centre of this image show {a_one}?')

# A single-cell image shows an infected red cell; its stage is the parasite's.
INFECTED = 'red blood cell with a {stage}'
UNAFFECTED = 'normal red blood cell'

FIELD_SENTENCES = (
    'This field shows {cells}; suggestive of {finding}.',
    'The smear contains {cells}, consistent with {finding}.',
)
WHITE_SENTENCES = (
    'The {name} is {cell_size} and {cell_shape} with a nucleus that is {nucleus_shape} and'
    ' {chromatin_density} packed chromatin.',
    'The {name} has {cytoplasm_texture} {cytoplasm_colour} cytoplasm with {granules} and'
    ' {cytoplasm_vacuole}.',
    'This {cell_size} cell has a {nuclear_cytoplasmic_ratio} nuclear-cytoplasmic ratio, a nucleus'
    ' that is {nucleus_shape} and {granules}; it is of the type {name}.',
    'A nucleus that is {nucleus_shape} with {chromatin_density} packed chromatin, {cytoplasm_colour}'
    ' cytoplasm and {granules}; typical of the {name}.',
)
# The words in braces may become gaps.
OTHER_SENTENCES = {
    'RBC': (
        'The cell in the centre is a {red blood cell} without a {nucleus}.',
        'A {round} cell without {nucleus}, paler in its {middle}: a normal {red blood cell}.',
    ),
    'platelet': (
        'The small {purple} granular body in the centre is a {platelet}.',
        'A {platelet} is {smaller} than a red blood cell and has {no nucleus}.',
    ),
    'ring': (
        'The red blood cell holds a thin {blue} ring with a {chromatin} dot, a {ring-stage parasite}.',
        'A {thin} ring in a red blood cell is a {ring-stage parasite}; suggestive of {malaria}.',
    ),
    'trophozoite': (
        'The {enlarged} red blood cell holds an {amoeboid} parasite, a {trophozoite}.',
        'An {amoeboid} parasite in a red blood cell is a {trophozoite}; suggestive of {malaria}.',
    ),
    'schizont': (
        'The red blood cell is filled with {merozoites} around {pigment}, a {schizont}.',
        'Many {merozoites} in a red blood cell form a {schizont}; suggestive of {malaria}.',
    ),
    'gametocyte': (
        'The parasite fills the {red blood cell} and holds scattered {pigment}, a {gametocyte}.',
        'One large parasite with {pigment} is a {gametocyte}; suggestive of {malaria}.',
    ),
    'sickle cells': (
        'The red blood cell is {crescent-shaped} without central {pallor}, a {sickle cell}.',
        'A {sickle cell} has two {pointed} ends; suggestive of {sickle cell disease}.',
    ),
}


class AttributeWords(NamedTuple):
    """How one attribute is asked for and stated; ``{cell}`` is the cell, ``{value}`` the value.

    Attributes:
        ask (tuple[str, ...]): Open questions.
        state (str): Answer to them.
        check (str): Closed question about one value.
        words (dict): Value -> its words, where they differ.
        denied (str): Value that states an absence; no closed question is put in the negative.
    """

    ask: tuple[str, ...]
    state: str
    check: str
    words: dict[str, str] = {}
    denied: str = ''


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
