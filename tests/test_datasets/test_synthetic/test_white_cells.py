"""The picture shows the attribute value: each value is measured in what was drawn."""

import cv2
import numpy as np
import pytest

from unihema_mm.datasets.synthetic.palette import sample_stain
from unihema_mm.datasets.synthetic.vocabulary import ATTRIBUTES, FREQUENCIES, WHITE_CELLS, sample_attributes
from unihema_mm.datasets.synthetic.white_cells import draw_white_cell, white_cell_radius

UNIT = 20.0
PLAIN = {
    'cell_size': 'big',
    'cell_shape': 'round',
    'nucleus_shape': 'unsegmented-round',
    'nuclear_cytoplasmic_ratio': 'low',
    'chromatin_density': 'densely',
    'cytoplasm_vacuole': 'no',
    'cytoplasm_texture': 'clear',
    'cytoplasm_colour': 'light blue',
    'granule_type': 'nil',
    'granule_colour': 'nil',
    'granularity': 'no',
}
STAIN = sample_stain(np.random.default_rng(0))


def draw(seed=0, **changed):
    """A cell on an empty slide: its drawing and the masks of cell and nucleus."""
    values = {**PLAIN, **changed}
    rng = np.random.default_rng(seed)
    centre = np.array([60.0, 60.0])
    radius = white_cell_radius(rng, UNIT, values)
    drawing = draw_white_cell(rng, STAIN, centre, radius, UNIT, values)
    cell = drawing.patch.fill(drawing.outline) > 0.99
    # Red light passes blue cytoplasm much better than a nucleus.
    nucleus = (drawing.patch.density[..., 2] > 0.42 * STAIN.densities['nucleus'][2]) & cell
    return drawing, cell, nucleus.astype(np.uint8)


def granules(seed=0, **changed):
    """Matter that granules add to the same cell without them, shape (h, w, 3)."""
    bare, with_granules = draw(seed)[0], draw(seed, granularity='yes', **changed)[0]
    return with_granules.patch.density - bare.patch.density


def solidity(mask) -> float:
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.fillConvexPoly(np.zeros_like(mask), cv2.convexHull(np.concatenate(contours)), 1)
    return mask.sum() / hull.sum()


