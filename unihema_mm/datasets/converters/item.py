"""Conversion of one image; runs in worker processes."""

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from unihema_mm.utils.names import nearest_names

from ..boxes import BoxState, fit_box, is_box
from ..catalogue import CatalogueEntry
from ..image_files import fault_of_image, image_size, proper_suffix
from ..schema import DataError, Fault
from .class_hints import unknown_class
from .placing import ImageMode, place_bytes, place_image
from .source import Content, Note, RawMask, RawObject, Reader, SourceItem
from .texts import read_bytes

_DROPPED = {BoxState.EMPTY: 'empty_box', BoxState.OUTSIDE: 'outside_box'}


@dataclass
class Outcome:
    """What became of one image.

    Attributes:
        split: Its split.
        image: Its record without id.
        objects: Its object records without ids, with ``category`` (name) in place of ``category_id``.
        notes: What was dropped or repaired.
        faults: Why it cannot be converted.
    """

    split: str
    image: dict = field(default_factory=dict)
    objects: list[dict] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def convert_item(
    item: SourceItem, *, reader: Reader, entry: CatalogueEntry, out: Path, mode: ImageMode
) -> Outcome:
    """Convert one image: read its label, check it, place the image and its masks.

    Args:
        item: The image.
        reader: Reader of its format.
        entry: Class map, attributes, prompt and tasks.
        out: The data folder to fill.
        mode: How the image is placed.

    Returns:
        The outcome; faults of the data are in it, so that all of them can be told at once.
    """
    outcome = Outcome(item.split)
    source = reader.source / item.image
    try:
        size, target = _inspect_image(source, item, outcome)
        content = reader.read(item, size) if item.label or item.objects else Content()
        outcome.notes += content.notes
        _convert_objects(content.objects, item, size, entry.classes, outcome)
        tasks = [task for task in entry.tasks if task not in content.unfit]
        outcome.faults += _faults_of_whole_image(item, entry)
        outcome.faults += _faults_of_content(content, tasks, item, entry)
        if outcome.faults:
            return outcome
        place_image(source, out / target, mode)
        masks = [_place_mask(mask, item, out) for mask in content.masks]
    except DataError as error:
        outcome.faults += error.faults
        return outcome
    outcome.image = {
        'file_name': target,
        'width': size[0],
        'height': size[1],
        'tasks': tasks,
        'prompt': entry.prompt,
        **content.image,
    }
    if item.class_name is not None:
        outcome.image['class_name'] = entry.classes[item.class_name]
    if item.attributes:
        outcome.image['attributes'] = item.attributes
    if item.partly_labelled:
        outcome.image['partly_labelled'] = True
    if masks:
        outcome.image['masks'] = masks
    outcome.image['source'] = item.image
    return outcome


def _faults_of_whole_image(item: SourceItem, entry: CatalogueEntry) -> list[Fault]:
    faults = []
    if item.class_name is not None and item.class_name not in entry.classes:
        what = unknown_class(item.class_name, list(entry.classes))
        faults.append(Fault(item.image, 'image', 'class', what, 'correct it, or add it to the classes'))
    declared = entry.attribute_values
    for name, value in item.attributes.items():
        if name not in declared:
            what = f'is not a known attribute ({nearest_names(name, list(declared))})'
            mend = 'correct it, or add its column to ignored_columns'
            faults.append(Fault(item.image, 'image', f'attributes.{name}', what, mend))
        elif value not in declared[name]:
            mend = f'use one of {", ".join(declared[name])}'
            faults.append(Fault(item.image, 'image', f'attributes.{name}', f'is {value!r}', mend))
    return faults


def _faults_of_content(
    content: Content, tasks: list[str], item: SourceItem, entry: CatalogueEntry
) -> list[Fault]:
    file = item.label or item.image
    faults = []
    if not tasks:
        what = f'{item.image} is for none of {", ".join(entry.tasks)}'
        faults.append(Fault(file, 'entry', 'tasks', what, 'add its task to the entry'))
    for obj in content.objects:
        for name in obj.extra.get('attributes', {}).keys() - entry.attribute_values.keys():
            mend = 'name the attribute set that has it in the entry'
            faults.append(
                Fault(file, obj.where, f'attributes.{name}', 'is not an attribute of the entry', mend)
            )
    return faults


def _place_mask(mask: RawMask, item: SourceItem, out: Path) -> dict[str, str]:
    name = PurePosixPath('masks') / folder_of_prompt(mask.prompt) / item.target
    name = name.with_suffix('.png')
    pixels = np.where(mask.foreground, 255, 0).astype(np.uint8)
    place_bytes(cv2.imencode('.png', pixels)[1].tobytes(), out / name)
    return {'prompt': mask.prompt, 'file': str(name)}


def folder_of_prompt(prompt: str) -> str:
    """Name the folder of the masks of a prompt: its letters and digits, joined by ``_``."""
    return re.sub(r'[\W_]+', '_', prompt.lower()).strip('_')


def _inspect_image(source: Path, item: SourceItem, outcome: Outcome) -> tuple[tuple[int, int], str]:
    content = read_bytes(source)
    reason = fault_of_image(content)
    if reason is None:
        try:
            size = image_size(content)
        except ValueError as fault:
            reason = str(fault)
    if reason:
        raise DataError(Fault(str(source), 'file', 'image', reason, 'copy the file again from its source'))
    target = PurePosixPath('images') / item.target
    suffix = proper_suffix(item.target, content)
    if suffix != target.suffix:
        target = target.with_suffix(suffix)
        outcome.notes.append(Note('suffix', f'{item.image} -> {target}'))
    return size, str(target)


def _convert_objects(
    raw: list[RawObject], item: SourceItem, size: tuple[int, int], classes: dict[str, str], outcome: Outcome
) -> None:
    file = item.label or item.image
    seen = set()
    for obj in raw:
        if obj.name not in classes:
            outcome.faults.append(
                Fault(
                    file,
                    obj.where,
                    'class',
                    unknown_class(obj.name, list(classes)),
                    'correct the name, or add it to --classes',
                )
            )
            continue
        if not is_box(obj.box):
            what, mend = f'{list(obj.box)} is out of range', 'write four finite numbers'
            outcome.faults.append(Fault(file, obj.where, 'box', what, mend))
            continue
        key = (obj.name, obj.box, repr(obj.extra))
        where = f'{file}: {obj.where}: {obj.name} {_rounded(obj.box)}'
        if key in seen:
            outcome.notes.append(Note('duplicate_object', where))
            continue
        seen.add(key)
        (x1, y1, x2, y2), state = fit_box(obj.box, *size)
        if state in _DROPPED:
            outcome.notes.append(Note(_DROPPED[state], where))
            continue
        bbox = _rounded((x1, y1, x2 - x1, y2 - y1))
        area = _rounded([bbox[2] * bbox[3]])[0]
        if min(bbox[2], bbox[3], area) <= 0:
            outcome.notes.append(Note(_DROPPED[BoxState.EMPTY], where))
            continue
        if state is BoxState.CLIPPED:
            outcome.notes.append(Note('clipped_box', where))
        record = {
            'category': classes[obj.name],
            'bbox': bbox,
            'area': area,
            'iscrowd': 0,
        }
        outcome.objects.append({**record, **obj.extra})


def _rounded(values) -> list[float]:
    """Round to 0.001 pixels; whole numbers become integers, so that a VOC box stays as it was written."""
    values = [round(value, 3) for value in values]
    return [int(value) if float(value).is_integer() else value for value in values]
