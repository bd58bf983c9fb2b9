"""Hints on misspelt names."""

from unihema_mm.utils.names import nearest_names


def test_nearest_names():
    assert nearest_names('Platelets', ['RBC', 'platelet']) == 'nearest: platelet'
    assert nearest_names('zzz', ['RBC', 'WBC']) == 'known: RBC, WBC'
