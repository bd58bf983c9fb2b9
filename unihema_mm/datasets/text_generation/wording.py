"""The words of generated questions and sentences: templates only.

Words on attributes are in :mod:`.attribute_words`, those that only drawn smears need in
:mod:`unihema_mm.datasets.synthetic.wording`.
"""

from collections.abc import Mapping

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
MORE_OF = (
    'Are there more {many} than {others} in this field?',
    'Does the image show more {many} than {others}?',
)
ALL_HAVE = ('Do all {many} in this field have {having}?', 'Does each of the {many} have {having}?')
HOW_MANY_HAVE = (
    'How many of the {number} {many} have {having}?',
    'Of the {number} {many} in this field, how many have {having}?',
)
HOW_MANY_HAVE_ANSWER = '{count} of the {number} {many} {have} {having}.'

CELL_TYPE = (
    'What type of {cell} does this image show?',
    'Which type of {cell} is this?',
    'Name the type of {cell} in this image.',
)
CELL_TYPE_ANSWERS = ('The image shows {a_one}.', 'This is {a_one}.')
IS_CELL_TYPE = ('Is this {cell} {a_one}?', 'Does this image show {a_one}?')
WHICH_CELL_TYPE = ('Is this {cell} {a_one} or {a_other}?', 'Does this image show {a_one} or {a_other}?')

# Always in the plural: '1 platelet' would tell the gap before it.
COUNT_SENTENCES = (
    'The numbers of {names} in this field are {counts}.',
    'In this image, {names} number {counts}, in this order.',
)
SINGLE_COUNT_SENTENCES = (
    'The number of {names} in this field is {counts}.',
    'In this image, {names} number {counts}.',
)
CELL_SENTENCES = (
    'The {cell} in this image is of the type {name}.',
    'Morphology and colour of this {cell} are those of the type {name}.',
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
# On one cell or several of a class, in the attributes of LeukemiaAttri.
LEUKEMIA_SENTENCES = (
    'In the {name}, the chromatin is {nuclear_chromatin}, the nuclear shape {nuclear_shape} and the nucleolus'
    ' {nucleolus}.',
    'The cytoplasm of the {name} is {cytoplasm}, with {cytoplasmic_basophilia} basophilia; vacuoles are'
    ' {cytoplasmic_vacuoles}.',
    'A {nuclear_shape} nucleus with {nuclear_chromatin} chromatin and {cytoplasm} cytoplasm are seen in the'
    ' {name}.',
)


def white_cell_slots(values: Mapping[str, str], name: str) -> dict[str, str]:
    """Words for the slots of :data:`WHITE_SENTENCES`.

    Args:
        values: The 11 attributes of WBCAtt.
        name: Class of the cell.

    Raises:
        KeyError: An attribute is missing.
    """
    granular = values['granularity'] == 'yes'
    return {
        **values,
        'name': name,
        'cytoplasm_vacuole': {'yes': 'vacuoles', 'no': 'no vacuoles'}[values['cytoplasm_vacuole']],
        'granules': f'{values["granule_type"]} {values["granule_colour"]} granules'
        if granular
        else 'no granules',
    }
