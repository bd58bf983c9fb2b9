"""The words that only drawn smears need: templates, filled by `text`."""

from .vocabulary import PARASITE_STAGES, WHITE_CELLS

NOUNS = {
    'RBC': 'red blood cell',
    'ring': 'ring-stage parasite',
    'sickle cells': 'sickle cell',
    **{name: name for name in (*WHITE_CELLS, 'platelet', *PARASITE_STAGES[1:])},
}

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
