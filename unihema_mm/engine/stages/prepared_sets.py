"""The data folders that are prepared for training."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from unihema_mm.datasets.converters.report import REPORT_FILE
from unihema_mm.datasets.schema import SPLITS, TASKS, DataError, Fault, read_document
from unihema_mm.datasets.synthetic.corpus import DATASET as GENERATED
from unihema_mm.structures.attribute_values import AttributeValues, check_attribute_values
from unihema_mm.utils.collector import paused_collector
from unihema_mm.utils.errors import InputError
from unihema_mm.utils.names import nearest_names

from .declaration import ALL_SETS

_PLAIN_COCO = ('det',)  # records without ``tasks`` are boxes
_NAME = re.compile(r'[\w .,+=@()\[\]-]+')


@dataclass(frozen=True)
class PreparedSet:
    """What a data folder holds.

    Attributes:
        root: The folder.
        dataset: ``info.dataset`` of its files, the name in the catalogue; that of the folder without it.
        licence: ``info.licence``.
        files: Split -> annotation file.
        images: Split -> tasks of an image -> number of images with exactly these.
        categories: Names of the categories of all splits.
        image_classes: Classes of single-cell images.
        attributes: Attribute name -> values; empty where the set has none.
    """

    root: Path
    dataset: str
    licence: str
    files: Mapping[str, Path]
    images: Mapping[str, Mapping[frozenset[str], int]]
    categories: tuple[str, ...]
    image_classes: tuple[str, ...]
    attributes: AttributeValues

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.root.name

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks that some image is for, in the order of the schema."""
        return tuple(task for task in TASKS if any(self.count(split, task) for split in self.images))

    @property
    def is_generated(self) -> bool:
        """Whether it is a corpus that this project has drawn."""
        return self.dataset == GENERATED

    def count(self, split: str, *tasks: str) -> int:
        """Number of images of a split that are for all of these tasks; 0 where there is no such split."""
        return sum(n for kept, n in self.images.get(split, {}).items() if kept.issuperset(tasks))


def read_prepared_sets(root: str | Path) -> list[PreparedSet]:
    """Read the annotation files of all data folders below a folder; no image is opened.

    A data folder is one with ``annotations/train.json``, ``val.json`` or ``test.json``.

    Args:
        root: Folder of the data folders; it need not exist.

    Returns:
        The sets, by name.

    Raises:
        DataError: A file cannot be read, or a conversion was interrupted.
    """
    files = {}
    for split in SPLITS:
        for path in sorted(Path(root).glob(f'*/annotations/{split}.json')):
            files.setdefault(path.parents[1], {})[split] = path
    return [_read(folder, files[folder]) for folder in sorted(files)]


def choose_sets(
    prepared: Sequence[PreparedSet], sets: str | Sequence[str], root: str | Path
) -> list[PreparedSet]:
    """Choose the sets of a stage.

    Args:
        prepared: Sets below ``root``.
        sets: Names of folders; or ``'all'``, which leaves generated corpora out unless there is nothing else.
        root: Folder of the data folders, for the message.

    Raises:
        InputError: A name is not among them, or cannot be the name of a set in a config.
    """
    if sets == ALL_SETS:
        real = [part for part in prepared if not part.is_generated]
        chosen = real or list(prepared)
    else:
        known = {part.name: part for part in prepared}
        for name in sets:
            if name not in known:
                there = nearest_names(name, [*known]) if known else 'there is none'
                raise InputError(
                    f'stage.sets: {name!r} is no data folder below {root} ({there}); correct the name, or '
                    'convert the set with tools/prepare_data.py'
                )
        chosen = [known[name] for name in dict.fromkeys(sets)]
    for part in chosen:
        if not _NAME.fullmatch(part.name):
            raise InputError(
                f'{str(part.root)!r}: cannot name a data set in a config; rename the folder, with letters, '
                "digits, '_', '-' and '.'"
            )
    return chosen


def _read(folder: Path, files: dict[str, Path]) -> PreparedSet:
    _check_complete(folder)
    dataset, licence = folder.name, 'unknown'
    images: dict[str, Counter] = {}
    categories, image_classes, attributes = {}, {}, {}
    for split, path in files.items():
        with paused_collector():
            document = read_document(str(path))
        info = document.get('info') if isinstance(document.get('info'), dict) else {}
        dataset, licence = (
            str(info.get(key) or old) for key, old in (('dataset', dataset), ('licence', licence))
        )
        if info.get('attributes'):
            attributes.update(check_attribute_values(info['attributes'], f'{path}: info.attributes'))
        categories.update(dict.fromkeys(_names(document, path)))
        records = _records(document, 'images', path)
        images[split] = _tasks(records, path)
        image_classes.update(
            dict.fromkeys(name for image in records if isinstance(name := image.get('class_name'), str))
        )
    return PreparedSet(
        folder, dataset, licence, files, images, tuple(categories), tuple(image_classes), attributes
    )


def _check_complete(folder: Path) -> None:
    path = folder / REPORT_FILE
    if path.is_file() and read_document(str(path)).get('complete') is False:
        mend = 'repeat its convert command, which continues'
        raise DataError(Fault(str(path), 'file', 'complete', 'the conversion was interrupted', mend))


def _records(document: dict, key: str, path: Path) -> list[dict]:
    records = document.get(key)
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        mend = 'see tools/prepare_data.py check'
        raise DataError(Fault(str(path), 'file', key, 'is not a list of records', mend))
    return records


def _names(document: dict, path: Path) -> Iterable[str]:
    for record in _records(document, 'categories', path):
        if not isinstance(record.get('name'), str):
            what = f'name is {record.get("name")!r}'
            raise DataError(Fault(str(path), 'file', 'categories', what, 'must be a class name'))
        yield record['name']


def _tasks(records: list[dict], path: Path) -> Counter:
    counts: Counter = Counter()
    for image in records:
        tasks = image.get('tasks')
        if tasks is None:
            tasks = _PLAIN_COCO
        elif not isinstance(tasks, list) or not all(isinstance(task, str) for task in tasks):
            where, mend = f'image {image.get("id")}', f'list any of {", ".join(TASKS)}'
            raise DataError(Fault(str(path), where, 'tasks', f'is {tasks!r}', mend))
        counts[frozenset(tasks)] += 1
    return counts
