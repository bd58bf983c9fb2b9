"""Writes a corpus of synthetic smears in the project's annotation schema."""

import json
import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from unihema_mm.utils.folder_lock import folder_lock

from ..parallel import map_ordered
from .scene import Scene, draw_field, draw_single_cell
from .shapes import area
from .text import cell_questions, cell_sentences, field_questions, field_sentences
from .vocabulary import ATTRIBUTES, CLASSES

DATASET = 'synthetic'
SPLITS = ('train', 'val', 'test')
FOLDERS = ('fields', 'cells')
JPEG_QUALITY = 93


class _Job(NamedTuple):
    out: Path
    seed: int
    folder: str
    index: int

    @property
    def file_name(self) -> str:
        return f'images/{self.folder}/{self.folder[:-1]}_{self.index:06d}.jpg'


def split_sizes(num: int) -> dict[str, int]:
    """80/10/10 % of ``num``, with at least one in each split from three on; train comes first before that."""
    held = max(1, round(num * 0.1)) if num >= 3 else 0
    val = held if num != 2 else 1
    return {'train': num - val - held, 'val': val, 'test': held}


def _write(path: Path, data: bytes) -> None:
    """Write all or nothing."""
    part = path.with_name(f'.{path.name}.part')
    part.write_bytes(data)
    os.replace(part, path)


def _objects(scene: Scene) -> list[dict]:
    ids = {name: i for i, name in enumerate(CLASSES, 1)}
    records = []
    for cell in scene.cells:
        low, high = cell.outline.min(0), cell.outline.max(0)
        record = dict(
            category_id=ids[cell.name],
            bbox=[*low.tolist(), *(high - low).tolist()],
            area=area(cell.outline),
            iscrowd=0,
            segmentation=[cell.outline.ravel().tolist()],
        )
        if cell.attributes:
            record['attributes'] = cell.attributes
        records.append(record)
    return records


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(0)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


