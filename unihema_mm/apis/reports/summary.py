"""All numbers of a slide or an image."""

from .attributes import attribute_shares
from .cell_counts import cell_counts, cell_ratios, not_counted
from .differential import differential
from .parasitaemia import parasitaemia
from .quantities import Quantity, Sample

# A further kind of number is a further function here.
PARTS = (differential, parasitaemia, cell_ratios, cell_counts, not_counted, attribute_shares)


def summarise(sample: Sample) -> list[Quantity]:
    """Compute all numbers, in the order of the report."""
    return [line for part in PARTS for line in part(sample)]
