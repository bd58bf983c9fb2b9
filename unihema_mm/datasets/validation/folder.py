"""The whole check of a data folder or of one annotation file."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ..image_files import UnreadableImageError, decode_image, missing_files
from ..parallel import map_ordered
from ..schema import SPLITS, DataError, Fault, read_document
from .records import check_records
from .structure import check_boxes, check_structure


@dataclass
class CheckSummary:
    """What was checked and what was found.

    Attributes:
        faults: Every fault.
        files: Number of annotation files read.
        images: Number of image records.
        objects: Number of object records.
        decoded: Number of images decoded.
    """

    faults: list[Fault] = field(default_factory=list)
    files: int = 0
    images: int = 0
    objects: int = 0
    decoded: int = 0


def check_path(
    path: str | Path, *, decode: bool = False, workers: int = 1, progress: bool = False
) -> CheckSummary:
    """Check a data folder, or one annotation file and the images it names.

    Args:
        path: ``data/<name>`` or ``data/<name>/annotations/<split>.json``. The data root of a single
            file is the parent of its ``annotations`` folder, else its own folder.
        decode: Whether to decode every image, which finds truncated files and wrong sizes.
        workers: Number of processes that decode.
        progress: Whether to show a progress bar.

    Returns:
        The summary with every fault; faults of the files themselves (absent, truncated) are among them.
    """
    path = Path(path)
    summary = CheckSummary()
    root, files = _annotation_files(path, summary.faults)
    splits_of_image: dict[str, str] = {}
    for file in files:
        document = _check_file(file, summary)
        if document is None:
            continue
        summary.faults += _names(document, file)
        summary.faults += _leaks(document, file, splits_of_image)
        _check_images(document, file, root, summary, decode, workers, progress)
    return summary


def _annotation_files(path: Path, faults: list[Fault]) -> tuple[Path, list[Path]]:
    if path.is_file():
        return (path.parent.parent if path.parent.name == 'annotations' else path.parent), [path]
    files = sorted((path / 'annotations').glob('*.json'))
    if not path.exists():
        faults.append(
            Fault(str(path), 'folder', 'path', 'does not exist', 'check the path of the data folder')
        )
    elif not files:
        faults.append(
            Fault(
                str(path),
                'folder',
                'annotations',
                'holds no .json file',
                'name a folder with annotations/train.json, val.json or test.json',
            )
        )
    return path, files


def _check_file(file: Path, summary: CheckSummary) -> dict | None:
    try:
        document = read_document(str(file))
    except DataError as fault:
        summary.faults += fault.faults
        return None
    summary.files += 1
    faults = check_structure(document, str(file))
    summary.faults += faults
    if faults:
        return None
    summary.images += len(document['images'])
    summary.objects += len(document['annotations'])
    summary.faults += check_boxes(document, str(file)) + check_records(document, str(file))
    return document


def _names(document: dict, file: Path) -> list[Fault]:
    info = document.get('info')
    split = info.get('split') if isinstance(info, dict) else None
    if split in SPLITS and file.stem in SPLITS and split != file.stem:
        return [
            Fault(str(file), 'info', 'split', f'is {split!r} in {file.name}', 'rename the file or the split')
        ]
    return []


def _leaks(document: dict, file: Path, seen: dict[str, str]) -> list[Fault]:
    faults = [
        Fault(
            str(file),
            f'image {image["id"]}',
            'file_name',
            f'{image["file_name"]!r} is also in {seen[image["file_name"]]}',
            'keep an image in one split only',
        )
        for image in document['images']
        if image['file_name'] in seen
    ]
    seen.update((image['file_name'], file.name) for image in document['images'])
    return faults


def _check_images(
    document: dict, file: Path, root: Path, summary: CheckSummary, decode: bool, workers: int, progress: bool
) -> None:
    images = document['images']
    for key, mend in (
        ('file_name', 'copy the image there, or remove its record'),
        ('mask_file', 'copy the mask there, or remove the key'),
    ):
        records = {image[key]: image for image in images if isinstance(image.get(key), str)}
        missing = set(missing_files(root, records))
        summary.faults += [
            Fault(str(file), f'image {records[name]["id"]}', key, f'{name!r} does not exist in {root}', mend)
            for name in records
            if name in missing
        ]
        if key == 'file_name':
            images = [image for image in images if image[key] not in missing]
    if decode:
        found = map_ordered(
            partial(_check_image, root=root, file=str(file)),
            images,
            workers=workers,
            progress=progress,
            title=f'decoding {file.stem}',
        )
        summary.faults += [fault for fault in found if fault]
        summary.decoded += len(images)


def _check_image(image: dict, *, root: Path, file: str) -> Fault | None:
    where = f'image {image["id"]}'
    try:
        height, width = decode_image(root / image['file_name']).shape[:2]
    except UnreadableImageError as fault:
        return Fault(
            file,
            where,
            'file_name',
            f'{image["file_name"]!r} {fault.reason}',
            'copy the file again from its source, or remove its record',
        )
    if (width, height) != (image['width'], image['height']):
        return Fault(
            file,
            where,
            'width, height',
            f'are {image["width"]}x{image["height"]}, the image file has {width}x{height}',
            'correct the record, and check that its boxes fit',
        )
    return None
