"""Results as files to download."""

import logging
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from unihema_mm.apis.reports import ReportOptions, write_report
from unihema_mm.apis.writers import make_writer
from unihema_mm.structures.results import RESEARCH_USE, ImageResult
from unihema_mm.utils.errors import InputError

REPORT = 'report'
# Format -> its name on the page.
FORMATS = {
    'json': 'JSON',
    'csv': 'CSV',
    'coco': 'COCO',
    'yolo': 'YOLO',
    'geojson': 'GeoJSON (QuPath)',
    'labels': 'Label images',
    'overlay': 'Pictures',
    REPORT: 'Report',
}
MOST_SINGLE_FILES = 2  # of a format; more come as one archive
_ARCHIVED = ('coco', 'yolo', 'labels', REPORT)  # files that belong together, or say nothing by their names
# These read the picture again. In the others a path would tell where the page keeps its files.
_WITH_PATH = ('overlay', REPORT)
_RESULTS = 'results'
_LOG = logging.getLogger(__name__)


def write_files(
    pictures: Iterable[tuple[ImageResult, Path]], formats: Sequence[str], folder: Path
) -> tuple[list[Path], list[str]]:
    """Write results in file formats.

    Args:
        pictures: Results and their image files.
        formats: Those of :data:`FORMATS`.
        folder: Where to; files written there before are removed.

    Returns:
        The files: those of a format by themselves where they are few, else one ZIP archive; and one line for
        each format that has nothing to write.

    Raises:
        InputError: A format is not known.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise InputError(f'format {unknown[0]!r} is not known; choose from {", ".join(FORMATS)}')
    pictures = list(pictures)
    for old in folder.glob(f'{_RESULTS}_*'):
        shutil.rmtree(old, ignore_errors=True)
    out = Path(tempfile.mkdtemp(prefix=f'{_RESULTS}_', dir=folder))
    files, notes = [], []
    for name in formats:
        results = [
            replace(result, path=str(path) if name in _WITH_PATH else None) for result, path in pictures
        ]
        try:
            written = _write_report(results, out) if name == REPORT else _write_format(name, results, out)
        except InputError as error:
            notes.append(str(error))
            continue
        except Exception as error:
            _LOG.exception('format %s could not be written', name)
            notes.append(f'{name}: could not be written ({type(error).__name__}); see the console')
            continue
        files += _few_or_archive(name, written, out)
    return files, notes


def _write_format(name: str, results: Sequence[ImageResult], out: Path) -> Path:
    with make_writer(name, out) as writer:
        _each(results, writer.write)
    return out / name


def _each(results: Sequence[ImageResult], write: Callable[[ImageResult], None]) -> None:
    """Write what can be written; an error only where nothing can."""
    errors = []
    for result in results:
        try:
            write(result)
        except InputError as error:
            errors.append(error)
    if len(errors) == len(results):
        raise errors[0]


def _write_report(results: Sequence[ImageResult], out: Path) -> Path:
    return write_report(results, out / REPORT, ReportOptions(slide='uploaded pictures')).parent


def _few_or_archive(name: str, folder: Path, out: Path) -> list[Path]:
    files = sorted(path for path in folder.rglob('*') if path.is_file())
    if name not in _ARCHIVED and len(files) <= MOST_SINGLE_FILES:
        return files
    archive = out / f'{name}.zip'
    with zipfile.ZipFile(archive, 'w', zipfile.ZIP_DEFLATED) as content:
        content.comment = RESEARCH_USE.encode()
        content.writestr('README.txt', f'{RESEARCH_USE}\n')
        for path in files:
            content.write(path, Path(name, path.relative_to(folder)))
    return [archive]
