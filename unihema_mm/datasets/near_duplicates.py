"""Search for identical and near-identical images, without comparing all pairs."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .image_signature import FINE_BITS, ImageSignature, correlate_details, read_small_grey, sign_image
from .parallel import map_ordered

# Chosen on real fields and single cells, see docs/how_to/prepare_data.md: re-encoded, resized and brightened
# copies stay below both radii and above the correlation, different cells on the same ground stay outside.
COARSE_RADIUS = 10
FINE_RADIUS = 48
LEAST_CORRELATION = 0.75
_BANDS, _BAND_BITS = 4, 16
_PAIRS_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Repeats:
    """Images that stand more than once in a list.

    Attributes:
        identical: Groups of two or more places with the same bytes, each ascending.
        near: Pairs of places whose images are near-identical, the smaller one first. Of identical images the
            first one stands for all.
    """

    identical: list[list[int]]
    near: list[tuple[int, int]]

    def links(self) -> list[tuple[int, int, bool]]:
        """Pairs of places that connect all repeats, and whether their bytes are the same."""
        same = [(group[0], place, True) for group in self.identical for place in group[1:]]
        return sorted([*same, *((first, second, False) for first, second in self.near)])


def find_repeats(paths: Sequence[str | Path], *, workers: int = 1, progress: bool = False) -> Repeats:
    """Find the images of a list that are identical or near-identical.

    Identical are those of the same bytes. Near-identical are re-encoded, resized, brighter, darker and
    slightly cropped copies, and two photographs of one place: their coarse hashes differ in at most
    :data:`COARSE_RADIUS` bits, their fine ones in at most :data:`FINE_RADIUS`, and their details correlate by
    :data:`LEAST_CORRELATION`. No pair within the radii is missed. Turned and mirrored copies are not found.

    Args:
        paths: Image files. Those that cannot be decoded, or show nothing, are compared by their bytes alone.
        workers: Number of processes; the result is the same for any.
        progress: Whether to show progress bars.

    Raises:
        UnreadableImageError: A file cannot be opened.
    """
    signatures = map_ordered(sign_image, paths, workers=workers, progress=progress, title='hashing')
    return compare_signatures(signatures, paths, workers=workers, progress=progress)


def compare_signatures(
    signatures: Sequence[ImageSignature],
    paths: Sequence[str | Path],
    *,
    workers: int = 1,
    progress: bool = False,
) -> Repeats:
    """Find the repeats among signed images, see :func:`find_repeats`.

    Args:
        signatures: One per image.
        paths: The image files; only those with close hashes are read.
        workers: Number of processes.
        progress: Whether to show progress bars.
    """
    by_digest = defaultdict(list)
    for place, signature in enumerate(signatures):
        by_digest[signature.digest].append(place)
    places = np.array(
        [group[0] for group in by_digest.values() if signatures[group[0]].coarse is not None], np.int64
    )
    coarse = np.array([signatures[place].coarse for place in places], np.uint64)
    pairs = close_pairs(coarse, COARSE_RADIUS, workers=workers, progress=progress)
    fine = np.frombuffer(b''.join(signatures[place].fine for place in places), np.uint64)
    fine = fine.reshape(len(places), FINE_BITS // 64)
    distances = np.bitwise_count(fine[pairs[:, 0]] ^ fine[pairs[:, 1]]).sum(1, dtype=int)
    close = places[pairs[distances <= FINE_RADIUS]]
    return Repeats(
        [group for group in by_digest.values() if len(group) > 1],
        _with_equal_details(close, paths, workers, progress),
    )


def close_pairs(hashes: np.ndarray, radius: int, *, workers: int = 1, progress: bool = False) -> np.ndarray:
    """Find all pairs of hashes that differ in few bits, by multi-index hashing.

    The 64 bits are cut into 4 bands. Where two hashes differ in at most ``4 a + b`` bits, they differ in at
    most ``a`` bits of one of the first ``b + 1`` bands, or in at most ``a - 1`` bits of another one, so only
    hashes with such a band are compared (Norouzi, Punjani and Fleet, Fast search in Hamming space with
    multi-index hashing, CVPR 2012).

    Args:
        hashes: uint64, of shape (n,).
        radius: Largest number of different bits, from 0 on.
        workers: Number of processes.
        progress: Whether to show a progress bar.

    Returns:
        Pairs of places, int64, of shape (m, 2), the smaller one first, sorted, each once.
    """
    per_band, rest = divmod(radius, _BANDS)
    probes = [
        (band, mask) for band in range(_BANDS) for mask in _masks(per_band if band <= rest else per_band - 1)
    ]
    work = partial(_probe, hashes=hashes, radius=radius)
    found = map_ordered(work, probes, workers=workers, progress=progress, title='comparing', unit='probe')
    pairs = np.sort(np.concatenate(found), 1)
    return np.unique(pairs, axis=0)


def connect(number: int, links: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Put places that links connect, directly or over others, into groups.

    Args:
        number: Number of places.
        links: Pairs of places.

    Returns:
        Groups of places, single ones included, each ascending, in the order of their first places.
    """
    ends = np.array(links, np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(ends.shape[1], bool), tuple(ends)), (number, number))
    labels = connected_components(graph, directed=False)[1]
    groups = defaultdict(list)
    for place, label in enumerate(labels.tolist()):
        groups[label].append(place)
    return list(groups.values())


def _masks(bits: int) -> list[int]:
    """All ways to flip at most this many bits of a band."""
    places = range(_BAND_BITS)
    return [
        sum(1 << place for place in chosen)
        for count in range(bits + 1)
        for chosen in combinations(places, count)
    ]


def _probe(probe: tuple[int, int], *, hashes: np.ndarray, radius: int) -> np.ndarray:
    """Compare the hashes whose band differs by exactly the bits of a mask."""
    band, mask = probe
    keys = (hashes >> np.uint64(band * _BAND_BITS) & np.uint64((1 << _BAND_BITS) - 1)).astype(np.int64)
    order = np.argsort(keys, kind='stable')
    hashes, keys = hashes[order], keys[order]
    starts = np.searchsorted(keys, np.arange((1 << _BAND_BITS) + 1))
    partners = keys ^ mask
    first, last = starts[partners], starts[partners + 1]
    if mask == 0:
        first = np.arange(len(keys)) + 1
    else:
        last = np.where(keys < partners, last, first)
    lengths = last - first
    ends = np.cumsum(lengths)
    found, begin = [np.empty((0, 2), np.int64)], 0
    while begin < len(keys):
        done = ends[begin] - lengths[begin]
        stop = max(begin + 1, int(np.searchsorted(ends, done + _PAIRS_AT_ONCE, 'right')))
        part = slice(begin, stop)
        left = np.repeat(np.arange(begin, stop), lengths[part])
        right = np.arange(len(left)) + np.repeat(first[part] - (ends - lengths)[part] + done, lengths[part])
        close = np.bitwise_count(hashes[left] ^ hashes[right]) <= radius
        found.append(order[np.stack((left[close], right[close]), 1)])
        begin = stop
    return np.concatenate(found)


def _with_equal_details(
    pairs: np.ndarray, paths: Sequence[str | Path], workers: int, progress: bool
) -> list[tuple[int, int]]:
    places = np.unique(pairs)
    files = [paths[place] for place in places]
    images = map_ordered(read_small_grey, files, workers=workers, progress=progress, title='verifying')
    small = dict(zip(places.tolist(), images, strict=True))
    return sorted(
        (min(pair), max(pair))
        for pair in pairs.tolist()
        if correlate_details(small[pair[0]], small[pair[1]]) >= LEAST_CORRELATION
    )
