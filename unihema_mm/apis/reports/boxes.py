"""Which boxes are one cell, which touch the border, and which lie in another."""

import numpy as np
from scipy.spatial import cKDTree


def overlap(box: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compare a box with others.

    Args:
        box: x1, y1, x2, y2, float (4,).
        others: float (n, 4).

    Returns:
        Intersection over union, (n,), and the share of the box that lies in each other one, (n,); 0 to 1.
    """
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    inside = sides.clip(min=0).prod(axis=1)
    area = (box[2:] - box[:2]).prod()
    union = area + (others[:, 2:] - others[:, :2]).prod(axis=1) - inside
    return inside / np.maximum(union, 1e-12), inside / max(area, 1e-12)


def owners(boxes: np.ndarray, min_iou: float) -> np.ndarray:
    """Find the boxes that show the same cell.

    Args:
        boxes: By falling score, float (n, 4).
        min_iou: Overlap from which on two boxes are one cell, between 0 and 1.

    Returns:
        Place of the best box of the cell that each box shows, int (n,); the best one owns itself.
    """
    owner = np.arange(len(boxes))
    if len(boxes) < 2:
        return owner
    sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    # Along each side two such boxes share min_iou of the longer one, which bounds how far apart they are.
    near = cKDTree(centres).query_ball_point(centres, (1 - min_iou) / min_iou * sides, p=np.inf)
    for place, places in enumerate(near):
        if owner[place] != place:
            continue
        others = np.array([other for other in places if other > place and owner[other] == other], dtype=int)
        owner[others[overlap(boxes[place], boxes[others])[0] >= min_iou]] = place
    return owner


def left_out(boxes: np.ndarray, width: int, height: int, rule: str, near: float) -> np.ndarray:
    """Apply a counting rule of :data:`.options.BORDER_RULES`.

    Args:
        boxes: float (n, 4).
        width: Width of the image, pixels.
        height: Its height.
        rule: Name of the rule.
        near: A box as near as this to an edge touches it, pixels.

    Returns:
        True for boxes that are not counted, bool (n,).
    """
    if rule == 'all':
        return np.zeros(len(boxes), dtype=bool)
    right_or_bottom = (boxes[:, 2] >= width - near) | (boxes[:, 3] >= height - near)
    if rule == 'unbiased':
        return right_or_bottom
    return right_or_bottom | (boxes[:, 0] <= near) | (boxes[:, 1] <= near)


def hosts(guests: np.ndarray, boxes: np.ndarray, min_inside: float = 0.5) -> np.ndarray:
    """Find the box that each guest lies in.

    Args:
        guests: float (n, 4).
        boxes: float (m, 4).
        min_inside: Share of the guest that has to lie in it, 0 to 1.

    Returns:
        Place of the box that holds most of the guest, int (n,); -1 where none holds enough.
    """
    found = np.full(len(guests), -1)
    if len(boxes):
        for place, guest in enumerate(guests):
            inside = overlap(guest, boxes)[1]
            best = int(inside.argmax())
            found[place] = best if inside[best] >= min_inside else -1
    return found
