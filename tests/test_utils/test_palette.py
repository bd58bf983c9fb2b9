"""Class colours."""

from unihema_mm.utils.palette import colour_blind_palette


def test_colours_differ_up_to_fourteen_classes():
    palette = colour_blind_palette(14)
    assert len(set(palette)) == 14
    assert all(0 <= channel <= 255 for colour in palette for channel in colour)
    assert palette[:7] == colour_blind_palette(7)
