"""Checks of the keys that the schema adds to COCO: info, tasks and what each task needs."""

from collections import defaultdict
from collections.abc import Iterator

from ..boxes import is_number
from ..schema import ANSWER_TYPES, PROMPTED_TASKS, SCHEMA_VERSION, SPLITS, TASKS, Fault
from ..segmentations import fault_of_segmentation
from .structure import fault_of_path

_GAP = '<extra_id_0>'


def check_records(document: dict, file: str) -> list[Fault]:
    """Check an annotation file against the schema's own keys.

    Args:
        document: Parsed annotation file without structural faults.
        file: Its name, for the messages.

    Returns:
        The faults, in file order.
    """
    info = document.get('info')
    faults = list(_info(info, file))
    attributes = info.get('attributes') if isinstance(info, dict) else None
    attributes = attributes if isinstance(attributes, dict) else {}
    objects = defaultdict(list)
    for annotation in document['annotations']:
        objects[annotation['image_id']].append(annotation)
    for image in document['images']:
        faults += _image(image, objects[image['id']], attributes, file)
    sizes = {image['id']: (int(image['height']), int(image['width'])) for image in document['images']}
    for annotation in document['annotations']:
        faults += _annotation(annotation, sizes[annotation['image_id']], attributes, file)
    return faults


def _info(info: object, file: str) -> Iterator[Fault]:
    if not isinstance(info, dict):
        what = 'is missing' if info is None else f'is a {type(info).__name__}'
        yield Fault(
            file, 'file', 'info', what, 'add the object with schema_version, dataset, split and licence'
        )
        return
    if info.get('schema_version') != SCHEMA_VERSION:
        yield Fault(
            file, 'info', 'schema_version', f'is {info.get("schema_version")!r}', f'write "{SCHEMA_VERSION}"'
        )
    if info.get('split') not in SPLITS:
        yield Fault(file, 'info', 'split', f'is {info.get("split")!r}', f'write one of {", ".join(SPLITS)}')
    for field in ('dataset', 'licence'):
        if not _is_text(info.get(field)):
            yield Fault(file, 'info', field, f'is {info.get(field)!r}', 'write a text, "unknown" where it is')
    attributes = info.get('attributes', {})
    if not isinstance(attributes, dict) or not all(
        isinstance(values, list) and all(map(_is_text, values)) and 1 < len(set(values)) == len(values)
        for values in attributes.values()
    ):
        yield Fault(
            file,
            'info',
            'attributes',
            'is not an object of value lists',
            'write {"cell_size": ["small", "big"]}, two or more values, each once',
        )


def _image(image: dict, objects: list[dict], attributes: dict, file: str) -> Iterator[Fault]:
    where = f'image {image["id"]}'
    tasks = image.get('tasks')
    if not isinstance(tasks, list) or not tasks:
        yield Fault(file, where, 'tasks', f'is {tasks!r}', f'list any of {", ".join(TASKS)}')
        tasks = []
    for task in tasks:
        if task not in TASKS:
            yield Fault(file, where, 'tasks', f'{task!r} is not a task', f'use any of {", ".join(TASKS)}')
    if 'prompt' in image or any(task in tasks for task in PROMPTED_TASKS):
        yield from _text(image, 'prompt', where, file, 'write disease or cell words such as "Malaria"')
    if 'class_name' in image or 'cls' in tasks:
        yield from _text(image, 'class_name', where, file, 'write the class of the whole image')
    if not isinstance(image.get('partly_labelled', False), bool):
        what = f'is {image["partly_labelled"]!r}'
        yield Fault(file, where, 'partly_labelled', what, 'write true or false')
    yield from _mask_targets(image, where, file)
    yield from _masks(image, tasks, objects, where, file)
    yield from _questions(image, 'vqa' in tasks, where, file)
    yield from _sentences(image, 'mlm' in tasks, where, file)
    yield from _attributes(image, attributes, where, file)


def _mask_targets(image: dict, where: str, file: str) -> Iterator[Fault]:
    if 'mask_file' in image and 'masks' in image:
        yield Fault(file, where, 'masks', 'stands beside mask_file', 'keep one of the two')
    if 'mask_file' in image:
        yield from _mask_path(image['mask_file'], 'mask_file', where, file)
    seen = set()
    items, faults = _entries(
        image,
        'masks',
        'masks' in image,
        'write a list of {"prompt": ..., "file": ...}, at least one',
        where,
        file,
    )
    yield from faults
    for field, item in items:
        yield from _text(item, 'prompt', where, file, 'write what the mask shows', prefix=f'{field}.')
        yield from _mask_path(item.get('file'), f'{field}.file', where, file)
        for key in ('prompt', 'file'):
            value = str(item.get(key))
            if (key, value) in seen:
                yield Fault(file, where, f'{field}.{key}', f'{value!r} is used twice', 'keep one of the two')
            seen.add((key, value))


