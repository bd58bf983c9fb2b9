"""Chooses what to ask so that the question alone does not tell the answer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from math import floor

# An answer rarer than this does not hold the others down to its number.
RARE = 0.05


@dataclass
class Group:
    """All places of a split where one thing can be asked.

    Attributes:
        key: What is asked, in any wording; unique among the groups of a split.
        kind: Kind of the question, for the report.
        closed: Whether there are two answers, of which each must be right equally often.
        members: Answer -> numbers of the images where it is right.
    """

    key: str
    kind: str
    closed: bool
    members: dict[str, list[int]] = field(default_factory=dict)

    def add(self, answer: str, image: int) -> None:
        """Note that an answer is right for an image."""
        self.members.setdefault(answer, []).append(image)


def balanced_size(sizes: Mapping[str, int], closed: bool) -> int:
    """Find how often each answer may be given at most, so that none is the safe one.

    Args:
        sizes: Answer -> number of images where it is right.
        closed: Two answers must become equally frequent. Else it is the number of the least frequent answer
            of those that are right in at least 5 % of the images; where that is one answer only, the number
            of all others together.

    Returns:
        0 where there is one answer only, which would need no look at the image.
    """
    if len(sizes) < 2:
        return 0
    if closed:
        return min(sizes.values())
    total = sum(sizes.values())
    common = [size for size in sizes.values() if size >= RARE * total]
    if len(common) >= 2:
        return min(common)
    return total - max(sizes.values())


def choose(
    group: Group, images: Sequence[str], seed: int, share: float = 1.0
) -> Iterator[tuple[int, str, int]]:
    """Draw the images in which the group is asked about.

    Whether an image comes before another one depends on the seed, the group and the two images alone.

    Args:
        group: What is asked.
        images: Names of the images.
        seed: Seed of the order.
        share: Part of the balanced size that is used, 0 to 1; what is left over of a whole number is drawn.

    Yields:
        Number of the image, answer, and turn: 0, 1, 2, ... for each answer, so that wordings taken by turns
        are as balanced as the answers.
    """
    size = balanced_size({answer: len(found) for answer, found in group.members.items()}, group.closed)
    size = floor(size * share + uniform(seed, group.key))
    shift = int(uniform(seed, group.key, 'wording') * 1024)
    for answer, found in group.members.items():
        order = sorted(found, key=lambda image: uniform(seed, group.key, images[image]))
        for turn, image in enumerate(order[:size]):
            yield image, answer, turn + shift


def uniform(seed: int, *key: str) -> float:
    """Draw a number in [0, 1) that depends on the seed and the key alone."""
    digest = blake2b('\0'.join((str(seed), *key)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, 'big') / 2**64