def parts(mask, reach: int) -> int:
    """Number of pieces after thin bridges are cut."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
    count, _, stats, _ = cv2.connectedComponentsWithStats(cv2.erode(mask, kernel))
    return int((stats[1:count, cv2.CC_STAT_AREA] > 8).sum())


SEEDS = range(8)


def test_size():
    small = [cv2.contourArea(draw(s, cell_size='small')[0].outline.astype(np.float32)) for s in SEEDS]
    big = [cv2.contourArea(draw(s, cell_size='big')[0].outline.astype(np.float32)) for s in SEEDS]
    assert min(big) > 1.3 * max(small)
    assert min(small) > np.pi * UNIT**2


def test_cell_shape():
    def roundness(outline):
        points = outline.astype(np.float32)
        return 4 * np.pi * cv2.contourArea(points) / cv2.arcLength(points, True) ** 2

    round_ = [roundness(draw(s, cell_shape='round')[0].outline) for s in SEEDS]
    irregular = [roundness(draw(s, cell_shape='irregular')[0].outline) for s in SEEDS]
    assert min(round_) > max(irregular)


def test_nucleus_ratio():
    for shape in ('unsegmented-round', 'unsegmented-indented', 'irregular'):
        share = {
            ratio: [
                nucleus.sum() / cell.sum()
                for _, cell, nucleus in (
                    draw(s, nucleus_shape=shape, nuclear_cytoplasmic_ratio=ratio) for s in SEEDS
                )
            ]
            for ratio in ('low', 'high')
        }
        assert min(share['high']) > max(share['low']) + 0.05, shape


def test_nucleus_shapes():
    nuclei = {
        shape: [draw(s, nucleus_shape=shape)[2] for s in SEEDS] for shape in ATTRIBUTES['nucleus_shape']
    }
    round_ = [solidity(mask) for mask in nuclei['unsegmented-round']]
    assert min(round_) > 0.97
    for shape, limit in (('unsegmented-indented', 0.955), ('unsegmented-band', 0.8)):
        assert max(solidity(mask) for mask in nuclei[shape]) < limit, shape
    assert {parts(mask, 4) for mask in nuclei['segmented-bilobed']} == {2}
    assert {parts(mask, 4) for mask in nuclei['segmented-multilobed']} <= {3, 4, 5}
    assert all(parts(mask, 2) == 1 for mask in nuclei['unsegmented-band'])


def test_chromatin():
    def matter(seed, density):
        drawing, _, nucleus = draw(seed, chromatin_density=density)
        return drawing.patch.density[cv2.erode(nucleus, np.ones((3, 3), np.uint8)) > 0].sum(1).mean()

    assert all(matter(s, 'densely') > 1.15 * matter(s, 'loosely') for s in SEEDS)


def test_vacuoles_are_bright_holes_in_the_cytoplasm():
    for name in WHITE_CELLS:
        for shape in FREQUENCIES[name]['nucleus_shape']:
            for seed in range(4):
                shown = dict(nucleus_shape=shape, cell_size=ATTRIBUTES['cell_size'][seed % 2])
                without, _, nucleus = draw(seed, **shown, cytoplasm_vacuole='no')
                holed = draw(seed, **shown, cytoplasm_vacuole='yes')[0]
                assert (without.outline == holed.outline).all()
                lost = (holed.patch.density < 0.5 * without.patch.density - 1e-6).all(2)
                assert lost.sum() >= 20, (shape, seed)
                assert lost[nucleus > 0].sum() < 0.5 * lost.sum(), (shape, seed)


def test_frosted_cytoplasm_is_grainy():
    def grain(seed, texture):
        drawing, cell, nucleus = draw(seed, cytoplasm_texture=texture)
        inner = cv2.erode(cell.astype(np.uint8) - nucleus, np.ones((5, 5), np.uint8)) > 0
        return drawing.patch.density[..., 2][inner].std()

    assert all(grain(s, 'frosted') > 2 * grain(s, 'clear') for s in SEEDS)


def test_cytoplasm_colour():
    def colour(value):
        drawing, cell, nucleus = draw(1, cytoplasm_colour=value)
        return drawing.patch.density[cell & (nucleus == 0)].mean(0)

    light, blue, purple = (colour(value) for value in ('light blue', 'blue', 'purple blue'))
    assert light.sum() < 0.6 * blue.sum() and light.sum() < 0.6 * purple.sum()
    # Blue stain holds back red light most, purple green light.
    assert blue[2] > blue[1] > blue[0]
    assert purple[1] > purple[2] > purple[0]


def test_granule_sizes():
    def core(kind):
        added = granules(2, granule_type=kind, granule_colour='purple').sum(2)
        dark = (added > 0.6 * added.max()).astype(np.uint8)
        return cv2.erode(dark, np.ones((3, 3), np.uint8)).sum() / dark.sum()

    small, round_, coarse = (core(kind) for kind in ('small', 'round', 'coarse'))
    assert small < 0.5 * round_
    assert small < 0.5 * coarse


def test_coarse_granules_cover_the_nucleus_and_small_ones_do_not():
    nucleus = cv2.erode(draw(3)[2], np.ones((3, 3), np.uint8)) > 0
    assert granules(3, granule_type='coarse', granule_colour='purple')[nucleus].mean() > 0.2
    assert abs(granules(3, granule_type='small', granule_colour='pink')[nucleus]).mean() < 0.02


@pytest.mark.parametrize('colour', ['pink', 'red', 'purple'])
def test_granule_colour_is_that_of_the_stain(colour):
    added = granules(4, granule_type='small', granule_colour=colour).sum((0, 1))
    wanted = STAIN.densities[colour]
    assert added / added.sum() == pytest.approx(wanted / wanted.sum(), abs=0.02)


def test_no_granules():
    drawing, cell, nucleus = draw(5)
    inner = cv2.erode(cell.astype(np.uint8) - nucleus, np.ones((5, 5), np.uint8)) > 0
    assert drawing.patch.density[inner].std(0).max() < 0.05


def test_sampled_values_do_not_contradict_each_other():
    rng = np.random.default_rng(0)
    for name in WHITE_CELLS:
        for _ in range(300):
            values = sample_attributes(rng, name)
            assert list(values) == list(ATTRIBUTES)
            assert all(value in ATTRIBUTES[attribute] for attribute, value in values.items())
            bare = values['granularity'] == 'no'
            assert (values['granule_type'] == 'nil') == bare
            assert (values['granule_colour'] == 'nil') == bare
            if values['nucleus_shape'].startswith('segmented'):
                assert values['nuclear_cytoplasmic_ratio'] == 'low'


def test_frequencies_are_distributions_over_declared_values():
    for name, tables in FREQUENCIES.items():
        assert set(tables) == set(ATTRIBUTES) - {'granularity'}
        for attribute, table in tables.items():
            assert sum(table.values()) == pytest.approx(1), (name, attribute)
            assert set(table) <= set(ATTRIBUTES[attribute])
