"""A large image predicted by tiles equals the truth when every tile is predicted without error."""

import numpy as np
import pytest

from unihema_mm.apis.image_regions import ArrayRegions
from unihema_mm.apis.tiled_inference import join_masks, predict_tiled, shrink
from unihema_mm.structures.results import Answer, Cell, CellMask, ImageResult

CLASSES = ('RBC', 'neutrophil')


def scene(width, height, boxes):
    """Picture in which cell i has the colour i + 1, a code of all 24 bits."""
    codes = np.zeros((height, width), np.uint32)
    for code, (x1, y1, x2, y2) in enumerate(boxes, 1):
        codes[y1:y2, x1:x2] = code
    return np.stack([codes >> 16, codes >> 8, codes], -1).astype(np.uint8)


class Oracle:
    """Finds each colour in a tile: box, mask and class, and the foreground."""

    def __init__(self):
        self.shapes = []

    def __call__(self, tiles):
        self.shapes.append([tile.shape[:2] for tile in tiles])
        return [self._predict(tile) for tile in tiles]

    @staticmethod
    def _predict(tile):
        codes = tile.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
        cells = []
        for code in np.unique(codes[codes > 0]).tolist():
            ys, xs = np.nonzero(codes == code)
            x1, y1, x2, y2 = int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1
            mask = CellMask(x1, y1, (codes == code)[y1:y2, x1:x2])
            box = (float(x1), float(y1), float(x2), float(y2))
            cells.append(Cell(box, CLASSES[code % 2], code % 2, code / 1000, mask=mask, mask_score=0.9))
        height, width = codes.shape
        return ImageResult(
            'slide', None, width, height, ('det', 'seg'), 'Malaria', CLASSES, tuple(cells),
            (codes > 0).astype(np.uint8), thresholds={'score': 0.1}, warnings=('seen',),
        )  # fmt: skip


def separated(seed, width, height, pitch=45, largest=40):
    rng = np.random.default_rng(seed)
    ys, xs = np.mgrid[0 : height - pitch : pitch, 0 : width - pitch : pitch].reshape(2, -1)
    size = rng.integers(8, largest, (2, len(xs)))
    return np.stack([xs + 2, ys + 2, xs + 2 + size[0], ys + 2 + size[1]], 1)


@pytest.mark.parametrize('seed', range(5))
def test_boxes_classes_masks_and_foreground_are_exact(seed):
    boxes = separated(seed, 500, 420)
    image = scene(500, 420, boxes)
    oracle = Oracle()
    result = predict_tiled(image, oracle, (160, 120), 42, batch_size=3)
    assert (result.width, result.height) == (500, 420)
    assert {cell.bbox for cell in result.cells} == {tuple(box) for box in boxes.astype(float).tolist()}
    assert len(result.cells) == len(boxes)
    for cell in result.cells:
        code = round(cell.score * 1000)
        assert cell.label == CLASSES[code % 2]
        assert cell.bbox == tuple(boxes[code - 1])
        mask = cell.mask
        assert (mask.x, mask.y) == cell.bbox[:2]
        height, width = mask.pixels.shape
        assert (mask.x + width, mask.y + height) == cell.bbox[2:]
        assert mask.pixels.all()
    np.testing.assert_array_equal(result.mask, image.any(-1))
    assert result.mask.dtype == np.uint8
    scores = [cell.score for cell in result.cells]
    assert scores == sorted(scores, reverse=True)
    assert {len(shapes) for shapes in oracle.shapes[:-1]} == {3}
    assert {shape for shapes in oracle.shapes for shape in shapes} == {(120, 160)}


def test_what_belongs_to_the_image_as_a_whole():
    image = scene(400, 300, separated(0, 400, 300))
    result = predict_tiled(image, Oracle(), 150, 45)
    assert (result.name, result.tasks, result.prompt) == ('slide', ('det', 'seg'), 'Malaria')
    assert (result.classes, result.thresholds) == (CLASSES, {'score': 0.1})
    assert result.warnings[0] == 'seen'
    assert len(result.warnings) == 2 and '12 tiles of 150 x 150 pixels, 45' in result.warnings[1]
    assert result.seconds > 0


