"""A model stand-in that finds cells without looking, and pages that use it."""

import struct
import sys
import threading
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest

from unihema_mm.structures.results import Answer, Cell, CellMask, ImageResult
from unihema_mm.web import PageOptions
from unihema_mm.web.serve import page_server

from ..test_apis.conftest import work_folder

__all__ = ['work_folder']

CLASSES = ('RBC', 'WBC', 'Platelets')


def fake_cells(width: int, height: int) -> tuple[Cell, ...]:
    """Cells of falling score on a grid: a white cell, red cells, platelets of low score."""
    side = min(width, height) / 4
    cells = []
    for row in range(3):
        for column in range(3):
            x, y = (column + 0.3) * width / 3, (row + 0.3) * height / 3
            size = side * (0.9 if not cells else 0.6)
            label = 1 if not cells else 0 if row < 2 else 2
            box = (x, y, min(x + size, width), min(y + size, height))
            shape = (int(box[3]) - int(y), int(box[2]) - int(x))
            pixels = np.zeros(shape, np.uint8)
            cv2.ellipse(
                pixels, (shape[1] // 2, shape[0] // 2), (shape[1] // 2, shape[0] // 2), 0, 0, 360, 1, -1
            )
            attributes = {'nucleus_shape': 'segmented-bilobed', 'granularity': 'yes'} if label == 1 else {}
            cells.append(
                Cell(
                    box,
                    CLASSES[label],
                    label,
                    0.95 - 0.1 * len(cells),
                    attributes,
                    dict.fromkeys(attributes, 0.8),
                    CellMask(int(x), int(y), pixels.astype(bool)),
                    0.9,
                )
            )
    return tuple(cells)


@dataclass
class FakeInferencer:
    """Called like the real one; remembers what it was asked."""

    tasks: tuple[str, ...] = ('det', 'morph', 'inst', 'seg', 'cls', 'vqa')
    calls: list[dict] = field(default_factory=list)

    def __call__(self, inputs, tasks=None, prompt=None, questions=(), score_threshold=0.3, progress=True):
        self.calls.append({'tasks': tasks, 'prompt': prompt, 'questions': questions})
        for pixels in inputs:
            height, width = pixels.shape[:2]
            finds = {'det', 'morph', 'inst'} & set(tasks)
            yield ImageResult(
                'image_0',
                None,
                width,
                height,
                tuple(tasks),
                prompt,
                CLASSES,
                cells=fake_cells(width, height) if finds else None,
                mask=(pixels.mean(2) < 128).astype(np.uint8) if 'seg' in tasks else None,
                answers=tuple(Answer(question, f'answer to: {question}') for question in questions),
                thresholds={'score': score_threshold},
                seconds=0.1,
            )


def smear(width: int = 320, height: int = 240) -> np.ndarray:
    """A picture with round cells, BGR."""
    picture = np.full((height, width, 3), 225, np.uint8)
    rng = np.random.default_rng(0)
    for x, y in rng.integers(15, (width - 15, height - 15), (25, 2)).tolist():
        cv2.circle(picture, (x, y), 12, (140, 150, 215), -1)
    return picture


def write_bomb(path, side: int = 30_000, rotated: bool = False) -> None:
    """Write a small PNG that is a black picture of side x side pixels, lying on its side by its EXIF data."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        crc = zlib.crc32(kind + content)
        return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', crc)

    packer = zlib.compressobj(9)
    row = bytes(1 + side // 8)
    rows = b''.join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack('>IIBBBBB', side, side, 1, 0, 0, 0, 0)
    exif = b'MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0' if rotated else b''
    content = (
        chunk(b'IHDR', header)
        + (chunk(b'eXIf', exif) if exif else b'')
        + chunk(b'IDAT', rows)
        + chunk(b'IEND', b'')
    )
    path.write_bytes(b'\x89PNG\r\n\x1a\n' + content)


@pytest.fixture(scope='session')
def conftest():
    """This module: tests are imported one by one, without a package to import it from."""
    return sys.modules[__name__]


@pytest.fixture(scope='session', autouse=True)
def _pytests_own_folder(tmp_path_factory):
    """Made first: a running page takes the place for temporary files to its own folder, and removes that."""
    tmp_path_factory.getbasetemp()


@pytest.fixture
def inferencer() -> FakeInferencer:
    return FakeInferencer()


@pytest.fixture
def picture_file(tmp_path):
    path = tmp_path / 'smear.png'
    cv2.imwrite(str(path), smear())
    return path


@contextmanager
def running(options: PageOptions, inferencer=None, host: str = '127.0.0.1'):
    """Serve the page with the stand-in from a thread; gives its address."""
    with page_server(inferencer or FakeInferencer(), host, 0, options) as server:
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        yield server.address
        server.stop()
        thread.join(timeout=60)


@pytest.fixture(scope='module')
def page():
    """Address of a page with small limits."""
    pytest.importorskip('gradio')
    with running(PageOptions(max_file_mb=2, max_megapixels=2, max_pictures=40, keep_minutes=5)) as address:
        yield address
