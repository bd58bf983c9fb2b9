"""Hints on misspelt names."""

from unihema_mm.utils.names import close_names, nearest_names


def test_nearest_names():
    assert nearest_names('Platelets', ['RBC', 'platelet']) == 'nearest: platelet'
    assert nearest_names('zzz', ['RBC', 'WBC']) == 'known: RBC, WBC'


def test_close_names():
    assert close_names('PLATELETS', ['RBC', 'platelet', 'Platelet clump']) == ['platelet', 'Platelet clump']
    assert close_names('zzz', ['RBC']) == close_names('RBC', []) == []
