"""Fields and single cells: what is on them, and geometry."""

import cv2
import numpy as np
import pytest

from unihema_mm.datasets.synthetic.layout import Layout
from unihema_mm.datasets.synthetic.palette import sample_stain
from unihema_mm.datasets.synthetic.parasites import (
    draw_gametocyte,
    draw_ring,
    draw_schizont,
    draw_trophozoite,
)
from unihema_mm.datasets.synthetic.red_cells import draw_red_cell, draw_sickle_cell
from unihema_mm.datasets.synthetic.scene import draw_field, draw_single_cell
from unihema_mm.datasets.synthetic.shapes import area, clip, snap
from unihema_mm.datasets.synthetic.vocabulary import (
    CLASSES,
    MALARIA,
    PARASITE_STAGES,
    SICKLE,
    STAGE_SHARES,
    WHITE_SHARES,
)

SQUARE = np.array([[0.0, 0.0], [10, 0], [10, 10], [0, 10]])


@pytest.fixture(scope='module')
def fields():
    return [draw_field(np.random.default_rng([1, 0, i])) for i in range(60)]


def test_fields_hold_tens_of_cells(fields):
    counts = [len(scene.cells) for scene in fields]
    assert np.percentile(counts, 5) >= 20 and max(counts) <= 95
    assert max(counts) - min(counts) > 20


def test_a_mosaic_has_the_cells_of_as_many_fields():
    """More cells than a layout has room for at first, as large and as dense, without borders between."""
    mosaics = [draw_field(np.random.default_rng([2, i]), 4, 3) for i in range(3)]
    for scene in mosaics:
        assert scene.picture.shape == (1440, 2560, 3)
        assert 12 * 20 < len(scene.cells) < 12 * 95
        centres = np.array([cell.outline.mean(0) for cell in scene.cells])
        per_field = np.histogram2d(*centres.T, bins=(4, 3), range=((0, 2560), (0, 1440)))[0]
        assert per_field.min() >= 10
        red = [cell.outline for cell in scene.cells if cell.name == 'RBC']
        widths = [np.ptp(outline[:, 0]) for outline in red]
        assert 25 < np.median(widths) < 60
        crossing = [outline for outline in red if outline[:, 0].min() < 640 < outline[:, 0].max()]
        assert crossing
    assert max(len(scene.cells) for scene in mosaics) > 256


def test_disease_and_cells_agree(fields):
    for scene in fields:
        names = {cell.name for cell in scene.cells}
        assert 'RBC' in names
        assert bool(names & set(PARASITE_STAGES)) == (scene.kind is MALARIA)
        assert ('sickle cells' in names) == (scene.kind is SICKLE)
    assert {scene.kind.prompt for scene in fields} >= {
        'Malaria',
        'Sickle cell disease',
        'complete blood count',
    }


def test_pictures_vary_in_stain_and_light(fields):
    grounds = np.array([np.median(scene.picture, (0, 1)) for scene in fields])
    assert grounds.std(0).min() > 5
    corners = [
        float(scene.picture[:40, :40].mean()) - float(scene.picture[-40:, -40:].mean()) for scene in fields
    ]
    assert np.std(corners) > 3


def test_some_cells_are_cut_and_some_overlap(fields):
    cut = overlap = 0
    for scene in fields:
        height, width = scene.picture.shape[:2]
        boxes = np.array([(*c.outline.min(0), *c.outline.max(0)) for c in scene.cells])
        cut += ((boxes[:, :2] == 0).any(1) | (boxes[:, 2] == width) | (boxes[:, 3] == height)).sum()
        centres, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]).mean(1) / 2
        away = np.linalg.norm(centres[:, None] - centres[None], axis=2)
        overlap += np.triu(away < 0.9 * (sizes[:, None] + sizes[None]), 1).sum()
    assert cut > 100 and overlap > 60


