"""The whole check of data folders, or of single annotation files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from ..image_files import UnreadableImageError, decode_image, decode_mask, missing_files
from ..parallel import map_ordered
from ..schema import SPLITS, DataError, Fault, read_document, shorten
from ..split_file import check_split_file, read_claim
from .records import check_records
from .repeats import RepeatSummary, SplitImage, check_repeats
from .structure import check_boxes, check_structure, fault_of_path


@dataclass
class CheckSummary:
    """What was checked and what was found.

    Attributes:
        faults: Every fault.
        files: Number of annotation files read.
        images: Number of image records.
        objects: Number of object records.
        decoded: Number of images decoded.
        repeats: What the comparison of the images found; ``None`` where they were not compared.
    """

    faults: list[Fault] = field(default_factory=list)
    files: int = 0
    images: int = 0
    objects: int = 0
    decoded: int = 0
    repeats: RepeatSummary | None = None


def check_path(
    path: str | Path, *, decode: bool = False, workers: int = 1, progress: bool = False
) -> CheckSummary:
    """Check a data folder, or one annotation file and the images it names, without comparing the images.

    Args:
        path: See :func:`check_paths`.
        decode: Likewise.
        workers: Likewise.
        progress: Likewise.
    """
    return check_paths([path], decode=decode, compare=False, workers=workers, progress=progress)


def check_paths(
    paths: Sequence[str | Path],
    *,
    decode: bool = False,
    compare: bool = True,
    workers: int = 1,
    progress: bool = False,
) -> CheckSummary:
    """Check data folders, or annotation files and the images they name.

    Args:
        paths: Each ``data/<name>`` or ``data/<name>/annotations/<split>.json``. The data root of a single
            file is the parent of its ``annotations`` folder, else its own folder.
        decode: Whether to decode every image and mask, which finds truncated files, wrong sizes and wrong
            levels.
        compare: Whether to look for images that stand in two splits, byte for byte or nearly, in all paths
            together; nothing is compared where all images are of one split.
        workers: Number of processes that decode and compare.
        progress: Whether to show progress bars.

    Returns:
        The summary with every fault; faults of the files themselves (absent, truncated) are among them.
    """
    summary, images = CheckSummary(), []
    for path in {Path(path).resolve(): Path(path) for path in paths}.values():
        images += _check_path(path, summary, decode, workers, progress)
    if compare and len({image.split for image in images}) > 1:
        images = list({(image.root.resolve(), image.name): image for image in reversed(images)}.values())[
            ::-1
        ]
        summary.repeats = check_repeats(
            images, name_unreadable=not decode, workers=workers, progress=progress
        )
        summary.faults += summary.repeats.faults
    return summary


def _check_path(
    path: Path, summary: CheckSummary, decode: bool, workers: int, progress: bool
) -> list[SplitImage]:
    root, files = _annotation_files(path, summary.faults)
    splits_of_image: dict[str, str] = {}
    claims, found = [], []
    for file in files:
        document = _check_file(file, summary)
        if document is None:
            continue
        summary.faults += _names(document, file)
        summary.faults += _leaks(document, file, splits_of_image)
        missing = _check_images(document, file, root, summary, decode, workers, progress)
        claims.append(read_claim(document, str(file)))
        split = claims[-1].split if claims[-1].split in SPLITS else file.stem
        found += [
            SplitImage(
                root,
                image['file_name'],
                split,
                str(file),
                f'image {image["id"]}',
                str(image.get('source', '')),
            )
            for image in document['images']
            if image['file_name'] not in missing
        ]
    try:
        report = root / 'conversion_report.json'
        report = read_document(str(report)) if report.is_file() else {}
        if report.get('complete') is False:
            what = 'the conversion was not finished'
            mend = 'give the same convert command again, it continues'
            summary.faults.append(Fault(str(root), 'folder', 'conversion_report.json', what, mend))
        summary.faults += check_split_file(root, claims, report)
    except DataError as fault:
        summary.faults += fault.faults
    return found


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
) -> set[str]:
    images = document['images']
    found = _missing(images, lambda image: [('file_name', image['file_name'])], file, root, 'image')
    masks = _missing(images, mask_files, file, root, 'mask')
    summary.faults += [*found.values(), *masks.values()]
    if not decode:
        return {*found}
    images = [image for image in images if image['file_name'] not in found]
    work = partial(_check_image, root=root, file=str(file), missing=frozenset(masks))
    title = f'decoding {file.stem}'
    for faults in map_ordered(work, images, workers=workers, progress=progress, title=title):
        summary.faults += faults
    summary.decoded += len(images)
    return {*found}


def _missing(
    images: list[dict], paths: Callable[[dict], list[tuple[str, str]]], file: Path, root: Path, kind: str
) -> dict[str, Fault]:
    records = {path: (image['id'], field) for image in images for field, path in paths(image)}
    mend = f'copy the {kind} there, or remove its record'
    return {
        path: Fault(
            str(file),
            f'image {records[path][0]}',
            records[path][1],
            f'{path!r} does not exist in {root}',
            mend,
        )
        for path in missing_files(root, records)
    }


def mask_files(image: dict) -> list[tuple[str, str]]:
    """Field and path of each mask image of an image record; what is no path is left out."""
    masks = image['masks'] if isinstance(image.get('masks'), list) else []
    found = [('mask_file', image.get('mask_file'))]
    found += [
        (f'masks[{index}].file', mask.get('file'))
        for index, mask in enumerate(masks)
        if isinstance(mask, dict)
    ]
    return [(field, path) for field, path in found if not fault_of_path(path)]


def _check_image(image: dict, *, root: Path, file: str, missing: frozenset[str]) -> list[Fault]:
    where = f'image {image["id"]}'
    stated = (image['width'], image['height'])
    faults = []
    try:
        height, width = decode_image(root / image['file_name']).shape[:2]
    except UnreadableImageError as fault:
        what = f'{image["file_name"]!r} {fault.reason}'
        mend = 'copy the file again from its source, or remove its record'
        faults.append(Fault(file, where, 'file_name', what, mend))
    else:
        if (width, height) != stated:
            what = f'are {stated[0]}x{stated[1]}, the image file has {width}x{height}'
            mend = 'correct the record, and check that its boxes fit'
            faults.append(Fault(file, where, 'width, height', what, mend))
    for key, path in mask_files(image):
        fault = None if path in missing else _fault_of_mask(root / path, stated)
        if fault:
            faults.append(Fault(file, where, key, f'{path!r} {fault[0]}', fault[1]))
    return faults


def _fault_of_mask(path: Path, size: tuple[int, int]) -> tuple[str, str] | None:
    try:
        pixels = decode_mask(path)
    except UnreadableImageError as fault:
        return fault.reason, 'write an 8-bit PNG with one channel'
    if pixels.shape[::-1] != size:
        what = f'is {pixels.shape[1]}x{pixels.shape[0]}, its record says {size[0]}x{size[1]}'
        return what, 'make it as large as its image'
    others = np.setdiff1d(pixels, (0, 255))
    if others.size:
        return f'has the levels {shorten(others.tolist())}', 'write 0 for background and 255 for foreground'
    return None
