"""Checks that plain COCO files must pass too: lists, ids, references, boxes."""

from collections.abc import Iterator

from ..boxes import BoxState, fit_box, is_box
from ..schema import Fault, shorten

# Bytes of a file or folder name that common file systems take.
_LONGEST_NAME = 255
_LISTS = ('images', 'annotations', 'categories')


def check_structure(document: dict, file: str) -> list[Fault]:
    """Check what every reader of a COCO file relies on.

    Ids are unique integers, annotations refer to images and categories of the file, categories have
    unique names, paths are relative, sizes positive whole numbers (640.0 is one), boxes four finite
    numbers. Whether boxes lie in their image is left to :func:`check_boxes`.

    Args:
        document: Parsed annotation file.
        file: Its name, for the messages.

    Returns:
        The faults, in file order.
    """
    faults = list(_lists(document, file))
    if faults:
        return faults
    faults += _categories(document['categories'], file)
    faults += _images(document['images'], file)
    faults += _annotations(document, file)
    return faults


def check_boxes(document: dict, file: str) -> list[Fault]:
    """Check that boxes have an area and lie inside their image.

    Args:
        document: Parsed annotation file without structural faults.
        file: Its name, for the messages.

    Returns:
        The faults, in file order.
    """
    sizes = {image['id']: (image['width'], image['height']) for image in document['images']}
    faults = []
    for annotation in document['annotations']:
        x, y, w, h = annotation['bbox']
        width, height = sizes[annotation['image_id']]
        state = fit_box((x, y, x + w, y + h), width, height)[1]
        if state is BoxState.INSIDE:
            continue
        if state is BoxState.EMPTY:
            what, mend = f'{[x, y, w, h]} has no area', 'give w > 0 and h > 0, or drop the object'
        else:
            part = 'lies' if state is BoxState.OUTSIDE else 'reaches'
            what = f'{[x, y, w, h]} {part} outside its image of {width}x{height} pixels'
            mend = 'drop the object' if state is BoxState.OUTSIDE else 'clip it to the image'
        faults.append(Fault(file, f'annotation {annotation["id"]}', 'bbox', what, mend))
    return faults


def is_id(value: object) -> bool:
    """Whether a JSON value can be an id or a count (booleans are not)."""
    return type(value) is int


def _is_whole(value: object) -> bool:
    return is_id(value) or (isinstance(value, float) and value.is_integer())


def _lists(document: dict, file: str) -> Iterator[Fault]:
    for key in _LISTS:
        if key not in document:
            yield Fault(file, 'file', key, 'is missing', f'add "{key}": []')
        elif not isinstance(document[key], list):
            yield Fault(
                file, 'file', key, f'is a {type(document[key]).__name__}', 'must be a list of records'
            )
        else:
            for index, record in enumerate(document[key]):
                if not isinstance(record, dict):
                    yield Fault(file, f'{key}[{index}]', 'record', f'is {record!r}', 'must be an object')


def _ids(records: list[dict], kind: str, file: str) -> Iterator[Fault]:
    seen = {}
    for index, record in enumerate(records):
        identity = record.get('id')
        if not is_id(identity):
            yield Fault(file, f'{kind}[{index}]', 'id', f'is {identity!r}', 'must be an integer')
        elif identity in seen:
            yield Fault(
                file,
                f'{kind}[{index}]',
                'id',
                f'{identity} is already used by {kind}[{seen[identity]}]',
                'give every record its own id',
            )
        else:
            seen[identity] = index


def _categories(categories: list[dict], file: str) -> Iterator[Fault]:
    yield from _ids(categories, 'categories', file)
    names = set()
    for index, category in enumerate(categories):
        name = category.get('name')
        where = f'categories[{index}]'
        if not isinstance(name, str) or not name.strip():
            yield Fault(file, where, 'name', f'is {name!r}', 'must be a class name')
        elif name in names:
            yield Fault(file, where, 'name', f'{name!r} is used twice', 'merge the two categories')
        else:
            names.add(name)


def _images(images: list[dict], file: str) -> Iterator[Fault]:
    yield from _ids(images, 'images', file)
    names = {}
    for index, image in enumerate(images):
        where = f'image {image["id"]}' if 'id' in image else f'images[{index}]'
        name = image.get('file_name')
        fault = fault_of_path(name)
        if fault:
            yield Fault(file, where, 'file_name', fault, 'write a path relative to the data root')
        elif name in names:
            yield Fault(
                file, where, 'file_name', f'{name!r} is also used by {names[name]}', 'keep one record'
            )
        else:
            names[name] = where
        for field in ('width', 'height'):
            if not _is_whole(image.get(field)) or image[field] <= 0:
                mend = 'must be a positive whole number of pixels'
                yield Fault(file, where, field, f'is {image.get(field)!r}', mend)


def _annotations(document: dict, file: str) -> Iterator[Fault]:
    annotations = document['annotations']
    yield from _ids(annotations, 'annotations', file)
    image_ids = {image['id'] for image in document['images'] if is_id(image.get('id'))}
    category_ids = {category['id'] for category in document['categories'] if is_id(category.get('id'))}
    known = shorten(sorted(category_ids), 10) or 'none'
    for index, annotation in enumerate(annotations):
        image_id, category_id = annotation.get('image_id'), annotation.get('category_id')
        found = []
        if not is_id(image_id) or image_id not in image_ids:
            found.append(
                ('image_id', f'{image_id!r} is not an image of this file', 'add the image or drop the object')
            )
        if not is_id(category_id) or category_id not in category_ids:
            what = f'{category_id!r} is out of range, the categories are {known}'
            found.append(('category_id', what, 'add the category or correct the id'))
        if not is_box(annotation.get('bbox')):
            what = f'is {annotation.get("bbox")!r}'
            found.append(('bbox', what, 'must be [x, y, w, h], four finite numbers'))
        for fault in found:
            where = f'annotation {annotation["id"]}' if 'id' in annotation else f'annotations[{index}]'
            yield Fault(file, where, *fault)


def fault_of_path(value: object) -> str | None:
    """Say what is wrong with a path of the schema: relative, forward slashes, no ``..``."""
    if not isinstance(value, str) or not value:
        return f'is {value!r}'
    if '\\' in value:
        return f'{value!r} holds backslashes'
    if '\0' in value or _is_too_long(value):
        return f'{value[:60]!r} cannot be the name of a file'
    if value.startswith('/') or value[1:3] == ':/':
        return f'{value!r} is absolute'
    return f'{value!r} leaves the data root' if '..' in value.split('/') else None


def _is_too_long(path: str) -> bool:
    # A letter takes up to 4 bytes; most paths are short.
    return len(path) * 4 > _LONGEST_NAME and any(
        len(part.encode(errors='replace')) > _LONGEST_NAME for part in path.split('/')
    )
