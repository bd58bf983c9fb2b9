"""Colours of classes by what they are, so that a class looks the same on the pictures of all models."""

import colorsys
from collections.abc import Iterable
from functools import cache
from importlib import resources
from zlib import crc32

import yaml

from unihema_mm.datasets.taxonomy import load_taxonomy
from unihema_mm.utils.errors import InputError
from unihema_mm.utils.palette import colour_blind_palette

Colour = tuple[int, int, int]

_OTHERS = 21  # colours for names outside the taxonomy: three rounds of the seven hues
_LIGHTNESS = (0.32, 0.62, 0.24, 0.70, 0.45, 0.78)  # of the classes below one with a colour, in this order


def class_colours(names: Iterable[str]) -> dict[str, Colour]:
    """Choose the colours of classes.

    A class of the taxonomy, by any of its names, always has the same colour: its own, or the hue of its
    nearest ancestor with one, in another lightness. Any other name has a colour that follows from its
    spelling; where two of ``names`` meet there, the later takes the next free one.

    Args:
        names: Class names of one picture.

    Returns:
        Name -> RGB, 0 to 255.
    """
    known = _taxonomy_colours()
    taxonomy = load_taxonomy()
    colours, taken = {}, set()
    others = colour_blind_palette(_OTHERS)
    for name in names:
        if name in colours:
            continue
        try:
            colours[name] = known[taxonomy.resolve(name)]
        except InputError:
            place = crc32(name.encode('utf-8', 'surrogatepass'))
            free = [others[(place + step) % _OTHERS] for step in range(_OTHERS)]
            colours[name] = next((colour for colour in free if colour not in taken), free[0])
            taken.add(colours[name])
    return colours


def class_palette(classes: Iterable[str]) -> list[Colour]:
    """List the colours of a label space, in its order.

    Args:
        classes: Class names.

    Returns:
        One RGB colour, 0 to 255, per class.
    """
    classes = list(classes)
    colours = class_colours(classes)
    return [colours[name] for name in classes]


@cache
def _taxonomy_colours() -> dict[str, Colour]:
    text = (resources.files(__package__) / 'class_colours.yaml').read_text(encoding='utf-8')
    anchors = yaml.safe_load(text)
    taxonomy = load_taxonomy()
    colours, below = {}, dict.fromkeys(anchors, 0)
    for name in taxonomy:
        if name in anchors:
            colours[name] = tuple(bytes.fromhex(anchors[name][1:]))
            continue
        anchor = next(parent for parent in taxonomy.ancestors(name) if parent in anchors)
        hue, _, saturation = colorsys.rgb_to_hls(*(value / 255 for value in colours[anchor]))
        lightness = _LIGHTNESS[below[anchor] % len(_LIGHTNESS)]
        below[anchor] += 1
        colours[name] = tuple(round(255 * value) for value in colorsys.hls_to_rgb(hue, lightness, saturation))
    return colours
