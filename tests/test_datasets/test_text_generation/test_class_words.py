import re

import pytest

from unihema_mm.datasets.taxonomy import load_taxonomy
from unihema_mm.datasets.text_generation.class_words import ClassWords, _facts


@pytest.mark.parametrize(
    ('names', 'name', 'one', 'many'),
    [
        (['RBC', 'WBC'], 'RBC', 'red blood cell', 'red blood cells'),
        (['RBC', 'ring'], 'RBC', 'uninfected red blood cell', 'uninfected red blood cells'),
        (['RBC', 'ring'], 'ring', 'ring-stage parasite', 'ring-stage parasites'),
        (['NGS'], 'NGS', 'segmented neutrophil', 'segmented neutrophils'),
        (['TB bacillus'], 'TB bacillus', 'tuberculosis bacillus', 'tuberculosis bacilli'),
        (['my {cell}'], 'my {cell}', 'my (cell)', 'my (cell)s'),
    ],
)
def test_nouns(names, name, one, many):
    words = ClassWords(names)
    assert (words.noun(name), words.noun(name, 2), words.noun(name, 0)) == (one, many, many)


def test_amounts():
    words = ClassWords(['platelet'])
    assert [words.amount('platelet', n) for n in (0, 1, 2)] == ['no platelets', '1 platelet', '2 platelets']


def test_every_class_of_the_taxonomy_has_a_singular_noun():
    tree, facts = load_taxonomy(), _facts()
    assert set(facts['nouns']) | set(facts['vague']) <= set(tree)
    for name in set(tree) - set(facts['vague']):
        noun = ClassWords([name]).noun(name)
        assert (re.fullmatch(r'[a-z -]+', noun) and not noun.endswith('s')) or noun.endswith('bacillus'), noun


def test_vague_classes_are_not_asked_about():
    assert ClassWords(['RBC', 'difficult', 'none', 'ART', 'other cells', 'mine']).names == ('RBC', 'mine')


def test_what_is_countable():
    words = ClassWords(['RBC', 'WBC', 'neutrophil', 'difficult'])
    assert words.countable([]) == ('RBC', 'neutrophil')
    assert words.countable(['RBC', 'neutrophil']) == ('RBC', 'neutrophil')
    assert words.countable(['WBC']) == ('RBC',)  # it may be a neutrophil
    assert words.countable(['RBC', 'difficult']) == ()


def test_sets_whose_images_always_show_a_class():
    names = ['RBC', 'WBC', 'platelet']
    assert ClassWords(names, 'bccd').countable(['RBC']) == ()
    assert ClassWords(names, 'bccd').countable(['RBC', 'WBC']) == tuple(names)
    assert ClassWords(names, 'mine').countable([]) == tuple(names)


def test_classes_that_exclude_each_other():
    words = ClassWords(['neutrophil', 'NGS', 'lymphocyte', 'mine'])
    assert words.excludes('NGS', 'lymphocyte') and words.excludes('mine', 'NGS')
    assert not words.excludes('NGS', 'neutrophil') and not words.excludes('neutrophil', 'NGS')
    assert not words.excludes('mine', 'mine')


@pytest.mark.parametrize(
    ('names', 'noun'),
    [
        (['neutrophil', 'blast'], 'white blood cell'),
        (['neutrophil', 'NGS'], 'white blood cell'),
        (['ring', 'schizont'], 'malaria parasite'),
        (['ring', 'leishmania'], 'cell'),
        (['neutrophil', 'RBC'], 'cell'),
        (['neutrophil', 'mine'], 'cell'),
        ([], 'cell'),
        (['difficult'], 'cell'),
    ],
)
def test_common_noun(names, noun):
    assert ClassWords(names).common_noun == noun


def test_classes_called_by_the_same_words_are_vague():
    words = ClassWords(['RBC', 'erythrocyte', 'WBC', 'mine', 'Mine'])
    assert words.names == ('WBC',)
    assert words.countable(['WBC']) == ('WBC',) and words.countable(['RBC', 'WBC']) == ()
