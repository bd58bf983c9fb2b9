"""The annotation files of a conversion."""

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from unihema_mm.utils.atomic import whole_file

from ..catalogue import CatalogueEntry
from ..schema import SCHEMA_VERSION, SPLITS
from .item import Outcome
from .outcomes import PackedOutcomes

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(',', ':')).encode


def write_documents(
    folder: Path, outcomes: PackedOutcomes, entry: CatalogueEntry, splits: Iterable[str], extra: dict
) -> None:
    """Write the annotation files of all splits; none of them appears before all are written.

    Records are written one by one, so that the memory does not grow with the number of images. Files of
    splits that an earlier conversion had are removed.

    Args:
        folder: Where to write ``<split>.json``.
        outcomes: One per image without faults, in the order of the records to write.
        entry: The catalogue entry.
        splits: The splits that have images.
        extra: Further keys of ``info``.
    """
    splits = list(splits)
    with ExitStack() as stack:
        for split in splits:
            file = stack.enter_context(whole_file(folder / f'{split}.json'))
            for text in _texts(outcomes, entry, split, extra):
                file.write(text.encode())
    for split in SPLITS:
        if split not in splits:
            (folder / f'{split}.json').unlink(missing_ok=True)


def _texts(outcomes: PackedOutcomes, entry: CatalogueEntry, split: str, extra: dict) -> Iterator[str]:
    info = {
        'schema_version': SCHEMA_VERSION,
        'dataset': entry.name,
        'split': split,
        'licence': entry.licence,
    }
    if entry.attributes:
        info['attributes'] = {name: list(values) for name, values in entry.attribute_values.items()}
    categories = [{'id': index + 1, 'name': name} for index, name in enumerate(entry.category_names)]
    ids = {category['name']: category['id'] for category in categories}
    yield f'{{"info":{_encode({**info, **extra})},"images":['
    yield from _joined(_images(outcomes.of_split(split)))
    yield '],"annotations":['
    yield from _joined(_annotations(outcomes.of_split(split), ids))
    yield f'],"categories":{_encode(categories)}}}\n'


def _images(outcomes: Iterable[Outcome]) -> Iterator[dict]:
    for image_id, outcome in enumerate(outcomes, start=1):
        yield {'id': image_id, **outcome.image}


def _annotations(outcomes: Iterable[Outcome], ids: dict[str, int]) -> Iterator[dict]:
    number = 0
    for image_id, outcome in enumerate(outcomes, start=1):
        for record in outcome.objects:
            number += 1
            category_id = ids[record.pop('category')]
            yield {'id': number, 'image_id': image_id, 'category_id': category_id, **record}


def _joined(records: Iterable[dict]) -> Iterator[str]:
    for place, record in enumerate(records):
        yield f'{"," if place else ""}{_encode(record)}'
