"""Reader of folders that are named like the class of the single-cell images in them."""

import os
from collections.abc import Set
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ..image_files import IMAGE_SUFFIXES
from ..schema import SPLITS, DataError, Fault
from .listing import is_ignored
from .patterns import fixed_folder, match_files, pattern_fields
from .source import Content, Note, SourceItem
from .splitting import check_split_names


@dataclass(frozen=True)
class ClassFoldersReader:
    """Folder per class, with or without folders of splits around or inside it.

    Args:
        source: The source folder.
        images: Pattern of the images, see :func:`match_files`. The folder ``{class}`` names the class and the
            folder ``{split}``, where there is one, the split: ``'{class}/*'``, ``'{split}/{class}/*'``,
            ``'{class}/{split}/*'``, ``'data/{class}/**/*'``. By default ``'{class}/*'``, and
            ``'{split}/{class}/*'`` where ``splits`` are given.
        splits: Split -> name of its folder, or a list of them; by default ``train``, ``val`` and ``test`` are
            named so. Without ``{split}`` all images are train.
        ignored_classes: Class folders that are left out.
    """

    source: Path
    images: str = ''
    splits: dict[str, str | list[str]] = field(default_factory=dict)
    ignored_classes: list[str] = field(default_factory=list)

    def declared_classes(self) -> list[str]:
        """The names of the class folders that hold an image."""
        names = {parts['class'] for _, parts in self._match()}
        return sorted(names - {*self.ignored_classes})

    def items(self) -> tuple[list[SourceItem], list[Note]]:
        """List the images of the class folders."""
        root = fixed_folder(self._pattern)
        found = self._match()
        split_of = self._split_of_folder()
        notes = _left_out(self.source, root, {name for name, _ in found})
        items, seen = [], set()
        for name, parts in found:
            split = split_of.get(parts['split']) if 'split' in parts else 'train'
            if parts['class'] in self.ignored_classes:
                notes.append(Note('ignored_class', name))
            elif split is None:
                notes.append(Note('unlisted_image', name))
            else:
                seen.add(parts.get('split'))
                target = PurePosixPath(name).relative_to(root)
                items.append(SourceItem(split, name, str(target), class_name=parts['class']))
        if self.splits:
            notes += [
                Note('split_missing', f'{split}: {folder}')
                for folder, split in split_of.items()
                if folder not in seen
            ]
        return sorted(items, key=lambda item: (SPLITS.index(item.split), item.target)), notes

    def read(self, item: SourceItem, size: tuple[int, int]) -> Content:
        """Nothing: the class came with the item."""
        return Content()

    @property
    def _pattern(self) -> str:
        return self.images or ('{split}/{class}/*' if self.splits else '{class}/*')

    def _match(self) -> list[tuple[str, dict[str, str]]]:
        names, folders = pattern_fields(self._pattern), PurePosixPath(self._pattern).parts[:-1]
        is_good = '{class}' in folders and {*names} <= {'class', 'split'}
        if not is_good or any(f'{{{name}}}' not in folders for name in names):
            what = f'is {self._pattern!r}'
            mend = 'write {class} for the folder of a class, {split} for that of a split, e.g. {class}/*.jpg'
            raise DataError(Fault('source', 'images', 'pattern', what, mend))
        if self.splits and 'split' not in names:
            what = f'is {self._pattern!r}, which has no {{split}}'
            raise DataError(Fault('source', 'images', 'pattern', what, 'add {split}, or drop the splits'))
        found = match_files(self.source, self._pattern, IMAGE_SUFFIXES)
        if not found:
            what = f'no image fits {self._pattern!r}'
            mend = 'check --src, and the pattern of the images'
            raise DataError(Fault(str(self.source), 'folder', 'images', what, mend))
        return found

    def _split_of_folder(self) -> dict[str, str]:
        splits = self.splits or {split: split for split in SPLITS}
        check_split_names(splits, SPLITS)
        split_of: dict[str, str] = {}
        for split, value in splits.items():
            for folder in [value] if isinstance(value, str) else value:
                if folder in split_of:
                    what = f'{folder!r} is {split} and {split_of[folder]}'
                    raise DataError(Fault('source', 'splits', split, what, 'name a folder once'))
                split_of[folder] = split
        return split_of


def _left_out(source: Path, root: str, found: Set[str]) -> list[Note]:
    """Note the files below a folder that the pattern does not fit."""
    names = []
    for folder, folders, files in os.walk(source / root):
        folders[:] = [name for name in folders if not name.startswith('.')]
        place = PurePosixPath(Path(folder).relative_to(source).as_posix())
        names += [str(place / file) for file in files if not is_ignored(PurePosixPath(file))]
    return [
        Note(
            'unmatched_image' if PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES else 'other_entry', name
        )
        for name in sorted({*names} - found)
    ]
