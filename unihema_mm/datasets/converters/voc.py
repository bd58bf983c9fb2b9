"""Reader of Pascal VOC XML boxes with split lists."""

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from ..boxes import parse_number
from ..schema import SPLITS, DataError, Fault
from .listing import by_stem, list_images
from .source import Content, MissingPolicy, Note, RawObject, SourceItem, UnlabelledPolicy, pair
from .splitting import check_split_names, leave_repeats_out_of_train, split_by_lists
from .texts import read_bytes


@dataclass(frozen=True)
class VocReader:
    """Pascal VOC: one XML file per image, split lists of file stems.

    Args:
        source: The source folder.
        annotations: Folder of the XML files, relative to it.
        images: Folder of the images, relative to it.
        splits: Split -> list file relative to the source folder (one stem a line), or ``'*'`` for all
            images. By default the lists of ``ImageSets/Main`` that exist.
        split_folders: Split -> folder that has ``annotations`` and ``images`` of its own, in place of
            ``splits``. An image of ``train`` that ``val`` or ``test`` repeats is left out of ``train``.
        coordinates: ``'corners'`` takes the numbers as corner points, as labelImg writes and mmdet reads
            them; ``'inclusive'`` as 1-based first and last pixel, as the VOC challenge defines them.
        unpaired: What to do with an XML file without image.
        unlabelled: What to do with an image without XML file.
    """

    source: Path
    annotations: str = 'Annotations'
    images: str = 'JPEGImages'
    splits: dict[str, str] = field(default_factory=dict)
    split_folders: dict[str, str] = field(default_factory=dict)
    coordinates: Literal['corners', 'inclusive'] = 'corners'
    unpaired: MissingPolicy = 'error'
    unlabelled: UnlabelledPolicy = 'error'

    def declared_classes(self) -> None:
        """VOC files declare no class list."""
        return None

    def found_classes(self) -> list[str]:
        """List the class names used in the XML files, for the message that asks for ``--classes``."""
        folders = self.split_folders.values() or ('',)
        paths = (
            path for folder in folders for path in (self.source / folder / self.annotations).glob('*.xml')
        )
        names = (_parse(path).iterfind('object/name') for path in paths)
        return sorted({(name.text or '').strip() for found in names for name in found})

    def items(self) -> tuple[list[SourceItem], list[Note]]:
        """List the images of the split lists, or of the split folders."""
        if self.split_folders:
            return self._items_of_folders()
        splits = self.splits or self._default_splits()
        images, labels, notes = self._files('')
        items = []
        split_of = split_by_lists(self.source, splits, {*images, *labels})
        for stem, split in split_of.items():
            items += self._item(stem, split, images, labels, notes)
        notes += [
            Note('unlisted_image', images.get(stem) or labels[stem])
            for stem in sorted(set(images) | set(labels))
            if stem not in split_of
        ]
        return items, notes

    def read(self, item: SourceItem, size: tuple[int, int]) -> Content:
        """Read one XML file."""
        root = _parse(self.source / item.label)
        notes = [*self._check_names(root, item), *_check_size(root, item, size)]
        shift = 1 if self.coordinates == 'inclusive' else 0
        objects = []
        for index, element in enumerate(root.iterfind('object')):
            where = f'object {index + 1}'
            name = (element.findtext('name') or '').strip()
            x1, y1, x2, y2 = (
                _number(element, key, item.label, where) for key in ('xmin', 'ymin', 'xmax', 'ymax')
            )
            if (element.findtext('difficult') or '0').strip() != '0':
                notes.append(Note('difficult', f'{item.label}: {where}: {name}'))
            objects.append(RawObject(name, (x1 - shift, y1 - shift, x2, y2), where))
        return Content(objects, notes=notes)

    def _files(self, folder: str) -> tuple[dict[str, str], dict[str, str], list[Note]]:
        """Index the images and the XML files below a folder by stem."""
        annotations = PurePosixPath(folder) / self.annotations
        names, notes = list_images(self.source, str(PurePosixPath(folder) / self.images))
        labels = {
            path.stem: str(annotations / path.name)
            for path in sorted((self.source / annotations).glob('*.xml'))
        }
        return by_stem(names), labels, notes

    def _item(
        self, stem: str, split: str, images: dict[str, str], labels: dict[str, str], notes: list[Note]
    ) -> list[SourceItem]:
        image, label = images.get(stem), labels.get(stem)
        keep, note = pair(label, image, unpaired=self.unpaired, unlabelled=self.unlabelled)
        notes += [note] if note else []
        return [SourceItem(split, image, PurePosixPath(image).name, label)] if keep else []

    def _items_of_folders(self) -> tuple[list[SourceItem], list[Note]]:
        check_split_names(self.split_folders, SPLITS)
        items, notes = [], []
        for split, folder in self.split_folders.items():
            if not (self.source / folder).is_dir():
                notes.append(Note('split_missing', f'{split}: {folder}'))
                continue
            images, labels, others = self._files(folder)
            notes += others
            for stem in sorted({*images, *labels}):
                items += self._item(stem, split, images, labels, notes)
        kept, repeated = leave_repeats_out_of_train(items, self.source)
        return kept, notes + repeated

    def _default_splits(self) -> dict[str, str]:
        lists = {split: f'ImageSets/Main/{split}.txt' for split in SPLITS}
        return {split: path for split, path in lists.items() if (self.source / path).is_file()}

    def _check_names(self, root: ElementTree.Element, item: SourceItem) -> list[Note]:
        notes = []
        folder = (root.findtext('folder') or '').strip()
        if folder and folder != PurePosixPath(self.images).name:
            notes.append(Note('folder_differs', f'{item.label}: <folder>{folder}</folder>'))
        name = (root.findtext('filename') or '').strip()
        if (
            name
            and PurePosixPath(name).stem != PurePosixPath(item.image).stem
            and name != PurePosixPath(item.image).stem
        ):
            notes.append(Note('filename_differs', f'{item.label}: <filename>{name}</filename>'))
        return notes


def _parse(path: Path) -> ElementTree.Element:
    content = read_bytes(path)
    # A document type can define entities that grow without end or name other files; labels have none.
    if b'<!DOCTYPE' in content.replace(b'\0', b''):
        what = 'declares a document type'
        raise DataError(Fault(str(path), 'file', 'content', what, 'remove the <!DOCTYPE ...> declaration'))
    try:
        return ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as fault:
        raise DataError(
            Fault(
                str(path),
                'file',
                'content',
                f'is not whole XML ({fault})',
                'copy the file again from its source',
            )
        ) from None


def _check_size(root: ElementTree.Element, item: SourceItem, size: tuple[int, int]) -> list[Note]:
    stated = tuple((root.findtext(f'size/{key}') or '0').strip() for key in ('width', 'height'))
    if stated == ('0', '0'):
        return [Note('size_missing', item.label)]
    if stated != tuple(map(str, size)):
        raise DataError(
            Fault(
                item.label,
                'file',
                'size',
                f'says {"x".join(stated)}, the image has {size[0]}x{size[1]}',
                'check that label and image belong together',
            )
        )
    return []


def _number(element: ElementTree.Element, key: str, file: str, where: str) -> float:
    text = element.findtext(f'bndbox/{key}')
    try:
        return parse_number(text)
    except ValueError:
        raise DataError(Fault(file, where, f'bndbox/{key}', f'is {text!r}', 'must be a number')) from None
