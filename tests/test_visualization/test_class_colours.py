"""Colours of classes."""

from itertools import combinations

import numpy as np

from unihema_mm.datasets.taxonomy import load_taxonomy
from unihema_mm.visualization import class_colours, class_palette

WHITE_CELLS = ('neutrophil', 'eosinophil', 'basophil', 'monocyte', 'lymphocyte', 'blast')


def test_a_class_has_one_colour_in_any_label_space_and_by_any_name():
    palettes = (
        class_palette(['RBC', 'WBC', 'platelet']),
        class_palette(['platelet', 'white blood cells', 'ring']),
    )
    assert palettes[0][1] == palettes[1][1]
    assert palettes[0][2] == palettes[1][0]
    assert class_palette(['NGS']) == class_palette(['segmented_neutrophil'])


def test_classes_that_stand_side_by_side_differ():
    shown = ['RBC', 'platelet', *WHITE_CELLS, 'erythroblast', 'immature granulocyte']
    shown += ['WBC', 'ring', 'trophozoite', 'schizont', 'gametocyte', 'sickle cells', 'plasma cell']
    pairs = combinations(np.array(class_palette(shown), int), 2)
    assert min(np.abs(one - other).sum() for one, other in pairs) > 50
    assert class_palette(['band neutrophil']) != class_palette(['segmented neutrophil'])


def test_every_class_of_the_taxonomy_has_a_colour():
    for colour in class_palette(load_taxonomy()):
        assert len(colour) == 3
        assert all(isinstance(channel, int) and 0 <= channel <= 255 for channel in colour)


def test_names_that_nobody_knows_differ_and_keep_their_colour():
    names = [f'class of nobody {number}' for number in range(15)]
    assert len(set(class_colours(names).values())) == 15
    assert class_colours(names)[names[0]] == class_colours(['RBC', names[0]])[names[0]]
    assert len(class_colours([f'{number}' for number in range(60)])) == 60  # more than there are colours
    assert class_colours([]) == {}