def test_a_cell_above_the_overlap_is_one_whole_cell_with_its_mask():
    image = scene(600, 400, [(90, 70, 430, 260)])
    result = predict_tiled(image, Oracle(), (200, 160), 30)
    (cell,) = result.cells
    assert cell.bbox == (90, 70, 430, 260)
    assert (cell.mask.x, cell.mask.y, cell.mask.pixels.shape) == (90, 70, (190, 340))
    assert cell.mask.pixels.all()


def test_an_image_that_fits_is_predicted_as_it_is():
    image = scene(100, 80, [(3, 4, 30, 40)])
    oracle = Oracle()
    result = predict_tiled(image, oracle, (640, 480))
    assert oracle.shapes == [[(80, 100)]]
    assert result.warnings == ('seen',)
    assert len(result.cells) == 1


def test_an_image_without_cells_and_one_without_detection():
    result = predict_tiled(np.zeros((300, 300, 3), np.uint8), Oracle(), 100, 20)
    assert result.cells == ()
    assert not result.mask.any()

    def empty(tiles):
        return [ImageResult('a', None, 100, 100, ('seg',)) for _ in tiles]

    result = predict_tiled(np.zeros((300, 300, 3), np.uint8), empty, 100, 20)
    assert result.cells is None and result.mask is None


def test_text_is_answered_from_the_whole_image():
    image = scene(400, 300, separated(0, 400, 300))
    asked = []

    def overview(picture):
        asked.append(picture)
        return ImageResult('slide', None, 100, 75, ('vqa',), answers=(Answer('how many?', 'few'),))

    result = predict_tiled(image, Oracle(), 100, 45, overview=overview)
    assert [picture.shape for picture in asked] == [(75, 100, 3)]
    assert result.answers == (Answer('how many?', 'few'),)
    assert result.tasks == ('det', 'seg', 'vqa')
    assert 'shrunk to one tile' in result.warnings[-1]
    assert len(result.cells) == len(separated(0, 400, 300))

    small = predict_tiled(image, Oracle(), 400, 45, overview=overview)
    assert asked[1].shape == image.shape
    assert small.answers and 'shrunk' not in ' '.join(small.warnings)


def test_a_result_is_missing():
    with pytest.raises(ValueError, match='zip'):
        predict_tiled(np.zeros((300, 300, 3), np.uint8), lambda tiles: Oracle()(tiles)[1:], 100, 20)


@pytest.mark.parametrize('size', [(1000, 700), (37, 900), (90, 60), (1001, 3)])
def test_shrinking_keeps_aspect_and_mean(size):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*size, 3), np.uint8)
    small = shrink(ArrayRegions(image), (90, 60))
    height, width = small.shape[:2]
    assert width <= 90 and height <= 60
    factor = max(size[1] / 90, size[0] / 60, 1)
    assert (height, width) == (max(1, round(size[0] / factor)), max(1, round(size[1] / factor)))
    assert abs(small.mean() - image.mean()) < 2


def test_the_image_is_read_by_windows():
    class Regions(ArrayRegions):
        largest = 0

        def read(self, x1, y1, x2, y2):
            self.largest = max(self.largest, (x2 - x1) * (y2 - y1))
            return super().read(x1, y1, x2, y2)

    regions = Regions(np.zeros((2000, 2000, 3), np.uint8))
    shrink(regions, 100)
    assert regions.largest <= 12 * 100 * 100
    regions.largest = 0
    predict_tiled(regions, Oracle(), 200, 40)
    assert regions.largest == 200 * 200


def test_joined_masks():
    one = CellMask(2, 3, np.array([[True, False], [True, True]]))
    two = CellMask(3, 5, np.array([[True, True]]))
    joined = join_masks([one, two])
    assert (joined.x, joined.y) == (2, 3)
    assert joined.pixels.tolist() == [[True, False, False], [True, True, False], [False, True, True]]
