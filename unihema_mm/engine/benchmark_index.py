"""Time and memory of the index of a large data set."""

import gc
import json
import multiprocessing
import os
import random
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median

from unihema_mm.registry import DATASETS
from unihema_mm.utils.atomic import write_bytes

MIB = 2**20
CLASSES = tuple(f'class {number}' for number in range(12))
_READS = 20_000


def write_boxes(path: Path, images: int, boxes: int) -> None:
    """Write an annotation file of random boxes in fields of 640x480; no image is made.

    Args:
        path: File to write.
        images: Number of image records.
        boxes: Number of object records, evenly spread over the images.
    """
    rng = random.Random(0)
    records = [
        dict(
            id=number, file_name=f'images/{number:07}.jpg', width=640, height=480, tasks=['det'], prompt='RBC'
        )
        for number in range(images)
    ]
    objects = []
    for number in range(boxes):
        x, y, w, h = rng.randint(0, 560), rng.randint(0, 400), rng.randint(10, 80), rng.randint(10, 80)
        category = rng.randint(1, len(CLASSES))
        objects.append(
            dict(id=number, image_id=number * images // boxes, category_id=category, bbox=[x, y, w, h],
                 area=w * h, iscrowd=0)
        )  # fmt: skip
    _write(path, records, objects)


def write_cells(path: Path, images: int) -> None:
    """Write an annotation file of single cells of 128x128 with a class each.

    Args:
        path: File to write.
        images: Number of image records.
    """
    records = [
        dict(id=number, file_name=f'images/{number:07}.jpg', width=128, height=128, tasks=['cls'],
             class_name=CLASSES[number % len(CLASSES)])
        for number in range(images)
    ]  # fmt: skip
    _write(path, records, [])


def measure_index(images: int, boxes: int, cells: int, turns: int) -> dict[str, dict]:
    """Load generated indices, each in a process of its own, in turns with baselines.

    Args:
        images: Number of fields of view.
        boxes: Number of boxes on them; 0 leaves the index out.
        cells: Number of single-cell images; likewise.
        turns: Number of turns.

    Returns:
        Name of the index -> reader -> medians, see :func:`_load`, and for our dataset ``ratios``: baseline ->
        quantity -> median of the ratios of each turn.
    """
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        if boxes:
            path = Path(folder, 'fields.json')
            write_boxes(path, images, boxes)
            readers = 'SmearDetDataset', 'mmdet.CocoDataset', 'json'
            results[f'{boxes} boxes on {images} images'] = _in_turns(path, readers, turns)
        if cells:
            path = Path(folder, 'cells.json')
            write_cells(path, cells)
            results[f'{cells} single cells'] = _in_turns(path, ('SmearCellDataset', 'json'), turns)
    return results


def _in_turns(path: Path, readers: Sequence[str], turns: int) -> dict:
    measured: dict[str, list[dict]] = {reader: [] for reader in readers}
    for turn in range(turns):
        for reader in readers if turn % 2 == 0 else reversed(readers):
            with ProcessPoolExecutor(1, multiprocessing.get_context('spawn')) as pool:
                measured[reader].append(pool.submit(_load, reader, str(path)).result())
    results = {
        reader: {key: median(one[key] for one in all_turns) for key in all_turns[0]}
        for reader, all_turns in measured.items()
    }
    own = measured[readers[0]]
    results[readers[0]]['ratios'] = {
        reader: {
            key: median(mine[key] / max(other[key], 1e-9) for mine, other in zip(own, others, strict=True))
            for key in ('seconds', 'peak_mib', 'kept_mib', 'worker_private_mib')
        }
        for reader, others in measured.items()
        if reader != readers[0]
    }
    return results


def _load(reader: str, path: str) -> dict[str, float]:
    """Load an index in this fresh process.

    Returns:
        ``seconds``; ``libraries_mib``, resident before; ``peak_mib`` and ``kept_mib``, growth of the resident
        memory while loading and after it; of a forked worker that has read 20,000 records ``worker_mib``
        (resident), ``worker_pss_mib`` (shared pages counted in part) and ``worker_private_mib`` (its own).
    """
    warnings.simplefilter('ignore')
    read = reader_of(reader, path)
    gc.collect()
    before = _memory('status')
    start = time.perf_counter()
    index = read()
    seconds = time.perf_counter() - start
    after = _memory('status')
    worker = _in_fork(index)
    return dict(
        seconds=seconds,
        libraries_mib=before['VmRSS'],
        peak_mib=after['VmHWM'] - before['VmHWM'],
        kept_mib=after['VmRSS'] - before['VmRSS'],
        worker_mib=worker['Rss'],
        worker_pss_mib=worker['Pss'],
        worker_private_mib=worker['Private_Clean'] + worker['Private_Dirty'],
    )


def reader_of(name: str, path: str) -> Callable:
    """Function that loads an annotation file.

    Args:
        name: Type of a dataset, or 'json' for the plain records of the file.
        path: The file.

    Returns:
        Function without arguments that returns something with ``get_data_info`` and a length.
    """
    import unihema_mm.datasets.smear  # noqa: F401  (before the clock starts)

    if name == 'json':
        return lambda: _Records(json.loads(Path(path).read_bytes()))
    options = dict(type=name, ann_file=path)
    if name.startswith('mmdet.'):
        return lambda: DATASETS.build(dict(options, metainfo=dict(classes=CLASSES), data_prefix=dict(img='')))
    return lambda: DATASETS.build(dict(options, check_files=False))


class _Records:
    """What a dataset without an index of its own holds: the records of the file, by image."""

    def __init__(self, document: dict) -> None:
        self.images = document['images']
        self.objects: dict[int, list[dict]] = {image['id']: [] for image in self.images}
        for item in document['annotations']:
            self.objects[item['image_id']].append(item)

    def __len__(self) -> int:
        return len(self.images)

    def get_data_info(self, index: int) -> dict:
        image = self.images[index]
        return {**image, 'instances': [dict(item) for item in self.objects[image['id']]]}


def _in_fork(index) -> dict[str, float]:
    context = multiprocessing.get_context('fork')
    reading, writing = context.Pipe(duplex=False)
    process = context.Process(target=_read_some, args=(index, writing))
    process.start()
    writing.close()  # or a worker that dies would be waited for
    found = reading.recv()
    process.join()
    return found


def _read_some(index, writing) -> None:
    rng = random.Random(0)
    for _ in range(_READS):
        index.get_data_info(rng.randrange(len(index)))
    writing.send(_memory('smaps_rollup'))


def _memory(file: str) -> dict[str, float]:
    """Lines of a file of /proc/self that are in kB, in MiB."""
    lines = Path('/proc', str(os.getpid()), file).read_text().splitlines()
    return {
        name: int(value.split()[0]) / 1024
        for name, _, value in (line.partition(':') for line in lines)
        if value.endswith('kB')
    }


def _write(path: Path, images: list[dict], objects: list[dict]) -> None:
    document = dict(
        info=dict(schema_version='1.0', dataset='generated', split='train', licence='unknown'),
        images=images,
        annotations=objects,
        categories=[dict(id=number, name=name) for number, name in enumerate(CLASSES, 1)],
    )
    write_bytes(path, json.dumps(document, separators=(',', ':')).encode())
