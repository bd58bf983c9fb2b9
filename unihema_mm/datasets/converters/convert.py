"""The conversion of a whole data set."""

import os
from collections import defaultdict
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

from unihema_mm.utils.folder_lock import folder_lock
from unihema_mm.utils.names import nearest_names

from ..catalogue import CatalogueEntry
from ..parallel import map_ordered
from ..prompts import DEFAULT_PROMPT
from ..schema import SCHEMA_VERSION, SPLITS, DataError, Fault, read_document, write_document
from .coco import CocoReader
from .item import Outcome, convert_item
from .placing import ImageMode
from .report import ConversionReport
from .source import Note, Reader, SourceItem
from .voc import VocReader
from .yolo import YoloReader

FORMATS = {'voc': VocReader, 'yolo': YoloReader, 'coco': CocoReader}
REPORT_FILE = 'conversion_report.json'


def make_reader(entry: CatalogueEntry, source: str | Path) -> Reader:
    """Build the reader that an entry names.

    Raises:
        DataError: The source folder, the format or a parameter does not exist.
    """
    source = Path(source)
    if not source.is_dir():
        raise DataError(Fault(str(source), 'folder', 'path', 'does not exist', 'check --src'))
    if entry.converter not in FORMATS:
        raise DataError(
            Fault(
                f'{entry.name}.yaml',
                'entry',
                'converter',
                f'{entry.converter!r} is not a format',
                f'use one of {", ".join(FORMATS)}',
            )
        )
    reader = FORMATS[entry.converter]
    known = [item.name for item in fields(reader) if item.name != 'source']
    for name in entry.parameters:
        if name not in known:
            raise DataError(
                Fault(
                    f'{entry.name}.yaml',
                    'entry',
                    f'parameters.{name}',
                    f'is not a parameter of {entry.converter}',
                    f'use {", ".join(known)}',
                )
            )
    return reader(source, **entry.parameters)


def own_entry(
    converter: str,
    source: str | Path,
    name: str,
    parameters: dict | None = None,
    *,
    classes: dict[str, str] | None = None,
    prompt: str = DEFAULT_PROMPT,
    licence: str = 'unknown',
) -> CatalogueEntry:
    """Make the entry of a user's own data, which the catalogue does not hold.

    Args:
        converter: Format, a key of :data:`FORMATS`.
        source: Folder in the original layout.
        name: Name of the data set.
        parameters: Arguments of the format's reader.
        classes: Class name of the source -> class name to write; by default the classes that the source
            declares. For YOLO labels without data.yaml they are numbered in this order.
        prompt: Disease or cell words of its prompts.
        licence: Licence of the data.

    Raises:
        DataError: The format declares no classes (VOC) and none are given; the message names those found.
    """
    parameters = dict(parameters or {})
    if converter == 'yolo' and classes:
        parameters['names'] = tuple(classes)
    entry = CatalogueEntry(name, dict(classes or {}), converter, parameters, prompt, ['det'], licence=licence)
    if classes:
        return entry
    reader = make_reader(entry, source)
    names = reader.declared_classes()
    if names is None:
        found = ', '.join(reader.found_classes()) or 'no class'
        raise DataError(
            Fault(
                str(source),
                'source',
                'classes',
                'a VOC source has no class list',
                f'pass --classes; its files use {found}',
            )
        )
    return replace(entry, classes={name: name for name in names})


def convert(
    entry: CatalogueEntry,
    source: str | Path,
    out: str | Path,
    *,
    workers: int = 1,
    images: ImageMode = 'copy',
    progress: bool = False,
) -> ConversionReport:
    """Convert a data set to the annotation schema.

    The result is the same for any number of workers. An interrupted conversion continues when it is
    called again: images already in place are kept, annotation files are written at the end, each in one step.

    Args:
        entry: What to convert and how.
        source: Folder in the original layout; nothing in it is changed.
        out: The data folder to make.
        workers: Number of processes.
        images: How images are placed.
        progress: Whether to show a progress bar.

    Returns:
        The report, also written to ``conversion_report.json``.

    Raises:
        DataError: The source holds something that is not understood, or the counts differ from an entry that
            calls its counts exact. No annotation file is written then.
        InputError: Another run writes into ``out``.
    """
    source, out = Path(source), Path(out)
    reader = make_reader(entry, source)
    _check_out(entry, source, out)
    _check_declared(entry, reader)
    items, notes = reader.items()
    _check_items(items, source)
    with folder_lock(out):
        return _convert(entry, reader, items, notes, out, workers, images, progress)


