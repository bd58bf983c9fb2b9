"""What may appear in a smear: classes, attribute values and how often a class shows them.

The attribute names and values are those of WBCAtt (Tsutsui et al., NeurIPS 2023, arXiv:2306.13531). The
frequencies follow its train and val tables, rounded, except that segmented neutrophils outnumber bands
here, as they do in normal blood.
"""

from typing import NamedTuple

from unihema_mm.structures.attribute_values import load_attribute_values

WHITE_CELLS = ('neutrophil', 'eosinophil', 'basophil', 'lymphocyte', 'monocyte')
PARASITE_STAGES = ('ring', 'trophozoite', 'schizont', 'gametocyte')
CLASSES = ('RBC', *WHITE_CELLS, 'platelet', *PARASITE_STAGES, 'sickle cells')

ATTRIBUTES = load_attribute_values('wbcatt')

# A lobed or band nucleus cannot fill a cell, so only these shapes may have a high ratio; and a cell that its
# nucleus fills has no room for vacuoles.
COMPACT_NUCLEI = ('unsegmented-round', 'unsegmented-indented', 'irregular')

# Class -> attribute -> {value: probability}; granularity follows from granule_type and is not sampled.
FREQUENCIES: dict[str, dict[str, dict[str, float]]] = {
    'neutrophil': {
        'cell_size': {'big': 0.6, 'small': 0.4},
        'cell_shape': {'round': 0.77, 'irregular': 0.23},
        'nucleus_shape': {
            'segmented-multilobed': 0.52,
            'unsegmented-band': 0.28,
            'segmented-bilobed': 0.18,
            'irregular': 0.02,
        },
        'nuclear_cytoplasmic_ratio': {'low': 1.0},
        'chromatin_density': {'densely': 0.97, 'loosely': 0.03},
        'cytoplasm_vacuole': {'no': 0.92, 'yes': 0.08},
        'cytoplasm_texture': {'clear': 1.0},
        'cytoplasm_colour': {'light blue': 1.0},
        'granule_type': {'small': 0.98, 'nil': 0.02},
        'granule_colour': {'pink': 0.95, 'purple': 0.05},
    },
    'eosinophil': {
        'cell_size': {'big': 0.63, 'small': 0.37},
        'cell_shape': {'round': 0.92, 'irregular': 0.08},
        'nucleus_shape': {
            'segmented-bilobed': 0.72,
            'segmented-multilobed': 0.17,
            'unsegmented-band': 0.1,
            'irregular': 0.01,
        },
        'nuclear_cytoplasmic_ratio': {'low': 1.0},
        'chromatin_density': {'densely': 0.98, 'loosely': 0.02},
        'cytoplasm_vacuole': {'no': 0.98, 'yes': 0.02},
        'cytoplasm_texture': {'clear': 1.0},
        'cytoplasm_colour': {'light blue': 0.98, 'blue': 0.02},
        'granule_type': {'round': 1.0},
        'granule_colour': {'red': 1.0},
    },
    'basophil': {
        'cell_size': {'small': 0.74, 'big': 0.26},
        'cell_shape': {'round': 0.89, 'irregular': 0.11},
        'nucleus_shape': {
            'irregular': 0.41,
            'segmented-bilobed': 0.3,
            'segmented-multilobed': 0.19,
            'unsegmented-band': 0.07,
            'unsegmented-round': 0.03,
        },
        'nuclear_cytoplasmic_ratio': {'low': 1.0},
        'chromatin_density': {'densely': 1.0},
        'cytoplasm_vacuole': {'no': 0.99, 'yes': 0.01},
        'cytoplasm_texture': {'clear': 1.0},
        'cytoplasm_colour': {'light blue': 0.98, 'purple blue': 0.02},
        'granule_type': {'coarse': 1.0},
        'granule_colour': {'purple': 1.0},
    },
    'lymphocyte': {
        'cell_size': {'small': 0.95, 'big': 0.05},
        'cell_shape': {'round': 0.67, 'irregular': 0.33},
        'nucleus_shape': {'unsegmented-round': 0.79, 'unsegmented-indented': 0.18, 'irregular': 0.03},
        'nuclear_cytoplasmic_ratio': {'high': 0.92, 'low': 0.08},
        'chromatin_density': {'densely': 0.96, 'loosely': 0.04},
        'cytoplasm_vacuole': {'no': 0.99, 'yes': 0.01},
        'cytoplasm_texture': {'frosted': 0.64, 'clear': 0.36},
        'cytoplasm_colour': {'blue': 0.62, 'purple blue': 0.35, 'light blue': 0.03},
        'granule_type': {'nil': 1.0},
        'granule_colour': {'purple': 1.0},
    },
    'monocyte': {
        'cell_size': {'big': 0.86, 'small': 0.14},
        'cell_shape': {'irregular': 0.56, 'round': 0.44},
        'nucleus_shape': {'unsegmented-indented': 0.75, 'irregular': 0.19, 'unsegmented-round': 0.06},
        'nuclear_cytoplasmic_ratio': {'low': 0.93, 'high': 0.07},
        'chromatin_density': {'loosely': 0.6, 'densely': 0.4},
        'cytoplasm_vacuole': {'no': 0.54, 'yes': 0.46},
        'cytoplasm_texture': {'frosted': 0.88, 'clear': 0.12},
        'cytoplasm_colour': {'purple blue': 0.47, 'blue': 0.45, 'light blue': 0.08},
        'granule_type': {'nil': 0.98, 'small': 0.02},
        'granule_colour': {'pink': 1.0},
    },
}