@_one_thread()
def _make(job: _Job) -> tuple[dict, list[dict]]:
    """Draw and write one picture; return its image record and its objects, both without ids."""
    rng = np.random.default_rng([job.seed, FOLDERS.index(job.folder), job.index])
    if job.folder == 'fields':
        scene = draw_field(rng)
        questions, sentences = field_questions(rng, scene), field_sentences(rng, scene)
        white = any(cell.attributes for cell in scene.cells)
        extra = dict(tasks=['det', *(['morph'] if white else []), 'seg', 'inst', 'vqa', 'mlm'])
    else:
        scene = draw_single_cell(rng, CLASSES[job.index % len(CLASSES)])
        questions, sentences = cell_questions(rng, scene), cell_sentences(rng, scene)
        centre = scene.cells[0]
        white = bool(centre.attributes)
        extra = dict(tasks=['cls', *(['morph'] if white else []), 'seg', 'inst', 'vqa', 'mlm'])
        extra['class_name'] = centre.name
        if white:
            extra['attributes'] = centre.attributes
    _, data = cv2.imencode('.jpg', scene.picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    _write(job.out / job.file_name, data.tobytes())
    height, width = scene.picture.shape[:2]
    image = dict(file_name=job.file_name, width=width, height=height, prompt=scene.kind.prompt, **extra)
    image.update(questions=questions, sentences=sentences)
    return image, _objects(scene)


def _check_arguments(**numbers: int) -> None:
    for name, value in numbers.items():
        least = 1 if name in ('num', 'workers') else 0
        if value < least:
            raise ValueError(f'{name} is {value}: give a number of at least {least}')


def _clear(out: Path) -> None:
    """Remove annotations of an earlier run, which the new pictures would contradict; refuse other data."""
    for split in SPLITS:
        path = out / 'annotations' / f'{split}.json'
        if not path.exists():
            continue
        try:
            dataset = json.loads(path.read_text(encoding='utf-8'))['info']['dataset']
        except (ValueError, KeyError, TypeError):
            dataset = None
        if dataset != DATASET:
            raise FileExistsError(f'{path} belongs to another data set: give an empty folder')
    for split in SPLITS:
        (out / 'annotations' / f'{split}.json').unlink(missing_ok=True)


def _drop_leftovers(out: Path, counts: dict[str, int]) -> None:
    """Remove pictures of an earlier, larger or interrupted run that the new annotations do not mention."""
    for folder in FOLDERS:
        for path in (out / 'images' / folder).glob(f'*{folder[:-1]}_*'):
            found = re.fullmatch(rf'(\.?){folder[:-1]}_(\d{{6}})\.jpg(\.part)?', path.name)
            if found and (found[1] or int(found[2]) >= counts[folder]):
                path.unlink()


def _split_file(split: str, results: list[tuple[int, dict, list[dict]]]) -> dict:
    images, annotations = [], []
    for image_id, image, objects in results:
        images.append(dict(id=image_id, **image))
        for record in objects:
            annotations.append(dict(id=len(annotations) + 1, image_id=image_id, **record))
    attributes = {name: list(values) for name, values in ATTRIBUTES.items()}
    info = dict(
        schema_version='1.0', dataset=DATASET, split=split, licence='Apache-2.0', attributes=attributes
    )
    categories = [dict(id=i, name=name) for i, name in enumerate(CLASSES, 1)]
    return dict(info=info, images=images, annotations=annotations, categories=categories)


def _per_class(content: dict) -> dict[str, int]:
    found = Counter(record['category_id'] for record in content['annotations'])
    return {category['name']: found[category['id']] for category in content['categories']}


def generate_corpus(
    out: Path,
    num: int = 200,
    seed: int = 0,
    workers: int = 1,
    cells: int | None = None,
    progress: bool = True,
) -> dict:
    """Draw a corpus of synthetic smears and write it in the annotation schema.

    The same seed gives the same bytes, whatever ``workers`` is. Annotations of an earlier synthetic corpus in
    ``out`` are removed first and written last, so an interrupted run leaves none.

    Args:
        out (Path): Data root to write ``images/`` and ``annotations/`` into.
        num (int): Number of fields of view, 640 x 480 pixels.
        seed (int): Seed of everything.
        workers (int): Number of processes.
        cells (int, optional): Number of single-cell pictures, 128 x 128 pixels. Defaults to ``num``.
        progress (bool): Show a progress bar.

    Returns:
        dict: ``fields``, ``cells``, ``questions`` (numbers per split), ``objects`` (per split and class) and
        ``seconds``.

    Raises:
        ValueError: A number is too small.
        FileExistsError: ``out`` holds annotations of another data set.
        InputError: Another run writes into ``out``.
    """
    start = time.perf_counter()
    out = Path(out)
    counts = dict(fields=num, cells=num if cells is None else cells)
    _check_arguments(num=num, seed=seed, workers=workers, cells=counts['cells'])
    with folder_lock(out):
        summary = _generate(out, seed, counts, workers, progress)
    return dict(**summary, seconds=time.perf_counter() - start)


def _generate(out: Path, seed: int, counts: dict[str, int], workers: int, progress: bool) -> dict:
    _clear(out)
    for folder in ('images/fields', 'images/cells', 'annotations'):
        (out / folder).mkdir(parents=True, exist_ok=True)

    jobs = [_Job(out, seed, folder, i) for folder in FOLDERS for i in range(counts[folder])]
    drawn = map_ordered(_make, jobs, workers=workers, progress=progress, title='drawing smears')
    results = iter([(i, *result) for i, result in enumerate(drawn, 1)])
    sizes = {folder: split_sizes(counts[folder]) for folder in FOLDERS}
    chosen: dict[str, list] = {split: [] for split in SPLITS}
    for folder in FOLDERS:
        for split in SPLITS:
            chosen[split] += islice(results, sizes[folder][split])
    files = {split: _split_file(split, group) for split, group in chosen.items()}
    _drop_leftovers(out, counts)
    for split, content in files.items():
        text = json.dumps(content, separators=(',', ':'))
        _write(out / 'annotations' / f'{split}.json', text.encode('utf-8'))
    return dict(
        **sizes,
        objects={split: _per_class(content) for split, content in files.items()},
        questions={
            split: sum(len(image['questions']) for image in content['images'])
            for split, content in files.items()
        },
    )
