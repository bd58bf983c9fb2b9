"""Pictures of what a model says about an image."""

from collections import Counter
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from unihema_mm.structures.results import RESEARCH_USE, Cell, ImageResult

from .class_colours import Colour, class_colours
from .overlay import LABELLED_CELLS, draw_overlay, rare_first, text_size
from .panel import WHITE, Block, Line, draw_panel

MIN_SIDE = 480  # pixels; a smaller image is enlarged, or text would dwarf it
TOP_CLASSES = 5  # of a single cell
NARROW = 14  # width of a legend of classes alone, in times the size of its font
COLUMN = 20  # of a column with other text


def draw_result(
    image_rgb: np.ndarray,
    result: ImageResult,
    *,
    title: str | None = None,
    boxes: bool = True,
    masks: bool = True,
    foreground: bool = True,
    attributes: bool = True,
    texts: bool = True,
    legend: bool = True,
    max_rows: int = 20,
    max_side: int | None = None,
) -> np.ndarray:
    """Draw a result: the image with cells and masks, a legend beside it, answers under it.

    Args:
        image_rgb: The image, uint8: RGB (height, width, 3), or grey (height, width) or (height, width, 1).
        result: What was predicted on it.
        title: Heading of the legend.
        boxes: Whether to draw the boxes of cells.
        masks: Whether to draw their masks.
        foreground: Whether to outline the semantic mask.
        attributes: Whether to list attributes, with numbers at the cells that are listed.
        texts: Whether to write prompt, answers, completed sentences and warnings under the image.
        legend: Whether to draw the classes with their counts, and the attributes, beside the image.
        max_rows: Most cells whose attributes are listed: those of rare classes first, then the most
            confident.
        max_side: Longest side of the image in the picture, in pixels; a larger one is shrunk. By default
            its own size; an image below 480 pixels is enlarged by a whole factor.

    Returns:
        RGB, uint8. The last line of the picture says that it is for research use only.

    Raises:
        ValueError: The image is not of the size of the result.
    """
    image = _as_rgb(image_rgb, result)
    image, factor = _resized(image, max_side)
    size = text_size(*image.shape[:2])
    cells = result.cells or ()
    colours = class_colours([*result.classes, *(cell.label for cell in cells)])
    listed = (
        [cell for cell in rare_first(cells) if cell.attributes][:max_rows] if attributes and legend else []
    )
    picture = draw_overlay(
        image,
        cells,
        result.mask if foreground else None,
        boxes=boxes,
        masks=masks,
        names=boxes and len(cells) <= LABELLED_CELLS,
        numbered=listed if boxes or masks else (),
        colours=colours,
        factor=factor,
        size=size,
    )
    if legend:
        heading: list[Block] = [(Line(title, bold=True, scale=1.15),)] if title else []
        blocks = heading + _legend(result, colours, foreground) + _attribute_table(listed, cells, colours)
        is_wide = listed or result.cell_class is not None
        panel = draw_panel(blocks, (COLUMN if is_wide else NARROW) * size, picture.shape[0], size)
        picture = np.hstack([_padded(picture, height=panel.shape[0]), panel])
    under = [
        *(_texts(result) if texts else ()),
        (Line(f'{result.name} \N{MIDDLE DOT} {RESEARCH_USE}', scale=0.85),),
    ]
    return _add_under(picture, under, size)


def _as_rgb(image: np.ndarray, result: ImageResult) -> np.ndarray:
    if image.shape[:2] != (result.height, result.width):
        raise ValueError(
            f'{result.name}: image is {image.shape[1]} x {image.shape[0]} pixels, but its result is for '
            f'{result.width} x {result.height}'
        )
    if image.ndim == 2 or image.shape[2] == 1:
        return cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    return image


def _resized(image: np.ndarray, max_side: int | None) -> tuple[np.ndarray, float]:
    longest = max(image.shape[:2])
    if longest < MIN_SIDE:
        factor = -(-MIN_SIDE // longest)
        return image.repeat(factor, 0).repeat(factor, 1), float(factor)
    if max_side is None or longest <= max_side:
        return image, 1.0
    factor = max_side / longest
    shape = tuple(max(1, round(side * factor)) for side in image.shape[1::-1])
    return cv2.resize(image, shape, interpolation=cv2.INTER_AREA), factor


def _legend(result: ImageResult, colours: Mapping[str, Colour], foreground: bool) -> list[Block]:
    blocks: list[Block] = []
    if result.cells is not None:
        counts = Counter(cell.label for cell in result.cells)
        total = len(result.cells)
        blocks.append(
            (Line(f'{total:,} cell{"" if total == 1 else "s"}' if total else 'No cells', bold=True),)
        )
        blocks += [
            (Line(f'{name}: {count:,}', swatch=colours[name]),) for name, count in counts.most_common()
        ]
    if result.mask is not None and foreground:
        share = float((result.mask > 0).mean())
        blocks.append((Line(f'Foreground: {share:.1%} of the image', swatch=(0, 0, 0)),))
    if result.cell_class is not None:
        blocks += _class_blocks(result)
    return blocks


def _class_blocks(result: ImageResult) -> list[Block]:
    found = result.cell_class
    head: Block = (Line(f'{found.label} {found.score:.0%}', bold=True, scale=1.15),)
    ranked = sorted(found.scores.items(), key=lambda pair: -pair[1])[:TOP_CLASSES]
    bars = [(Line(f'{name} {score:.1%}', bar=score, scale=0.9),) for name, score in ranked]
    lines = [(Line(f'{name}: {value}', scale=0.9),) for name, value in _readable(found.attributes)]
    return [head, *bars, *([(Line('Attributes', bold=True),), *lines] if lines else [])]


def _attribute_table(
    listed: Sequence[Cell], cells: Sequence[Cell], colours: Mapping[str, Colour]
) -> list[Block]:
    if not listed:
        return []
    blocks: list[Block] = [(Line('Attributes', bold=True),)]
    for number, cell in enumerate(listed, start=1):
        values = ', '.join(f'{name}: {value}' for name, value in _readable(cell.attributes))
        head = Line(
            f'{number} {cell.label} {cell.score:.0%}', swatch=colours[cell.label], bold=True, scale=0.9
        )
        blocks.append((head, Line(values, scale=0.8)))
    more = sum(bool(cell.attributes) for cell in cells) - len(listed)
    if more:
        blocks.append((Line(f'and {more:,} more with attributes', scale=0.8),))
    return blocks


def _readable(attributes: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name.replace('_', ' '), value) for name, value in attributes.items()]


def _texts(result: ImageResult) -> list[Block]:
    blocks: list[Block] = [(Line(f'Prompt: {result.prompt}'),)] if result.prompt else []
    blocks += [
        (Line(answer.question), Line(answer.answer or '(no answer)', bold=True)) for answer in result.answers
    ]
    for sentence in result.sentences:
        blocks.append((Line(sentence.masked), Line(sentence.completed or '(no completion)', bold=True)))
    return blocks + [(Line(f'Note: {warning}'),) for warning in result.warnings]


def _add_under(picture: np.ndarray, blocks: Sequence[Block], size: int) -> np.ndarray:
    width = max(picture.shape[1], COLUMN * size)
    panel = draw_panel(blocks, width, None, size)
    return np.vstack([_padded(picture, width=width), panel])


def _padded(picture: np.ndarray, height: int = 0, width: int = 0) -> np.ndarray:
    down, right = (
        max(0, wanted - side) for wanted, side in zip((height, width), picture.shape, strict=False)
    )
    return cv2.copyMakeBorder(picture, 0, down, 0, right, cv2.BORDER_CONSTANT, value=WHITE)
