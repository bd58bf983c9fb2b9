"""Reader of the JSON files that the released Uni-Hema trains on."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from ..schema import SPLITS, TASKS, DataError, Fault, read_document
from .source import Content, MissingPolicy, Note, RawMask, RawObject, SourceItem, UnlabelledPolicy, pair
from .splitting import check_split_names
from .uni_hema_content import questions_of, read_mask, sentences_of
from .uni_hema_records import CheckedFile, attributes_of, check_file, tasks_of


@dataclass(frozen=True)
class UniHemaJsonReader:
    """The authors' JSON: COCO whose annotations say by their keys which task they are for.

    ``mask_name`` with ``prompt`` makes a mask target, ``class_name`` the class of the image, ``Question``
    with ``Answer`` a question, ``masked_comment`` with ``completed_text`` a sentence with gaps; anything else
    is an object with ``bbox``, ``category_id``, optionally ``prompt``, and attribute keys such as
    ``nuclear_chromatio`` (sic). An image that several records name, as in question files that repeat the
    image for every question, becomes one record with all of their tasks.

    Args:
        source: The source folder.
        splits: Split -> ``JSON`` or ``JSON:IMAGES``, or a list of these, relative to the source folder; the
            image folder is the source folder where it is not given. By default
            ``annotations/{train,val,test}.json``.
        masks: Folder that ``mask_name`` is relative to; by default the image folder.
        generated: Whether the texts were written by a language model, as the published ones were.
        ignored_keys: Further keys that are left out; any other unknown key is an error.
        unpaired: What to do with an image record whose file is missing.
        unlabelled: What to do with an image record without annotation; ``'background'`` makes it an image of
            detection without objects.
    """

    source: Path
    splits: dict[str, str | list[str]] = field(default_factory=dict)
    masks: str = ''
    generated: bool = True
    ignored_keys: list[str] = field(default_factory=list)
    unpaired: MissingPolicy = 'error'
    unlabelled: UnlabelledPolicy = 'error'

    def declared_classes(self) -> list[str]:
        """Classes of objects and of images, in file order.

        The categories of a file that holds objects only are all of them; of another file those that objects
        use, because its list may name tasks.
        """
        names = []
        for file in self._files():
            objects = [record for record in file.annotations if tasks_of(record) == ('det',)]
            used = {record['category_id'] for record in objects}
            if len(objects) == len(file.annotations) and file.has_categories:
                used = file.checked.names.keys()
            names += (name for id_, name in file.checked.names.items() if id_ in used)
            names += (record['class_name'].strip() for record in file.annotations if 'class_name' in record)
        return list(dict.fromkeys(names))

    def declared_tasks(self) -> list[str]:
        """Tasks that the keys give, in the order of the schema."""
        found = set()
        for record in (record for file in self._files() for record in file.annotations):
            found.update(tasks_of(record))
            if tasks_of(record) == ('det',) and attributes_of(record)[0]:
                found.add('morph')
        return [task for task in TASKS if task in found]

    def items(self) -> tuple[list[SourceItem], list[Note]]:
        """List the images of all splits with their records; an image of several records is listed once."""
        notes: list[Note] = []
        joined: dict[tuple[str, str], SourceItem] = {}
        for file in self._files():
            notes += [Note('keys_dropped', f'{file.name}: {key}') for key in sorted(file.checked.idle)]
            for item in self._items_of(file, notes):
                key = (item.split, item.image)
                joined[key] = _joined(joined[key], item) if key in joined else item
        faults = [fault for item in joined.values() for fault in _faults_of(item)]
        if faults:
            raise DataError(faults)
        items = []
        for item in joined.values():
            label = item.label if item.objects else None
            keep, note = pair(label, item.image, unpaired=self.unpaired, unlabelled=self.unlabelled)
            notes += [note] if note else []
            names = [record['class_name'].strip() for record in item.objects if 'class_name' in record]
            items += [replace(item, class_name=names[0] if names else None)] if keep else []
        return items, notes

    def read(self, item: SourceItem, size: tuple[int, int]) -> Content:
        """Unpack the records of one image."""
        if item.size and item.size != size:
            what = f'is {size[0]}x{size[1]}, its record says {item.size[0]}x{item.size[1]}'
            mend = 'check that record and image belong together'
            raise DataError(Fault(item.image, 'image', 'size', what, mend))
        of_task = defaultdict(list)
        for record in item.objects:
            for task in tasks_of(record):
                of_task[task].append(record)
        notes: list[Note] = []
        objects = [_object(record, notes) for record in of_task['det']]
        masks = self._masks_of(of_task['seg'], size, notes)
        tasks = {task for task, records in of_task.items() if records} or {'det'}
        if any('attributes' in obj.extra for obj in objects):
            tasks.add('morph')
        prompts = [record['prompt'].strip() for record in item.objects if 'prompt' in record]
        image = {
            'prompt': ', '.join(dict.fromkeys(prompts)),
            'questions': questions_of(of_task['vqa'], self.generated, notes),
            'sentences': sentences_of(of_task['mlm'], self.generated, notes),
        }
        image = {key: value for key, value in image.items() if value}
        return Content(objects, masks, notes, frozenset(TASKS) - tasks, image)

    def _masks_of(self, records: list[dict], size: tuple[int, int], notes: list[Note]) -> list[RawMask]:
        files: dict[str, str] = {}
        for record in records:
            prompt, file = record['prompt'].strip(), record['mask_file']
            if files.setdefault(prompt, file) != file:
                what = f'{file} and {files[prompt]} both show {prompt!r} of one image'
                raise DataError(
                    Fault(*record['where'], 'mask_name', what, 'join them, or give them prompts of their own')
                )
        masks = []
        for prompt, file in files.items():
            foreground, found = read_mask(self.source, file, size)
            masks.append(RawMask(prompt, foreground))
            notes += found
        return masks

    def _files(self) -> Iterator['_File']:
        """Read and check the files, one after the other; the faults of all of them come together."""
        default = {split: f'annotations/{split}.json' for split in SPLITS}
        splits = self.splits or {
            split: name for split, name in default.items() if (self.source / name).is_file()
        }
        check_split_names(splits, SPLITS)
        faults = []
        for split, values in splits.items():
            for value in [values] if isinstance(values, str) else values:
                name, _, images = value.partition(':')
                document = read_document(str(self.source / name))
                checked = check_file(document, name, self.ignored_keys)
                faults += checked.faults
                if not faults:
                    yield _File(split, name, PurePosixPath(images), document, checked)
        if faults:
            raise DataError(faults)

    def _items_of(self, file: '_File', notes: list[Note]) -> Iterator[SourceItem]:
        records = defaultdict(list)
        for record in file.annotations:
            extra = {'where': (file.name, f'annotation {record["id"]}')}
            if 'mask_name' in record:
                extra['mask_file'] = str(
                    (PurePosixPath(self.masks) if self.masks else file.images) / record['mask_name']
                )
            if tasks_of(record) == ('det',):
                extra['name'] = file.checked.names[record['category_id']]
            records[record['image_id']].append({**record, **extra})
        for image in sorted(file.document['images'], key=lambda image: image['file_name']):
            path = str(file.images / image['file_name'])
            label = f'{file.name}: image {image["id"]}: {path}'
            there = path if (self.source / path).is_file() else None
            keep, note = pair(label, there, unpaired=self.unpaired, unlabelled='error')
            notes += [note] if note else []
            if keep:
                found = tuple(records[image['id']])
                size = (
                    (int(image['width']), int(image['height']))
                    if {'width', 'height'} <= image.keys()
                    else None
                )
                yield SourceItem(file.split, path, f'{file.split}/{path}', file.name, found, size)


@dataclass(frozen=True)
class _File:
    split: str
    name: str
    images: PurePosixPath
    document: dict
    checked: CheckedFile

    @property
    def annotations(self) -> list[dict]:
        return self.document['annotations']

    @property
    def has_categories(self) -> bool:
        return 'categories' in self.document


def _object(record: dict, notes: list[Note]) -> RawObject:
    x, y, w, h = record['bbox']
    file, where = record['where']
    attributes, nameless = attributes_of(record)
    notes += [
        Note('attribute_without_name', f'{file}: {where}: {key} {code}') for key, code in nameless.items()
    ]
    extra = {'attributes': attributes} if attributes else {}
    if record.get('iscrowd'):
        extra['iscrowd'] = 1
    return RawObject(record['name'], (x, y, x + w, y + h), where, extra)


def _joined(item: SourceItem, other: SourceItem) -> SourceItem:
    """Put two records of one image together."""
    return replace(item, objects=item.objects + other.objects, size=item.size or other.size)


def _faults_of(item: SourceItem) -> Iterator[Fault]:
    """Find what the records of one image contradict each other in."""
    named = [record for record in item.objects if 'class_name' in record]
    names = dict.fromkeys(record['class_name'].strip() for record in named)
    if len(names) > 1:
        what = f'{item.image} is given {" and ".join(map(repr, names))}'
        yield Fault(*named[-1]['where'], 'class_name', what, 'keep one of them')
