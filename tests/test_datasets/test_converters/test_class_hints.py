import pytest

from unihema_mm.datasets.converters.class_hints import unknown_class


@pytest.mark.parametrize(
    ('name', 'hint'),
    [
        ('Platelet', 'known: ring, 7; in the taxonomy: platelet'),
        ('schizonts', 'known: ring, 7; in the taxonomy: schizont, burr cell, schistocyte'),
        ('ringg', 'nearest: ring; in the taxonomy: ring, immature granulocyte'),
        ('13', 'known: ring, 7'),
        ('', 'known: ring, 7'),
    ],
)
def test_names_of_the_entry_and_of_the_taxonomy(name, hint):
    assert unknown_class(name, ['ring', '7']) == f'{name!r} is not a known class ({hint})'
