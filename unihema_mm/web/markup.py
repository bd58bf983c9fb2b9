"""Results as HTML; every text in them is escaped, also that of file names and of the model."""

from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape

import cv2
import numpy as np

from unihema_mm.structures.results import RESEARCH_USE, Cell, ImageResult

from .view import colours_of

NOTICE = f'<p class="notice">{escape(RESEARCH_USE)}</p>'


def legend(result: ImageResult) -> str:
    """Classes with their colours and counts, and what else was predicted."""
    parts = []
    if result.cells is not None:
        colours = colours_of(result)
        counts = Counter(cell.label for cell in result.cells)
        rows = [_swatch(colours[name], f'{name}: {count:,}') for name, count in counts.most_common()]
        threshold = f'{result.thresholds["score"]:.2f}' if 'score' in result.thresholds else '0'
        total = len(result.cells)
        head = f'{total:,} cell{"" if total == 1 else "s"} of score {threshold} or more' if total else None
        parts.append(f'<b>{head or f"No cell of score {threshold} or more"}</b>{"".join(rows)}')
    if result.mask is not None:
        parts.append(_swatch((0, 0, 0), f'Foreground: {float((result.mask > 0).mean()):.1%} of the picture'))
    if result.cell_class is not None:
        found = result.cell_class
        ranked = sorted(found.scores.items(), key=lambda pair: -pair[1])[:5]
        parts.append(f'<b>Single cell: {escape(found.label)} ({found.score:.0%})</b>')
        parts.append(_table({name: f'{score:.1%}' for name, score in ranked}))
        if found.attributes:
            parts.append(_table(_readable(found.attributes)))
    parts += [_note(warning) for warning in result.warnings]
    return f'<div class="legend">{"".join(parts)}</div>'


def cell_card(cell: Cell | None, crop: np.ndarray | None = None) -> str:
    """Class, score, attributes and place of a cell, with its picture, RGB, uint8."""
    if cell is None:
        return '<div class="cell hint">Click a cell on the picture to see what it is.</div>'
    x1, y1, x2, y2 = cell.bbox
    facts = {'score': f'{cell.score:.2f}'}
    if cell.mask_score is not None:
        facts['score of the outline'] = f'{cell.mask_score:.2f}'
    for name, value in cell.attributes.items():
        score = cell.attribute_scores.get(name)
        facts[name.replace('_', ' ')] = value if score is None else f'{value} ({score:.2f})'
    facts['box'] = f'x {x1:.0f} to {x2:.0f}, y {y1:.0f} to {y2:.0f}'
    picture = '' if crop is None else f'<img alt="the cell" src="{_data_address(crop)}">'
    return f'<div class="cell">{picture}<b>{escape(cell.label)}</b>{_table(facts)}</div>'


def attribute_list(cells: Sequence[Cell]) -> str:
    """Attributes of the numbered cells of a picture."""
    if not cells:
        return ''
    names = list(dict.fromkeys(name for cell in cells for name in cell.attributes))
    head = ''.join(f'<th>{escape(name.replace("_", " "))}</th>' for name in ('', 'class', 'score', *names))
    rows = []
    for number, cell in enumerate(cells, start=1):
        values = [str(number), cell.label, f'{cell.score:.2f}']
        values += [cell.attributes.get(name, '') for name in names]
        rows.append('<tr>' + ''.join(f'<td>{escape(value)}</td>' for value in values) + '</tr>')
    return f'<div class="wide"><table class="attributes"><tr>{head}</tr>{"".join(rows)}</table></div>'


def progress(states: Mapping[str, tuple[str, str]]) -> str:
    """Table of the files of a run.

    Args:
        states: Name -> state ('waiting', 'running', 'done' or 'failed') and a message.
    """
    if not states:
        return ''
    failed = sum(state == 'failed' for state, _ in states.values())
    over = failed + sum(state == 'done' for state, _ in states.values())
    head = f'{over} of {len(states)} done' + (f', {failed} of them failed' if failed else '')
    rows = ''.join(
        f'<tr class="{state}"><td>{escape(name)}</td><td>{escape(message)}</td></tr>'
        for name, (state, message) in states.items()
    )
    return f'<div class="progress"><b>{head}</b><table>{rows}</table></div>'


def notes(lines: Sequence[str]) -> str:
    """Lines that the reader should know."""
    return f'<div class="legend">{"".join(_note(line) for line in lines)}</div>' if lines else ''


def message(text: str) -> str:
    """One line about what went wrong."""
    return f'<div class="progress"><table><tr class="failed"><td>{escape(text)}</td></tr></table></div>'


def _data_address(pixels: np.ndarray) -> str:
    content = cv2.imencode('.png', pixels[..., ::-1])[1].tobytes()
    return f'data:image/png;base64,{b64encode(content).decode()}'


def _note(text: str) -> str:
    return f'<div class="note">Note: {escape(text)}</div>'


def _swatch(colour: tuple[int, int, int], text: str) -> str:
    square = f'<span class="swatch" style="background:rgb{colour}"></span>'
    return f'<span class="entry">{square}{escape(text)}</span>'


def _readable(attributes: Mapping[str, str]) -> dict[str, str]:
    return {name.replace('_', ' '): value for name, value in attributes.items()}


def _table(facts: Mapping[str, str]) -> str:
    rows = (f'<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>' for name, value in facts.items())
    return f'<table>{"".join(rows)}</table>'