def _mask_path(path: object, field: str, where: str, file: str) -> Iterator[Fault]:
    fault = fault_of_path(path)
    if fault:
        yield Fault(file, where, field, fault, 'write a path relative to the data root')


def _masks(image: dict, tasks: list, objects: list[dict], where: str, file: str) -> Iterator[Fault]:
    bare = sum(1 for item in objects if not item.get('segmentation') and not item.get('iscrowd'))
    if bare and ('inst' in tasks or ('seg' in tasks and not image.keys() & {'mask_file', 'masks'})):
        mend = 'add them' if 'inst' in tasks else 'add them, or mask images (mask_file or masks)'
        yield Fault(file, where, 'segmentation', f'is missing in {bare} of its {len(objects)} objects', mend)


def _annotation(annotation: dict, size: tuple[int, int], attributes: dict, file: str) -> Iterator[Fault]:
    where = f'annotation {annotation["id"]}'
    area = annotation.get('area')
    if not is_number(area) or area <= 0:
        yield Fault(file, where, 'area', f'is {area!r}', 'write the area of the mask, or w * h')
    if annotation.get('iscrowd') not in (0, 1):
        yield Fault(file, where, 'iscrowd', f'is {annotation.get("iscrowd")!r}', 'write 0 or 1')
    if 'segmentation' in annotation:
        fault = fault_of_segmentation(annotation['segmentation'], *size)
        if fault:
            mend = 'write [[x1, y1, x2, y2, x3, y3, ...]] or {"size": [h, w], "counts": "..."}'
            yield Fault(file, where, 'segmentation', fault, mend)
    yield from _attributes(annotation, attributes, where, file)


def _attributes(record: dict, declared: dict, where: str, file: str) -> Iterator[Fault]:
    values = record.get('attributes', {})
    if not isinstance(values, dict):
        yield Fault(
            file, where, 'attributes', f'is {values!r}', 'write an object of attribute name and value'
        )
        return
    for name, value in values.items():
        if name not in declared:
            yield Fault(file, where, f'attributes.{name}', 'is not declared', 'add it to info.attributes')
        elif value not in declared[name]:
            yield Fault(
                file,
                where,
                f'attributes.{name}',
                f'is {value!r}',
                f'use one of {", ".join(map(str, declared[name]))}, or add it to info.attributes',
            )


def _questions(image: dict, required: bool, where: str, file: str) -> Iterator[Fault]:
    items, faults = _entries(
        image, 'questions', required, 'write a list of question objects, at least one', where, file
    )
    yield from faults
    for field, item in items:
        for key in ('question', 'answer'):
            yield from _text(item, key, where, file, 'write a text', prefix=f'{field}.')
        if item.get('answer_type') not in ANSWER_TYPES:
            yield Fault(
                file,
                where,
                f'{field}.answer_type',
                f'is {item.get("answer_type")!r}',
                f'write one of {", ".join(ANSWER_TYPES)}',
            )
        yield from _generated(item, field, where, file)


def _sentences(image: dict, required: bool, where: str, file: str) -> Iterator[Fault]:
    items, faults = _entries(
        image, 'sentences', required, 'write a list of sentence objects, at least one', where, file
    )
    yield from faults
    for field, item in items:
        for key in ('masked', 'completed'):
            yield from _text(item, key, where, file, 'write a text', prefix=f'{field}.')
        if _GAP not in str(item.get('masked')):
            yield Fault(
                file, where, f'{field}.masked', 'has no gap', f'write {_GAP} where words are left out'
            )
        if '<extra_id_' in str(item.get('completed')):
            yield Fault(file, where, f'{field}.completed', 'holds a gap', 'write the whole sentence')
        yield from _generated(item, field, where, file)


def _entries(
    image: dict, key: str, required: bool, mend: str, where: str, file: str
) -> tuple[list[tuple[str, dict]], list[Fault]]:
    """Name and value of each object in a list, and faults where something else stands there."""
    values = image.get(key) if key in image or required else []
    if not isinstance(values, list) or (required and not values):
        return [], [Fault(file, where, key, f'is {values!r}', mend)]
    entries = [(f'{key}[{index}]', value) for index, value in enumerate(values)]
    faults = [
        Fault(file, where, field, f'is {value!r}', mend)
        for field, value in entries
        if not isinstance(value, dict)
    ]
    return [(field, value) for field, value in entries if isinstance(value, dict)], faults


def _generated(item: dict, field: str, where: str, file: str) -> Iterator[Fault]:
    if not isinstance(item.get('generated'), bool):
        yield Fault(
            file,
            where,
            f'{field}.generated',
            f'is {item.get("generated")!r}',
            'write true for text made from annotations, false for text written by people',
        )


def _text(record: dict, key: str, where: str, file: str, mend: str, prefix: str = '') -> Iterator[Fault]:
    if not _is_text(record.get(key)):
        what = f'is {record[key]!r}' if key in record else 'is missing'
        yield Fault(file, where, prefix + key, what, mend)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
