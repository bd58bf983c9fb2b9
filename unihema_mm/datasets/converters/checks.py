"""What is checked before images are converted, and before their records are written."""

import os
from collections.abc import Iterable
from pathlib import Path

from ..catalogue import CatalogueEntry
from ..schema import DataError, Fault, mask_targets, read_document
from .class_hints import unknown_class
from .item import Outcome
from .report import REPORT_FILE
from .source import Reader, SourceItem


def check_out(entry: CatalogueEntry, source: Path, out: Path) -> None:
    """Refuse a result folder inside the source or one that holds other data."""
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


def check_declared(entry: CatalogueEntry, reader: Reader) -> None:
    """Refuse a class that the source declares and the entry does not map."""
    faults = [
        Fault(
            str(reader.source),
            'source',
            'classes',
            unknown_class(name, list(entry.classes)),
            'add it to --classes, or to the catalogue entry',
        )
        for name in reader.declared_classes() or ()
        if name not in entry.classes
    ]
    if faults:
        raise DataError(faults)


def check_items(items: list[SourceItem], source: Path) -> None:
    """Refuse a source without images and an image in two splits."""
    if not items:
        raise DataError(
            Fault(str(source), 'source', 'images', 'no image was found', 'check --src and --split')
        )
    splits: dict[str, str] = {}
    faults = []
    for item in items:
        if not item.image.isascii() and not _is_text(item.image):
            what = 'is not UTF-8, which the annotation files are'
            faults.append(Fault(ascii(item.image), 'file', 'name', what, 'rename it, e.g. with convmv'))
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


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:  # Python's stand-ins for bytes of another encoding
        return False
    return True


def check_outcomes(outcomes: Iterable[Outcome]) -> None:
    """Refuse images with faults, and two images, or two masks, that would get the same path."""
    sources: dict[str, str] = {}
    faults = []
    for outcome in outcomes:
        faults += outcome.faults
        if faults:
            continue
        origin = outcome.image['source']
        for name in (outcome.image['file_name'], *(file for _, file in mask_targets(outcome.image))):
            if name in sources:
                what = f'and {sources[name]} would both become {name}'
                raise DataError(Fault(origin, 'file', 'name', what, 'rename one of them'))
            sources[name] = origin
    if faults:
        raise DataError(faults)
