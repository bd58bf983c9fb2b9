"""Shipped attribute sets and the check of given ones."""

import subprocess
import sys

import pytest

from unihema_mm.datasets.synthetic.vocabulary import ATTRIBUTES
from unihema_mm.structures.attribute_values import (
    attribute_set_names,
    check_attribute_values,
    load_attribute_values,
)
from unihema_mm.utils.errors import InputError


def test_shipped_sets():
    assert attribute_set_names() == ['leukemia_attri', 'wbcatt']
    leukemia = load_attribute_values('leukemia_attri')
    assert list(leukemia) == [
        'nuclear_chromatin',
        'nuclear_shape',
        'nucleolus',
        'cytoplasm',
        'cytoplasmic_basophilia',
        'cytoplasmic_vacuoles',
    ]
    assert all(len(values) == 2 for values in leukemia.values())
    # Published codes: 0 is open, regular, ...; 1 is coarse, irregular, ...
    assert [values[1] for values in leukemia.values()] == [
        'coarse',
        'irregular',
        'prominent',
        'abundant',
        'moderate',
        'prominent',
    ]


def test_wbcatt_has_eleven_attributes_and_the_corpus_shares_them():
    wbcatt = load_attribute_values('wbcatt')
    counts = [len(values) for values in wbcatt.values()]
    assert counts == [2, 2, 6, 2, 2, 2, 2, 3, 4, 4, 2]
    assert wbcatt['cytoplasm_vacuole'] == ('no', 'yes')
    assert wbcatt['granularity'] == ('yes', 'no')
    assert wbcatt == ATTRIBUTES


def test_unknown_set_names_the_nearest():
    with pytest.raises(InputError, match=r"'wbcat' is not known \(nearest: wbcatt"):
        load_attribute_values('wbcat')


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        (None, 'mine: is None; write attribute name'),
        ({}, 'mine: is {}; write attribute name'),
        (['size'], 'mine: is .*; write attribute name'),
        ({1: ['a', 'b']}, 'mine: attribute 1 is not a text'),
        ({'vacuole': [False, True]}, 'mine: vacuole: value False is not a text; put it in quotes'),
        ({'size': 'big'}, "mine: size: is 'big'; write a list"),
        ({'size': None}, 'mine: size: is None; write a list'),
        ({'size': {'big': 1, 'small': 0}}, 'mine: size: .*; write a list'),
        ({'size': ['big']}, 'mine: size: .* two or more values'),
        ({'size': ['big', 'small', 'big']}, 'mine: size: .* each once'),
    ],
)
def test_faults_are_named_in_one_line(given, message):
    with pytest.raises(InputError, match=message) as error:
        check_attribute_values(given, 'mine')
    assert '\n' not in str(error.value)


def test_reading_a_set_does_not_import_torch():
    code = 'import sys, unihema_mm.structures.attribute_values; print("torch" in sys.modules)'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ['False']
