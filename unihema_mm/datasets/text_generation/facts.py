"""What the annotations say about each image, as far as it can be asked about."""

from collections import defaultdict
from dataclasses import dataclass, field

from .class_words import ClassWords


@dataclass(frozen=True)
class CellGroup:
    """All objects of one class in an image, each with attributes.

    Attributes:
        name: Their class.
        cells: Attributes of each of them.
    """

    name: str
    cells: tuple[dict[str, str], ...]

    @property
    def shared(self) -> dict[str, str]:
        """Attributes in which all of them agree."""
        first, *others = self.cells
        return {name: value for name, value in first.items() if all(o.get(name) == value for o in others)}


@dataclass(frozen=True)
class ImageFacts:
    """What is known about one image.

    Attributes:
        class_name: Class of the whole image; ``None`` where it has none that tells a kind of cell.
        attributes: Attributes of the one cell of a single-cell image.
        counts: Class -> number of its objects, 0 included, for the classes whose number is known. It is not
            known where objects may be without a record.
        groups: Objects with attributes by their class, for classes whose objects are all known.
    """

    class_name: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    groups: tuple[CellGroup, ...] = ()


def read_facts(document: dict, words: ClassWords) -> list[ImageFacts]:
    """Read the facts of all images of an annotation file.

    A class that the file does not have yields no fact, nor does the absence of objects from an image that is
    partly labelled, not meant for detection, or holds a crowd or an object of a vague class.

    Args:
        document: Annotation file without faults.
        words: The classes of the set.

    Returns:
        One per image, in file order.
    """
    names = {category['id']: category['name'] for category in document['categories']}
    objects = defaultdict(list)
    for item in document['annotations']:
        objects[item['image_id']].append(item)
    return [_facts_of(image, objects[image['id']], names, words) for image in document['images']]


def _facts_of(image: dict, objects: list[dict], names: dict[int, str], words: ClassWords) -> ImageFacts:
    class_name = image.get('class_name')
    by_class = defaultdict(list)
    for item in objects:
        by_class[names[item['category_id']]].append(item.get('attributes') or {})
    counts, groups = {}, ()
    if _is_whole(image, objects):
        counts = {name: len(by_class[name]) for name in words.countable(list(by_class))}
        groups = tuple(
            CellGroup(name, tuple(by_class[name]))
            for name in counts
            if by_class[name] and all(by_class[name])
        )
    return ImageFacts(
        class_name=class_name if class_name in words.names else None,
        attributes=image.get('attributes') or {},
        counts=counts,
        groups=groups,
    )


def _is_whole(image: dict, objects: list[dict]) -> bool:
    return (
        'det' in image['tasks']
        and not image.get('partly_labelled')
        and not any(item.get('iscrowd') for item in objects)
    )
