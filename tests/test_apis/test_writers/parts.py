"""Results that tests write."""

import json
import random
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from unihema_mm.structures.results import (
    Answer,
    Cell,
    CellClass,
    CellMask,
    FailedImage,
    ImageResult,
    Sentence,
)

CLASSES = ('RBC', 'WBC', 'platelet')
NAMES = [
    'a.png',
    'a.jpg',
    'slide 1/field.v2.tif',
    'slide 1/field.v2.png',
    'Ausstrich/Zellkörper 細胞.png',
    'a.json/b.png',
    '=cmd|calc.png',
]


def make_cell(bbox=(2.0, 3.0, 10.5, 12.25), label_id=0, score=0.5, pixels=None, x=2, y=3, **more):
    mask = None if pixels is None else CellMask(x, y, np.asarray(pixels, bool))
    return Cell(bbox, CLASSES[label_id], label_id, score, mask=mask, **more)


def make_result(name='a.png', cells=(), width=40, height=30, tasks=('det',), **more):
    cells = None if cells is None else tuple(cells)
    return ImageResult(name, None, width, height, tasks, classes=CLASSES, cells=cells, **more)


def draw_run(count, seed=0):
    """A run with everything in it: cells with and without attributes, nothing found, failures, odd names."""
    chance = random.Random(seed)
    names = [*NAMES, *(f'folder/{number:04d}.png' for number in range(count))][:count]
    for number, name in enumerate(names):
        if number % 7 == 4:
            yield FailedImage(name, f'/data/{name}', '-1 bytes; copy the file again')
            continue
        cells = [_draw_cell(chance) for _ in range(chance.randrange(6))]
        yield make_result(
            name,
            sorted(cells, key=lambda cell: -cell.score),
            tasks=('det', 'morph', 'inst', 'seg', 'vqa'),
            mask=np.asarray([[chance.random() < 0.3 for _ in range(40)] for _ in range(30)], np.uint8),
            answers=(Answer('How many cells?', f'+{len(cells)}'), Answer('How many cells?', 'some')),
            seconds=number / 8,
        )


def _draw_cell(chance):
    x1, y1 = chance.randrange(30), chance.randrange(20)
    width, height = chance.randrange(1, 10), chance.randrange(1, 10)
    pixels = np.asarray([[chance.random() < 0.7 for _ in range(width)] for _ in range(height)])
    pixels[0, 0] = True
    attributes = {f'attribute {chance.randrange(3)}': chance.choice(['big', '=small'])}
    return make_cell(
        (x1 + chance.random() / 2, y1 + chance.random() / 2, x1 + width, y1 + height),
        chance.randrange(3),
        chance.random(),
        pixels,
        x1,
        y1,
        attributes=attributes,
        attribute_scores=dict.fromkeys(attributes, chance.random()),
        mask_score=chance.random(),
    )


def tree(folder: Path) -> dict[str, bytes]:
    """What a run leaves for its readers."""
    files = (path for path in folder.rglob('*') if path.is_file())
    names = ((path.relative_to(folder).as_posix(), path) for path in files)
    return {name: path.read_bytes() for name, path in names if not name.startswith('.unihema/')}


def read_json(path: Path):
    return json.loads(path.read_text(encoding='utf-8'))


scores = st.floats(0, 1, allow_subnormal=False)
texts = st.text(max_size=12)
names = st.text(min_size=1, max_size=30) | st.sampled_from(NAMES)


@st.composite
def cells(draw, width, height):
    w, h = draw(st.integers(1, width)), draw(st.integers(1, height))
    x, y = draw(st.integers(0, width - w)), draw(st.integers(0, height - h))
    pixels = draw(arrays.arrays(bool, (h, w)))
    attributes = draw(st.dictionaries(texts, texts, max_size=3))
    return make_cell(
        (x + draw(st.floats(0, 0.49)), float(y), float(x + w), y + h - draw(st.floats(0, 0.49))),
        draw(st.integers(0, 2)),
        draw(scores),
        pixels if draw(st.booleans()) else None,
        x,
        y,
        attributes=attributes,
        attribute_scores={name: draw(scores) for name in attributes},
        mask_score=draw(st.none() | scores),
    )


@st.composite
def results(draw, name=names):
    width, height = draw(st.integers(1, 17)), draw(st.integers(1, 13))
    foreground = arrays.arrays(np.uint8, (height, width), elements=st.integers(0, 1))
    found = draw(st.none() | st.lists(cells(width, height), max_size=5))
    return make_result(
        draw(name),
        None if found is None else sorted(found, key=lambda cell: -cell.score),
        width,
        height,
        draw(st.sampled_from([('det', 'inst', 'seg'), ('det', 'inst', 'vqa', 'cls')])),
        prompt=draw(st.none() | texts),
        mask=draw(st.none() | foreground),
        cell_class=draw(st.none() | st.builds(CellClass, texts, st.just(0), scores, st.just({'x': 1.0}))),
        answers=tuple(draw(st.lists(st.builds(Answer, texts, texts), max_size=3))),
        sentences=tuple(draw(st.lists(st.builds(Sentence, texts, texts), max_size=2))),
    )