class FieldKind(NamedTuple):
    """Recipe of a field of view: number ranges are inclusive.

    Attributes:
        prompt (str): Word that fills the task's prompt template.
        finding (str): What the smear is consistent with, as a noun phrase.
        share (float): Share of the fields of a corpus.
        red, white, platelets, infected, sickle (tuple[int, int]): Range of the number of cells.
    """

    prompt: str
    finding: str
    share: float
    red: tuple[int, int]
    white: tuple[int, int]
    platelets: tuple[int, int]
    infected: tuple[int, int] = (0, 0)
    sickle: tuple[int, int] = (0, 0)


NORMAL = FieldKind('Normal blood', 'normal blood', 0.2, red=(26, 78), white=(0, 2), platelets=(2, 9))
BLOOD_COUNT = FieldKind(
    'complete blood count', 'normal blood', 0.3, red=(22, 52), white=(1, 4), platelets=(2, 12)
)
MALARIA = FieldKind('Malaria', 'malaria', 0.3, red=(24, 66), white=(0, 2), platelets=(0, 5), infected=(2, 8))
SICKLE = FieldKind(
    'Sickle cell disease',
    'sickle cell disease',
    0.2,
    red=(22, 50),
    white=(0, 2),
    platelets=(1, 6),
    sickle=(4, 14),
)
FIELD_KINDS = (NORMAL, BLOOD_COUNT, MALARIA, SICKLE)

# Differential count of a field's white cells: that of blood, with the rare cells made less rare.
WHITE_SHARES = {
    'neutrophil': 0.42,
    'lymphocyte': 0.24,
    'monocyte': 0.14,
    'eosinophil': 0.12,
    'basophil': 0.08,
}

STAGE_SHARES = {'ring': 0.4, 'trophozoite': 0.28, 'schizont': 0.16, 'gametocyte': 0.16}


def sample_attributes(rng, name: str) -> dict[str, str]:
    """Draw the 11 attribute values of one white cell of class ``name``, free of contradictions."""
    values = {}
    for attribute, table in FREQUENCIES[name].items():
        values[attribute] = str(rng.choice(list(table), p=list(table.values())))
    if values['nucleus_shape'] not in COMPACT_NUCLEI:
        values['nuclear_cytoplasmic_ratio'] = 'low'
    if values['nuclear_cytoplasmic_ratio'] == 'high':
        values['cytoplasm_vacuole'] = 'no'
    if values['granule_type'] == 'nil':
        values['granule_colour'] = 'nil'
    values['granularity'] = 'no' if values['granule_type'] == 'nil' else 'yes'
    return {attribute: values[attribute] for attribute in ATTRIBUTES}
