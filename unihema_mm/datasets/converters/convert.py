"""The conversion of a whole data set."""

from functools import partial
from pathlib import Path

from unihema_mm.utils.atomic import remove_leftovers
from unihema_mm.utils.folder_lock import folder_lock

from ..catalogue import CatalogueEntry
from ..parallel import map_ordered
from ..schema import DataError, Fault, read_document, write_document
from ..split_file import HASH_KEY, write_split_file
from .checks import check_declared, check_items, check_out, check_outcomes
from .documents import write_documents
from .item import convert_item
from .outcomes import PackedOutcomes, pack_outcome
from .placing import ImageMode, disk_errors, remove_parts
from .readers import make_reader
from .report import REPORT_FILE, ConversionReport
from .source import Note, Reader
from .split_rule import Division, divide, split_rule


@disk_errors()
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
    called again: files already in place are kept, annotation files are written at the end, each in one step.

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
    reader, rule = make_reader(entry, source), split_rule(entry.parameters)
    check_out(entry, source, out)
    check_declared(entry, reader)
    items, notes = reader.items()
    check_items(items, source)
    with folder_lock(out):
        _clear_away(out)
        division = divide(items, rule, source, workers=workers, progress=progress)
        return _convert(entry, reader, division, notes, out, workers, images, progress)


def _convert(
    entry: CatalogueEntry,
    reader: Reader,
    division: Division,
    notes: list[Note],
    out: Path,
    workers: int,
    images: ImageMode,
    progress: bool,
) -> ConversionReport:
    source = reader.source
    write_document(out / REPORT_FILE, {'dataset': entry.name, 'complete': False})
    work = partial(
        pack_outcome, convert=partial(convert_item, reader=reader, entry=entry, out=out, mode=images)
    )
    outcomes = PackedOutcomes(
        map_ordered(
            work, division.items, workers=workers, progress=progress, title=f'converting {entry.name}'
        )
    )
    check_outcomes(outcomes)

    report = ConversionReport(entry, str(source))
    report.add_notes([*notes, *division.notes])
    report.add_outcomes(outcomes)
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
    digest = write_split_file(out, division.as_dict(entry.name))
    write_documents(out / 'annotations', outcomes, entry, report.splits, {HASH_KEY: digest})
    write_document(out / REPORT_FILE, {**report.as_dict(), HASH_KEY: digest}, indent=1)
    return report


def _clear_away(out: Path) -> None:
    """Remove what a killed conversion left."""
    report = out / REPORT_FILE
    if not report.is_file() or read_document(str(report)).get('complete') is not True:
        remove_parts(out)
    for folder in (out, out / 'annotations'):
        remove_leftovers(folder)
