"""Reader of COCO JSON boxes and masks."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ..boxes import is_number
from ..schema import SPLITS, DataError, Fault, read_document
from ..segmentations import fault_of_segmentation
from ..validation import check_structure
from .source import Content, MissingPolicy, Note, RawObject, SourceItem, UnlabelledPolicy
from .splitting import check_split_names

_KEPT = {
    'id',
    'image_id',
    'category_id',
    'bbox',
    'area',
    'iscrowd',
    'segmentation',
    'file_name',
    'width',
    'height',
    'name',
    'supercategory',
}


@dataclass(frozen=True)
class CocoReader:
    """COCO: one JSON file per split; masks are kept.

    Args:
        source: The source folder.
        splits: Split -> ``JSON`` or ``JSON:IMAGES``, both relative to the source folder; the image folder
            is the source folder where it is not given. By default ``annotations/{train,val,test}.json``.
        unpaired: What to do with an image record whose file is missing.
        unlabelled: Not used: a COCO image without objects is background.
    """

    source: Path
    splits: dict[str, str] = field(default_factory=dict)
    unpaired: MissingPolicy = 'error'
    unlabelled: UnlabelledPolicy = 'background'

    def declared_classes(self) -> list[str]:
        """Class names of all splits, in file order."""
        names = [
            category['name'] for split in self._splits() for category in self._document(split)['categories']
        ]
        return list(dict.fromkeys(names))

    def items(self) -> tuple[list[SourceItem], list[Note]]:
        """List the images of all splits with their objects."""
        splits = self._splits()
        check_split_names(splits, SPLITS)
        items, notes = [], []
        for split in splits:
            items += self._items_of_split(split, notes)
        return items, notes

    def read(self, item: SourceItem, size: tuple[int, int]) -> Content:
        """Unpack the objects of one image."""
        if item.size != size:
            raise DataError(
                Fault(
                    item.image,
                    'image',
                    'size',
                    f'is {size[0]}x{size[1]}, its record says {item.size[0]}x{item.size[1]}',
                    'check that record and image belong together',
                )
            )
        faults = [fault for record in item.objects for fault in _faults_of(record, item.image, size)]
        if faults:
            raise DataError(faults)
        objects = []
        for record in item.objects:
            x, y, w, h = record['bbox']
            extra = {key: record[key] for key in ('segmentation', 'iscrowd', 'area') if record.get(key)}
            objects.append(
                RawObject(record['name'], (x, y, x + w, y + h), f'annotation {record["id"]}', extra)
            )
        return Content(objects)

    def _splits(self) -> dict[str, str]:
        default = {split: f'annotations/{split}.json' for split in SPLITS}
        return self.splits or {
            split: name for split, name in default.items() if (self.source / name).is_file()
        }

    def _paths(self, split: str) -> tuple[str, PurePosixPath]:
        annotations, _, images = self._splits()[split].partition(':')
        return annotations, PurePosixPath(images)

    def _document(self, split: str) -> dict:
        path = str(self.source / self._paths(split)[0])
        document = read_document(path)
        faults = check_structure(document, path)
        if faults:
            raise DataError(faults)
        return document

    def _items_of_split(self, split: str, notes: list[Note]) -> list[SourceItem]:
        file, folder = self._paths(split)
        document = self._document(split)
        names = {category['id']: category['name'] for category in document['categories']}
        objects = defaultdict(list)
        for record in document['annotations']:
            objects[record['image_id']].append({**record, 'name': names[record['category_id']]})
        for kind in ('images', 'annotations'):
            dropped = sorted({key for record in document[kind] for key in record} - _KEPT)
            notes += [Note('keys_dropped', f'{file}: {kind}: {key}') for key in dropped]
        items = []
        for record in sorted(document['images'], key=lambda record: record['file_name']):
            image = str(folder / record['file_name'])
            if not (self.source / image).is_file():
                if self.unpaired == 'error':
                    raise DataError(
                        Fault(
                            str(self.source / file),
                            f'image {record["id"]}',
                            'file_name',
                            f'{image!r} does not exist in {self.source}',
                            f'pass --split {split}=JSON:IMAGE_FOLDER, or --unpaired skip',
                        )
                    )
                notes.append(Note('label_without_image', f'{file}: image {record["id"]}: {image}'))
                continue
            size = (int(record['width']), int(record['height']))
            target = f'{split}/{record["file_name"]}'
            items.append(SourceItem(split, image, target, None, tuple(objects[record['id']]), size))
        return items


def _faults_of(record: dict, image: str, size: tuple[int, int]) -> Iterator[Fault]:
    """Find what is wrong with the keys of an object that are kept as they are, where they are given."""
    where = f'annotation {record["id"]}'
    area, crowd = record.get('area') or 1, record.get('iscrowd') or 0
    if not is_number(area) or area <= 0:
        yield Fault(image, where, 'area', f'is {area!r}', 'write a number above 0, or drop it')
    if crowd not in (0, 1):
        yield Fault(image, where, 'iscrowd', f'is {crowd!r}', 'write 0 or 1')
    if record.get('segmentation'):
        fault = fault_of_segmentation(record['segmentation'], size[1], size[0])
        if fault:
            yield Fault(image, where, 'segmentation', fault, 'correct or drop the mask')