def test_single_cells_put_their_class_first():
    for i, name in enumerate(CLASSES):
        scene = draw_single_cell(np.random.default_rng(i), name)
        assert scene.cells[0].name == name
        assert scene.picture.shape == (128, 128, 3)
    with pytest.raises(ValueError, match="unknown class 'blast'"):
        draw_single_cell(np.random.default_rng(0), 'blast')


def test_shares_are_distributions():
    assert sum(WHITE_SHARES.values()) == pytest.approx(1)
    assert sum(STAGE_SHARES.values()) == pytest.approx(1)


def _drawn(draw, seed):
    rng = np.random.default_rng(seed)
    stain = sample_stain(rng)
    return draw(rng, stain, np.array([50.0, 50.0]), 20.0), stain


@pytest.mark.parametrize('draw', [draw_ring, draw_trophozoite, draw_schizont, draw_gametocyte])
def test_parasites_are_dark_matter_in_a_red_cell(draw):
    for seed in range(5):
        (outline, patch), stain = _drawn(draw, seed)
        cell = patch.fill(outline)
        assert not patch.density[cell == 0].any()
        darkest = patch.density.sum(2).max()
        assert darkest > 2 * stain.densities['red cell'].sum()


def test_red_cells_are_paler_in_the_middle():
    paler = 0
    for seed in range(40):
        (_, patch), _ = _drawn(draw_red_cell, seed)
        h, w = patch.shape
        middle = patch.density[h // 2 - 2 : h // 2 + 3, w // 2 - 2 : w // 2 + 3].sum(2).mean()
        paler += middle < 0.8 * patch.density.sum(2).max()
    assert paler >= 25


def test_sickle_cells_are_thin_and_pointed():
    for seed in range(5):
        (outline, _), _ = _drawn(draw_sickle_cell, seed)
        (_, (a, b), _) = cv2.minAreaRect(outline.astype(np.float32))
        assert max(a, b) > 1.5 * min(a, b)
        assert area(outline) < 0.8 * a * b


def test_overlap_of_red_cells_is_darker_than_either():
    scene_density = []
    for shift in (0.0, 22.0):
        rng = np.random.default_rng(1)
        _, patch = draw_red_cell(rng, sample_stain(rng), np.array([50.0 + shift, 50.0]), 20.0)
        canvas = np.zeros((120, 120, 3), np.float32)
        x, y = patch.origin
        canvas[y : y + patch.shape[0], x : x + patch.shape[1]] = patch.density
        scene_density.append(canvas)
    both = sum(scene_density)
    common = (scene_density[0] > 0) & (scene_density[1] > 0)
    assert common.sum() > 100
    assert (both[common] > np.maximum(*scene_density)[common]).all()


def test_clip_keeps_an_inner_polygon_as_it_is():
    assert clip(SQUARE, 10, 10) is SQUARE


@pytest.mark.parametrize(
    ('shift', 'left'), [((-4, 0), 60.0), ((-4, -5), 30.0), ((95, 95), 25.0), ((-10, 0), 0.0), ((200, 0), 0.0)]
)
def test_clip_cuts_to_the_image(shift, left):
    cut = clip(SQUARE + shift, 100, 100)
    assert (area(cut) if len(cut) > 2 else 0.0) == left
    assert len(cut) == 0 or (cut.min() >= 0 and cut.max() <= 100)


def test_snap_makes_sums_exact():
    points = snap(np.random.default_rng(0).uniform(0, 640, (500, 2)))
    low, high = points.min(0), points.max(0)
    assert (low + (high - low) == high).all()


def test_layout_keeps_the_larger_spacing_and_gives_up():
    layout = Layout(100, 100)
    layout.take((50, 50), 10, 1.0)
    assert layout.place(np.array([[65.0, 50]]), 10, 0.5) is None
    assert layout.place(np.array([[52.0, 50], [80, 50]]), 10, 1.0).tolist() == [80, 50]
    assert layout.place(np.array([[52.0, 50], [80, 50]]), 10, 1.0) is None
    assert Layout(10, 10).beside(np.random.default_rng(0), 5, 3, (1, 2)).shape == (0, 2)
