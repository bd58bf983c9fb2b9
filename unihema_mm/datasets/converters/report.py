"""The account of a conversion: what was read, written, repaired and dropped, and why."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..catalogue import CatalogueEntry
from ..schema import SPLITS, mask_targets
from .item import Outcome
from .source import Note

REPORT_FILE = 'conversion_report.json'
CHANGES = {
    'empty_box': 'boxes without area, dropped',
    'outside_box': 'boxes outside their image, dropped',
    'clipped_box': 'boxes that reached outside their image, clipped',
    'duplicate_object': 'exact repetitions of an object, dropped',
    'suffix': 'images whose suffix did not fit their content, given the right suffix (bytes unchanged)',
    'size_missing': 'labels without an image size, the size of the image file is used',
    'folder_differs': 'labels that name another image folder, ignored',
    'filename_differs': 'labels that name another image file than the one with their own name, ignored',
    'class_list_differs': 'class lists that differ from data.yaml, data.yaml is used',
    'parent_path': 'paths of data.yaml that leave the source folder, read inside it',
    'not_a_label': 'class lists among the labels, ignored',
    'outside_point': 'points outside their image, dropped',
    'identical_image': 'images of the same bytes with a label each, all kept, in one split',
    'difficult': 'objects marked difficult, kept as ordinary objects',
    'other_entry': 'other files or folders beside the images, left out',
    'unlisted_image': 'images or labels in no split list, left out',
    'unlabelled_region': 'regions marked as not labelled (DontCare), their images partly_labelled',
    'unmatched_image': 'images that the pattern of the images does not fit, left out',
    'ignored_class': 'images or objects of a class that the entry leaves out',
    'blank_class': 'lines without class, their images left out',
    'several_classes': 'images of several classes, left out',
    'one_class_twice': 'images that name one class several times, kept with this class',
    'split_missing': 'splits whose folder or file is not there, left out',
    'near_identical_image': 'images near-identical to another one, kept in one split with it',
    'repeated_image': 'images of train that val or test repeats, left out of train',
    'held_out': 'images of train, held out for another split',
    'label_without_image': 'labels without image, left out',
    'image_without_label': 'images without label, left out',
    'image_without_label_kept': 'images without label, kept as images without objects',
    'quantised_mask': 'masks with other levels than the listed ones, set to the nearest one',
    'empty_mask': 'masks without any pixel of a target, kept',
    'small_region': 'masks with regions of fewer pixels than least_area, no objects',
    'object_without_mask': 'objects that no mask region belongs to alone, images not used for inst',
    'region_without_object': 'masks with regions that no box belongs to, kept in the mask target',
    'attribute_without_name': 'attribute codes that the attribute set has no value for, left out',
    'text_prefix': 'texts that began with Q:, A: or mask:, which training adds itself, taken off',
    'duplicate_text': 'exact repetitions of a question or sentence of an image, dropped',
    'keys_dropped': 'keys of the source that the schema does not have, dropped',
}


@dataclass
class ConversionReport:
    """What a conversion did.

    Attributes:
        entry: The catalogue entry, or the one made for a user's own data.
        source: The source folder as it was given.
        splits: Split -> its numbers of ``images``, ``images_without_objects`` and ``objects``, and the counts
            ``classes`` (of objects), ``image_classes``, ``masks`` (prompt -> number of images) and
            ``attributes`` (of images; attribute -> value -> number).
        changes: Code of :data:`CHANGES` -> what it happened to.
        differences: Differences from the expected counts.
    """

    entry: CatalogueEntry
    source: str
    splits: dict[str, dict] = field(default_factory=dict)
    changes: dict[str, list[str]] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)

    def add_outcomes(self, outcomes: Iterable[Outcome]) -> None:
        """Count what became of the images, and sort their notes by what happened."""
        counted = {split: _Counts() for split in SPLITS}
        changes = defaultdict(list, self.changes)
        for outcome in outcomes:
            counted[outcome.split].add(outcome)
            for note in outcome.notes:
                changes[note.code].append(note.item)
        self.changes = {code: changes[code] for code in CHANGES if code in changes}
        names = self.entry.category_names
        self.splits = {
            split: counts.as_dict(names, self.entry.attribute_values)
            for split, counts in counted.items()
            if counts.images
        }

    def add_notes(self, notes: Sequence[Note]) -> None:
        """Sort the notes by what happened."""
        changes = defaultdict(list, self.changes)
        for note in notes:
            changes[note.code].append(note.item)
        self.changes = {code: changes[code] for code in CHANGES if code in changes}

    def total(self, key: str) -> int:
        """Sum of a count, ``'images'`` or ``'objects'``, over the splits."""
        return sum(split[key] for split in self.splits.values())

    def counts(self, key: str) -> Counter:
        """Sum of the counts ``'classes'``, ``'image_classes'`` or ``'masks'`` over the splits."""
        return sum((Counter(split[key]) for split in self.splits.values()), Counter())

    def compare(self) -> None:
        """Find the differences from the counts that the entry expects."""
        expected = self.entry.expected
        if expected is None:
            return
        images = {split: counts['images'] for split, counts in self.splits.items()}
        self.differences = [
            *_compare('images', expected.images, images, self.total('images')),
            *_compare('objects', expected.objects, self.counts('classes'), self.total('objects')),
            *_compare('image classes', expected.image_classes, self.counts('image_classes')),
            *_compare('masks', expected.masks, self.counts('masks')),
        ]

    def as_dict(self) -> dict:
        """The content of conversion_report.json."""
        return {
            'dataset': self.entry.name,
            'complete': True,
            'source': self.source,
            'format': self.entry.converter,
            'licence': self.entry.licence,
            'citation': self.entry.citation,
            'address': self.entry.address,
            'notes': self.entry.notes,
            'classes': self.entry.classes,
            'images': self.total('images'),
            'objects': self.total('objects'),
            'splits': self.splits,
            'differences_from_catalogue': self.differences,
            'changes': [
                {'what': CHANGES[code], 'code': code, 'count': len(items), 'items': items}
                for code, items in self.changes.items()
            ],
        }

    def lines(self) -> list[str]:
        """The report for a terminal."""
        total = f'{self.entry.name}: {self.total("images")} images'
        lines = [f'{total}, {self.total("objects")} objects' if self.total('objects') else total]
        for split, counts in self.splits.items():
            empty = counts['images_without_objects']
            objects = (
                f' ({empty} without objects), {counts["objects"]:7} objects: {_listed(counts["classes"])}'
            )
            lines.append(
                f'  {split:5} {counts["images"]:6} images' + (objects if self.total('objects') else '')
            )
            for key in ('image_classes', 'masks'):
                if counts[key]:
                    lines.append(f'        {key.replace("_", " ")}: {_listed(counts[key])}')
        for code, items in self.changes.items():
            lines.append(f'  {len(items)} {CHANGES[code]}, e.g. {items[0]}')
        lines += [f'  differs from the catalogue: {text}' for text in self.differences]
        return lines


@dataclass
class _Counts:
    """Numbers of one split."""

    images: int = 0
    empty: int = 0
    classes: Counter = field(default_factory=Counter)
    image_classes: Counter = field(default_factory=Counter)
    prompts: Counter = field(default_factory=Counter)
    attributes: Counter = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        image = outcome.image
        self.images += 1
        self.empty += not outcome.objects
        self.classes.update(record['category'] for record in outcome.objects)
        self.image_classes.update([image['class_name']] if 'class_name' in image else [])
        self.prompts.update(prompt for prompt, _ in mask_targets(image))
        self.attributes.update(image.get('attributes', {}).items())

    def as_dict(self, names: list[str], attributes: dict[str, Sequence[str]]) -> dict:
        return {
            'images': self.images,
            'images_without_objects': self.empty,
            'objects': self.classes.total(),
            'classes': {name: self.classes[name] for name in names},
            'image_classes': {name: self.image_classes[name] for name in names if self.image_classes},
            'masks': dict(sorted(self.prompts.items())),
            'attributes': {
                name: {value: self.attributes[name, value] for value in values}
                for name, values in attributes.items()
            },
        }


def _listed(counts: dict[str, int]) -> str:
    return ', '.join(f'{name} {count}' for name, count in counts.items())


def _compare(
    kind: str, expected: int | dict[str, int] | None, found: dict[str, int], total: int = 0
) -> list[str]:
    if expected is None:
        return []
    if isinstance(expected, int):
        return [] if expected == total else [f'{total} {kind}, expected {expected}']
    return [
        f'{found.get(name, 0)} {kind} of {name}, expected {expected.get(name, 0)}'
        for name in dict.fromkeys((*expected, *found))
        if found.get(name, 0) != expected.get(name, 0)
    ]
