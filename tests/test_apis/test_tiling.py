"""Tiles cover the image, cores partition it, and every cell is named once wherever it lies."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unihema_mm.apis.tiling import SeenBoxes, box_iou, default_overlap, merge, own_boxes, tiles
from unihema_mm.utils.errors import InputError


def look(grid, boxes, labels=None, jitter=0.0, seed=0):
    """What tiles see of true boxes (n, 4): each box clipped to each tile that shows some of it.

    Returns:
        The boxes seen, and which true box each is.
    """
    rng = np.random.default_rng(seed)
    labels = np.zeros(len(boxes), int) if labels is None else labels
    seen, tile, truth = [], [], []
    for index, window in enumerate(grid.windows.astype(float)):
        moved = boxes + rng.uniform(-jitter, jitter, boxes.shape)
        clipped = moved.clip(np.tile(window[:2], 2), np.tile(window[2:], 2))
        there = np.flatnonzero((clipped[:, :2] < clipped[:, 2:]).all(1))
        seen.append(clipped[there])
        tile += [index] * len(there)
        truth.append(there)
    truth = np.concatenate(truth)
    score = rng.uniform(0.3, 1, len(truth))
    return SeenBoxes(np.concatenate(seen), np.array(tile, int), labels[truth], score), truth


def layout(rng, width, height, count, largest, smallest=6.0):
    """Boxes anywhere, cut by the border of the image."""
    size = rng.uniform(smallest, largest, (count, 2))
    corner = rng.uniform(-0.4, 1, (count, 2)) * (width, height)
    boxes = np.concatenate([corner, corner + size], 1)
    boxes = boxes.clip(0, np.tile([width, height], 2))
    return boxes[(boxes[:, 2:] - boxes[:, :2] > 4).all(1)]


def assert_exact(grid, boxes, labels=None, **options):
    seen, truth = look(grid, boxes, labels, **options)
    merged = merge(grid, seen)
    assert sorted(truth[one.best] for one in merged) == list(range(len(boxes)))
    return merged, truth


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 250), st.integers(1, 200), st.integers(1, 90), st.integers(1, 90), st.floats(0, 0.5))
def test_tiles_cover_and_cores_partition(width, height, across, down, share):
    overlap = int(share * min(across, down))
    grid = tiles(width, height, (across, down), overlap)
    seen, owned = np.zeros((height, width), int), np.zeros((height, width), int)
    for (x1, y1, x2, y2), core in zip(grid.windows, grid.cores.astype(int), strict=True):
        assert 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height
        assert (x2 - x1, y2 - y1) == (min(across, width), min(down, height))
        seen[y1:y2, x1:x2] += 1
        owned[core[1] : core[3], core[0] : core[2]] += 1
        assert (core[:2] >= (x1, y1)).all() and (core[2:] <= (x2, y2)).all()
    assert seen.min() >= 1
    assert (owned == 1).all()
    xs = np.unique(grid.windows[:, 0])
    assert (xs[:-1] + across - xs[1:] >= overlap).all()


def test_an_image_that_fits_is_one_tile():
    assert tiles(640, 480, (640, 480)).windows.tolist() == [[0, 0, 640, 480]]
    assert tiles(100, 30, 200, 50).windows.tolist() == [[0, 0, 100, 30]]
    assert len(tiles(641, 480, (640, 480)).windows) == 2


def test_no_more_tiles_than_needed():
    assert len(tiles(10_000, 640, 640, 128).windows) == 20
    assert default_overlap((640, 480)) == 144


@pytest.mark.parametrize(
    'arguments', [(100, 100, 50, 26), (100, 100, 50, -1), (100, 100, 0, 0), (0, 9, 50, 5), (9, 9, (50, 0), 0)]
)
def test_bad_tiles_are_refused_in_one_line(arguments):
    with pytest.raises(InputError) as caught:
        tiles(*arguments)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('seed', range(150))
def test_the_count_is_exact_in_random_layouts(seed):
    rng = np.random.default_rng(seed)
    width, height = rng.integers(150, 1500, 2).tolist()
    across, down = rng.integers(120, 400, 2).tolist()
    overlap = int(rng.uniform(0.1, 0.5) * min(across, down))
    grid = tiles(width, height, (across, down), overlap)
    boxes = layout(rng, width, height, int(rng.integers(0, 150)), max(overlap, 8))
    merged, truth = assert_exact(grid, boxes, rng.integers(0, 3, len(boxes)))
    for one in merged:
        assert one.box == pytest.approx(boxes[truth[one.best]])


@pytest.mark.parametrize('size', [10, 47, 48, 63, 64])
def test_cells_on_seams_and_corners_are_found_once(size):
    """Cells up to the overlap with centre or a side on every border of cores and windows, and crossing."""
    grid = tiles(340, 280, (200, 160), 64)
    edges = np.concatenate([grid.cores, grid.windows])
    lines = [np.unique(edges[:, axis::2]) for axis in (0, 1)]
    for shift in (-size, -size / 2, -size / 2 - 0.5, -size / 2 + 0.5, 0):
        corners = np.stack(np.meshgrid(lines[0] + shift, lines[1] + shift), -1).reshape(-1, 2)
        for corner in corners:
            box = np.concatenate([corner, corner + size]).clip(0, (340, 280, 340, 280))[None]
            if (box[:, 2:] - box[:, :2] > 1).all():
                merged, _ = assert_exact(grid, box)
                assert merged[0].box == pytest.approx(box[0])


@pytest.mark.parametrize('seed', range(60))
def test_cells_above_the_overlap_get_the_hull_of_their_pieces(seed):
    rng = np.random.default_rng(seed)
    grid = tiles(1200, 900, (300, 240), int(rng.integers(20, 100)))
    size = rng.uniform(10, 700, 2)
    corner = rng.uniform(0, 1, 2) * np.maximum((1200, 900) - size, 0)
    box = np.concatenate([corner, corner + size]).clip(0, (1200, 900, 1200, 900))[None]
    merged, _ = assert_exact(grid, box)
    assert merged[0].box == pytest.approx(box[0])


@pytest.mark.parametrize('seed', range(40))
def test_tiles_that_disagree_by_some_pixels_lose_and_double_nothing(seed):
    rng = np.random.default_rng(seed)
    grid = tiles(900, 800, (300, 250), 100)
    ys, xs = np.mgrid[10:760:40, 10:860:40].reshape(2, -1) + rng.uniform(0, 12, (2, 1))
    size = rng.uniform(20, 27, len(xs))
    boxes = np.stack([xs, ys, xs + size, ys + size], 1)
    assert_exact(grid, boxes, jitter=1.5, seed=seed)


def test_the_centre_alone_would_lose_a_cell():
    grid = tiles(500, 100, 200, 60)
    border = grid.cores[0, 2]
    boxes = np.array([[border - 19.0, 30, border + 21, 70], [border - 21.0, 30, border + 19, 70]])
    tile = np.array([0, 1])
    assert own_boxes(grid, boxes, tile).all()
    seen = SeenBoxes(boxes, tile, np.zeros(2, int), np.array([0.5, 0.9]))
    assert [one.best for one in merge(grid, seen)] == [1]


def test_a_piece_gets_no_slack():
    grid = tiles(500, 100, 200, 60)
    core, window = grid.cores[0, 2], grid.windows[0, 2]
    half = window - core - 3
    piece, whole = [core + 3 - half, 30, window, 70], [core - 17.0, 30, core + 23, 70]
    assert own_boxes(grid, np.array([piece, whole]), np.array([0, 0])).tolist() == [False, True]


def seam(labels, scores=(0.9, 0.8)):
    grid = tiles(500, 100, 200, 60)
    x = grid.cores[0, 2]
    boxes = np.array([[x - 20.0, 30, x + 20, 70], [x - 19.0, 30, x + 21, 70]])
    return grid, SeenBoxes(boxes, np.array([0, 1]), np.array(labels), np.array(scores))


def test_one_cell_of_two_classes_keeps_the_surer_one():
    assert [one.best for one in merge(*seam((0, 1), (0.4, 0.8)))] == [1]


def test_boxes_of_one_tile_are_never_merged():
    grid, seen = seam((0, 0))
    assert len(merge(grid, seen._replace(tile=np.array([0, 0])))) == 2


def test_two_cells_that_both_tiles_tell_apart_stay_two():
    """A cell on another one, IoU above the limit, both seen by both tiles; of two classes, then of one."""
    grid = tiles(500, 100, 200, 60)
    x = grid.cores[0, 2]
    big, small = [x - 20.0, 30, x + 20, 70], [x - 16.0, 30, x + 16, 70]
    boxes = np.array([big, small, big, small])
    assert box_iou(boxes[:1], boxes[1:2])[0, 0] > 0.5
    seen = SeenBoxes(boxes, np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), np.array([0.4, 0.9, 0.5, 0.8]))
    assert [one.best for one in merge(grid, seen)] == [1, 2]
    assert [one.best for one in merge(grid, seen._replace(label=np.zeros(4, int)))] == [1, 2]


def test_nothing_seen():
    grid = tiles(500, 400, 200)
    assert merge(grid, SeenBoxes(np.empty((0, 4)), np.empty(0, int), np.empty(0, int), np.empty(0))) == []


def test_a_hundred_thousand_cells():
    rng = np.random.default_rng(0)
    grid = tiles(10_000, 10_000, 1400, 144)
    ys, xs = np.mgrid[5:9960:31, 5:9960:31].reshape(2, -1) + rng.uniform(0, 8, (2, 1))
    boxes = np.stack([xs, ys, xs + 22, ys + 22], 1)
    assert len(boxes) > 100_000
    assert_exact(grid, boxes)
