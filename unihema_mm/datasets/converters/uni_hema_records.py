"""The records of the JSON files that the released Uni-Hema reads: their keys, and what is wrong with them.

Its loader (``dino_datasets/coco.py`` of the repository) tells the task of an annotation by its keys.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from unihema_mm.structures.attribute_values import load_attribute_values
from unihema_mm.utils.errors import InputError
from unihema_mm.utils.names import nearest_names

from ..boxes import is_box
from ..schema import Fault, shorten
from ..taxonomy import load_taxonomy, paper_labels
from ..validation.structure import fault_of_path, is_id

ATTRIBUTE_SET = 'leukemia_attri'
GAP = '<extra_id_0>'
# Of at most four bytes each, so that a folder can have its name.
LONGEST_PROMPT = 60

# Key of the files -> attribute. The first one is spelt like this in them.
ATTRIBUTE_KEYS = {
    'nuclear_chromatio': 'nuclear_chromatin',
    'nuclear_shape': 'nuclear_shape',
    'nucleolus': 'nucleolus',
    'cytoplasm': 'cytoplasm',
    'cytoplasmic_basophilia': 'cytoplasmic_basophilia',
    'cytoplasmic_vacuoles': 'cytoplasmic_vacuoles',
}
# What the six attributes may hold: 0 and 1 have names, 2 and 3 occur and have none, 4 is "none".
NOT_ANNOTATED = 4
ATTRIBUTE_CODES = range(NOT_ANNOTATED + 1)

_KEYS_OF_TASK = {
    'seg': ('mask_name', 'prompt'),
    'cls': ('class_name', 'category_id'),
    'mlm': ('masked_comment', 'completed_text'),
    'vqa': ('Question', 'Answer'),
    'det': ('bbox', 'category_id', 'prompt', 'iscrowd', *ATTRIBUTE_KEYS),
}
_MARKS = {'seg': 'mask_name', 'cls': 'class_name', 'mlm': 'masked_comment', 'vqa': 'Question'}
_REQUIRED_TEXTS = {
    'seg': ('mask_name', 'prompt'),
    'cls': ('class_name',),
    'mlm': ('masked_comment', 'completed_text'),
    'vqa': ('Question', 'Answer'),
}
_KNOWN_KEYS = {
    'images': {'id', 'file_name', 'width', 'height'},
    'annotations': {'id', 'image_id', *(key for keys in _KEYS_OF_TASK.values() for key in keys)},
    'categories': {'id', 'name'},
    'file': {'images', 'annotations', 'categories'},
}
# Keys of COCO and of the authors' files that say nothing the schema has a place for. A segmentation is one of
# them: the loader never reads it, and the authors' script for M5 writes the same dummy into every object.
_IDLE_KEYS = {
    'images': {'license', 'date_captured', 'coco_url', 'flickr_url', 'seg_file_name'},
    'annotations': {
        'area',
        'segmentation',
        'keypoints',
        'ignore',
        'category_name',
        'cell_id',
        'cell_size',
        'task',
    },
    'categories': {'supercategory'},
    'file': {'info', 'licenses', 'type'},
}


def tasks_of(record: dict) -> tuple[str, ...]:
    """Name the tasks that an annotation is for: those whose key it has, else detection."""
    return tuple(task for task, key in _MARKS.items() if key in record) or ('det',)


@dataclass
class CheckedFile:
    """One file, checked.

    Attributes:
        names: Id of a category -> its name.
        faults: What is wrong.
        idle: ``kind: key`` of every key that is not used, each once.
    """

    names: dict[int, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    idle: set[str] = field(default_factory=set)


def check_file(document: dict, file: str, ignored_keys: list[str]) -> CheckedFile:
    """Check what the reader relies on.

    Args:
        document: The parsed file. Without ``categories``, the ids are those of the released detection list.
        file: Its name, for messages.
        ignored_keys: Keys that are left out although the format does not have them.
    """
    checked = CheckedFile()
    _check_keys(document, 'file', 'file', file, ignored_keys, checked)
    for key in ('images', 'annotations'):
        if key not in document:
            checked.faults.append(Fault(file, 'file', key, 'is missing', f'add "{key}": [...]'))
    for kind in ('images', 'annotations', 'categories'):
        for where, record in _records(document.get(kind, []), kind, file, checked.faults):
            _check_keys(record, kind, where, file, ignored_keys, checked)
    if checked.faults:
        return checked
    own_names = _names(document.get('categories', []), file, checked.faults)
    checked.names = own_names if 'categories' in document else paper_labels('detection')
    image_ids = _images(document['images'], file, checked.faults)
    annotation_ids = set()
    for where, record in _records(document['annotations'], 'annotations', file, checked.faults):
        _check_id(record, where, file, annotation_ids, checked.faults)
        checked.faults += (
            Fault(file, where, *fault) for fault in _annotation(record, image_ids, checked.names, own_names)
        )
        unused = record.keys() & _KNOWN_KEYS['annotations'] - {'id', 'image_id'}
        used = {key for task in tasks_of(record) for key in _KEYS_OF_TASK[task]}
        checked.idle.update(f'annotations: {key} of {"/".join(tasks_of(record))}' for key in unused - used)
    return checked


def _records(records: object, kind: str, file: str, faults: list[Fault]) -> Iterator[tuple[str, dict]]:
    if not isinstance(records, list):
        faults.append(
            Fault(file, 'file', kind, f'is a {type(records).__name__}', 'must be a list of records')
        )
        return
    for index, record in enumerate(records):
        if isinstance(record, dict):
            where = f'{kind[:-1]} {record["id"]}' if is_id(record.get('id')) else f'{kind}[{index}]'
            yield where, record
        else:
            faults.append(Fault(file, f'{kind}[{index}]', 'record', f'is {record!r}', 'must be an object'))


def _check_keys(
    record: dict, kind: str, where: str, file: str, ignored_keys: list[str], checked: CheckedFile
) -> None:
    for key in record.keys() - _KNOWN_KEYS[kind]:
        if key in _IDLE_KEYS[kind] or key in ignored_keys:
            checked.idle.add(f'{kind}: {key}')
        else:
            what = f'is not a key of this format ({nearest_names(key, sorted(_KNOWN_KEYS[kind]))})'
            checked.faults.append(Fault(file, where, key, what, 'correct it, or add it to ignored_keys'))


def _check_id(record: dict, where: str, file: str, seen: set[int], faults: list[Fault]) -> None:
    identity = record.get('id')
    if not is_id(identity):
        faults.append(Fault(file, where, 'id', f'is {identity!r}', 'must be an integer'))
    elif identity in seen:
        faults.append(Fault(file, where, 'id', f'{identity} is used twice', 'give every record its own id'))
    else:
        seen.add(identity)


def _names(categories: list[dict], file: str, faults: list[Fault]) -> dict[int, str]:
    seen, names = set(), {}
    for where, category in _records(categories, 'categories', file, faults):
        _check_id(category, where, file, seen, faults)
        name = category.get('name')
        if not _is_text(name):
            faults.append(Fault(file, where, 'name', f'is {name!r}', 'must be a class name'))
        elif is_id(category.get('id')):
            names[category['id']] = name
    return names


def _images(images: list[dict], file: str, faults: list[Fault]) -> set[int]:
    seen = set()
    for where, image in _records(images, 'images', file, faults):
        _check_id(image, where, file, seen, faults)
        fault = fault_of_path(image.get('file_name'))
        if fault:
            faults.append(Fault(file, where, 'file_name', fault, 'write a path relative to the image folder'))
        for key in ('width', 'height'):
            value = image.get(key, 1)
            if not (is_id(value) or (isinstance(value, float) and value.is_integer())) or value <= 0:
                mend = 'must be a positive whole number of pixels, or left out'
                faults.append(Fault(file, where, key, f'is {value!r}', mend))
    return seen


def _annotation(
    record: dict, image_ids: set[int], names: dict[int, str], own_names: dict[int, str]
) -> Iterator[tuple[str, str, str]]:
    image_id = record.get('image_id')
    if not is_id(image_id) or image_id not in image_ids:
        yield 'image_id', f'{image_id!r} is not an image of this file', 'add the image or drop the record'
    for task in tasks_of(record):
        for key in _REQUIRED_TEXTS.get(task, ()):
            if not _is_text(record.get(key)):
                what = f'is {record[key]!r}' if key in record else f'is missing beside {_MARKS[task]}'
                yield key, what, 'write a text'
        yield from _CHECKS[task](record, names if task == 'det' else own_names)


def _seg(record: dict, names: dict[int, str]) -> Iterator[tuple[str, str, str]]:
    fault = fault_of_path(record['mask_name']) if _is_text(record['mask_name']) else None
    if fault:
        yield 'mask_name', fault, 'write a path relative to the mask folder'
    if len(str(record.get('prompt'))) > LONGEST_PROMPT:
        what = f'has {len(str(record["prompt"]))} characters'
        yield (
            'prompt',
            what,
            f'write a few words, at most {LONGEST_PROMPT} characters: masks lie in a folder of that name',
        )


def _mlm(record: dict, names: dict[int, str]) -> Iterator[tuple[str, str, str]]:
    if _is_text(record['masked_comment']) and GAP not in record['masked_comment']:
        yield 'masked_comment', 'has no gap', f'write {GAP} where words are left out'
    if '<extra_id_' in str(record.get('completed_text')):
        yield 'completed_text', 'holds a gap', 'write the whole sentence'


def _det(record: dict, names: dict[int, str]) -> Iterator[tuple[str, str, str]]:
    if not is_box(record.get('bbox')):
        what = (
            f'is {record["bbox"]!r}'
            if 'bbox' in record
            else 'is missing, and no key of another task is there'
        )
        yield 'bbox', what, 'must be [x, y, w, h], four finite numbers'
    category = record.get('category_id')
    if not is_id(category) or category not in names:
        known = shorten(sorted(names), 10) or 'none'
        yield 'category_id', f'{category!r} is out of range, the categories are {known}', 'correct it'
    if 'prompt' in record and not _is_text(record['prompt']):
        yield 'prompt', f'is {record["prompt"]!r}', 'write disease or cell words such as "Malaria"'
    if record.get('iscrowd', 0) not in (0, 1):
        yield 'iscrowd', f'is {record["iscrowd"]!r}', 'write 0 or 1'
    for key in ATTRIBUTE_KEYS:
        code = record.get(key)
        if code is not None and (type(code) is not int or code not in ATTRIBUTE_CODES):
            yield key, f'is {code!r}', f'write 0, 1, or {NOT_ANNOTATED} (not annotated)'


def _cls(record: dict, names: dict[int, str]) -> Iterator[tuple[str, str, str]]:
    # The loader learns category_id, people read class_name: which one is wrong cannot be told.
    category, name = record.get('category_id'), record.get('class_name')
    if 'category_id' in record and not is_id(category):
        yield 'category_id', f'is {category!r}', 'must be an integer'
    elif _is_text(name) and category in names and not _is_same_class(name, names[category]):
        yield (
            'category_id',
            f'{category} is {names[category]!r}, class_name is {name!r}',
            'correct one of them',
        )


def _vqa(record: dict, names: dict[int, str]) -> Iterator[tuple[str, str, str]]:
    return iter(())


_CHECKS = {'seg': _seg, 'cls': _cls, 'mlm': _mlm, 'vqa': _vqa, 'det': _det}


def _is_same_class(name: str, other: str) -> bool:
    try:
        return load_taxonomy().resolve(name) == load_taxonomy().resolve(other)
    except InputError:
        return name.strip().lower() == other.strip().lower()


def attributes_of(record: dict) -> tuple[dict[str, str], dict[str, int]]:
    """Read the attributes of an object.

    Args:
        record: A detection record without faults.

    Returns:
        Attribute -> value, annotated ones only; and key -> code where the code has no name. The released
        loader takes a missing key as code 0 if ``nuclear_shape`` is there; here it is not annotated.
    """
    values, nameless = {}, {}
    for key, name in ATTRIBUTE_KEYS.items():
        code = record.get(key)
        if code is None or code == NOT_ANNOTATED:
            continue
        known = load_attribute_values(ATTRIBUTE_SET)[name]
        if code < len(known):
            values[name] = known[code]
        else:
            nameless[key] = code
    return values, nameless


def _is_text(value: object) -> bool:
    # JSON can escape halves of a letter, which no file can hold.
    is_whole = isinstance(value, str) and not any('\ud800' <= char <= '\udfff' for char in value)
    return is_whole and bool(value.strip())