def _convert(
    entry: CatalogueEntry,
    reader: Reader,
    items: list[SourceItem],
    notes: list[Note],
    out: Path,
    workers: int,
    images: ImageMode,
    progress: bool,
) -> ConversionReport:
    source = reader.source
    write_document(out / REPORT_FILE, {'dataset': entry.name, 'complete': False})
    work = partial(convert_item, reader=reader, entry=entry, out=out, mode=images)
    outcomes = map_ordered(work, items, workers=workers, progress=progress, title=f'converting {entry.name}')
    faults = [fault for outcome in outcomes for fault in outcome.faults]
    if faults:
        raise DataError(faults)
    _check_targets(outcomes)

    report = ConversionReport(entry, str(source))
    report.add_notes([*notes, *(note for outcome in outcomes for note in outcome.notes)])
    documents = _documents(outcomes, entry)
    for split, document in documents.items():
        report.add_split(split, document)
    report.compare()
    if report.differences and entry.expected.exact:
        raise DataError(
            [
                Fault(
                    str(source),
                    'source',
                    'counts',
                    text,
                    f'get the whole data set in the version {entry.version}',
                )
                for text in report.differences
            ]
        )
    for split, document in documents.items():
        write_document(out / 'annotations' / f'{split}.json', document)
    write_document(out / REPORT_FILE, report.as_dict(), indent=1)
    return report


def _check_out(entry: CatalogueEntry, source: Path, out: Path) -> None:
    inside = out.resolve().is_relative_to(source.resolve()) or source.resolve().is_relative_to(out.resolve())
    if inside:
        raise DataError(
            Fault(
                str(out),
                'folder',
                'out',
                'and the source lie inside each other',
                'choose an --out folder of its own',
            )
        )
    report = out / REPORT_FILE
    if report.is_file():
        other = read_document(str(report)).get('dataset')
        if other != entry.name:
            raise DataError(
                Fault(
                    str(out),
                    'folder',
                    'out',
                    f'already holds the data set {other!r}',
                    'choose another --out folder',
                )
            )
    elif (out / 'annotations').exists():
        raise DataError(
            Fault(
                str(out),
                'folder',
                'out',
                'already holds annotations that no conversion made',
                'choose another --out folder',
            )
        )


def _check_declared(entry: CatalogueEntry, reader: Reader) -> None:
    faults = [
        Fault(
            str(reader.source),
            'source',
            'classes',
            f'{name!r} is not a known class ({nearest_names(name, list(entry.classes))})',
            'add it to --classes, or to the catalogue entry',
        )
        for name in reader.declared_classes() or ()
        if name not in entry.classes
    ]
    if faults:
        raise DataError(faults)


def _check_items(items: list[SourceItem], source: Path) -> None:
    if not items:
        raise DataError(
            Fault(str(source), 'source', 'images', 'no image was found', 'check --src and --split')
        )
    splits: dict[str, str] = {}
    faults = []
    for item in items:
        other = splits.setdefault(os.path.realpath(source / item.image), item.split)
        if other != item.split:
            faults.append(
                Fault(
                    str(source / item.image),
                    'file',
                    'split',
                    f'is in {other} and in {item.split}',
                    'keep an image in one split only',
                )
            )
    if faults:
        raise DataError(faults)


def _check_targets(outcomes: list[Outcome]) -> None:
    sources: dict[str, str] = {}
    for outcome in outcomes:
        name, origin = outcome.image['file_name'], outcome.image['source']
        if name in sources:
            raise DataError(
                Fault(
                    origin,
                    'file',
                    'name',
                    f'and {sources[name]} would both become {name}',
                    'rename one of them',
                )
            )
        sources[name] = origin


def _documents(outcomes: list[Outcome], entry: CatalogueEntry) -> dict[str, dict]:
    categories = [{'id': index + 1, 'name': name} for index, name in enumerate(entry.category_names)]
    ids = {category['name']: category['id'] for category in categories}
    by_split = defaultdict(list)
    for outcome in outcomes:
        by_split[outcome.split].append(outcome)
    documents = {}
    for split in (split for split in SPLITS if split in by_split):
        info = {
            'schema_version': SCHEMA_VERSION,
            'dataset': entry.name,
            'split': split,
            'licence': entry.licence,
        }
        images, annotations = [], []
        for image_id, outcome in enumerate(by_split[split], start=1):
            images.append({'id': image_id, **outcome.image})
            for record in outcome.objects:
                record = dict(record)
                category_id = ids[record.pop('category')]
                number = len(annotations) + 1
                annotations.append({'id': number, 'image_id': image_id, 'category_id': category_id, **record})
        documents[split] = {
            'info': info,
            'images': images,
            'annotations': annotations,
            'categories': categories,
        }
    return documents
