"""The annotation files of a conversion."""

from collections import defaultdict

from ..catalogue import CatalogueEntry
from ..schema import SCHEMA_VERSION, SPLITS
from .item import Outcome


def make_documents(outcomes: list[Outcome], entry: CatalogueEntry) -> dict[str, dict]:
    """Put the outcomes of the images together.

    Args:
        outcomes: One per image, in the order of the records to write.
        entry: The catalogue entry.

    Returns:
        Split -> annotation file, in the order train, val, test.
    """
    categories = [{'id': index + 1, 'name': name} for index, name in enumerate(entry.category_names)]
    ids = {category['name']: category['id'] for category in categories}
    by_split = defaultdict(list)
    for outcome in outcomes:
        by_split[outcome.split].append(outcome)
    documents = {}
    for split in (split for split in SPLITS if split in by_split):
        info = {
            'schema_version': SCHEMA_VERSION,
            'dataset': entry.name,
            'split': split,
            'licence': entry.licence,
        }
        if entry.attributes:
            info['attributes'] = {name: list(values) for name, values in entry.attribute_values.items()}
        images, annotations = [], []
        for image_id, outcome in enumerate(by_split[split], start=1):
            images.append({'id': image_id, **outcome.image})
            for record in outcome.objects:
                record = dict(record)
                category_id = ids[record.pop('category')]
                number = len(annotations) + 1
                annotations.append({'id': number, 'image_id': image_id, 'category_id': category_id, **record})
        documents[split] = {
            'info': info,
            'images': images,
            'annotations': annotations,
            'categories': categories,
        }
    return documents
