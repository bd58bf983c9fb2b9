"""Reader of tables that give class and attributes of single-cell images."""

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ..schema import SPLITS
from .listing import match_images, other_entries
from .source import Content, MissingPolicy, Note, SourceItem, pair
from .splitting import check_split_names
from .tables import make_lookup, read_table


@dataclass(frozen=True)
class AttributeCsvReader:
    """Attribute tables: a csv per split, one line per image, one column per attribute.

    Args:
        source: The source folder. Images and tables may lie in different data sets below it.
        images: Pattern of the images with ``{key}``, see :func:`match_images`.
        tables: Split -> csv file.
        image_column: Column with the name of the image.
        class_column: Column with its class.
        ignored_columns: Columns that are left out. All further ones are attributes; an empty value means not
            annotated.
        name_map: Table from the names of ``image_column`` to the keys of ``images``: ``file``, ``key`` and
            ``value`` (columns), see :class:`Lookup`. By default they are the same.
        unpaired: What to do with a line without image.
        unlabelled: What to do with an image without line.
    """

    source: Path
    images: str
    tables: dict[str, str]
    image_column: str
    class_column: str
    ignored_columns: list[str] = field(default_factory=list)
    name_map: dict = field(default_factory=dict)
    unpaired: MissingPolicy = 'error'
    unlabelled: MissingPolicy = 'error'

    def declared_classes(self) -> None:
        """Tables declare no class list."""
        return None

    def items(self) -> tuple[list[SourceItem], list[Note]]:
        """List the images that have a line."""
        check_split_names(self.tables, SPLITS)
        images = match_images(self.source, self.images)
        notes = other_entries(self.source, {*images.values()})
        keys = make_lookup(self.name_map, 'name_map').read(self.source) if self.name_map else None
        items, lines = [], {}
        for split, file in self.tables.items():
            for row in read_table(
                self.source / file, self.image_column, self.class_column, *self.ignored_columns
            ):
                name = row[self.image_column]
                key = name if keys is None else keys.get(name)
                label = f'{file}: {name}'
                keep, note = pair(label, images.get(key), unpaired=self.unpaired, unlabelled='error')
                notes += [note] if note else []
                if keep:
                    lines[key] = label
                    items.append(self._item(split, images[key], row))
        for key, image in images.items():
            note = pair(
                lines.get(key), image, unpaired=self.unpaired, unlabelled=self.unlabelled, may_be_empty=False
            )[1]
            notes += [note] if note else []
        return items, notes

    def read(self, item: SourceItem, size: tuple[int, int]) -> Content:
        """Nothing: class and attributes came with the item."""
        return Content()

    def _item(self, split: str, image: str, row: dict[str, str]) -> SourceItem:
        others = (self.image_column, self.class_column, *self.ignored_columns)
        attributes = {name: value for name, value in row.items() if value and name not in others}
        return SourceItem(
            split,
            image,
            PurePosixPath(image).name,
            class_name=row[self.class_column],
            attributes=attributes,
        )
