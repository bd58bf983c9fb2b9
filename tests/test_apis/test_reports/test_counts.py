"""Which cells are counted, and as what."""

from dataclasses import replace

import numpy as np
import pytest

from unihema_mm.apis.reports.boxes import left_out, owners
from unihema_mm.apis.reports.counts import Status, findings
from unihema_mm.apis.reports.groups import Group, cell_type, shared_group
from unihema_mm.apis.reports.options import ReportOptions
from unihema_mm.apis.reports.tally import tally
from unihema_mm.datasets.taxonomy import load_taxonomy
from unihema_mm.utils.errors import InputError

OPTIONS = ReportOptions()
EDGES = dict(left=(0, 50, 10, 60), top=(50, 0, 60, 10), right=(990, 50, 1000, 60), bottom=(50, 790, 60, 800))


def statuses(result, options=OPTIONS):
    return [one.status for one in findings(result, options)]


@pytest.mark.parametrize(
    ('label', 'group'),
    [
        ('NGS', Group.WHITE), ('leukocyte', Group.WHITE), ('sickle cell', Group.RED),
        ('ring', Group.INFECTED),
        ('NRBC', Group.NUCLEATED_RED), ('Platelets', Group.PLATELET), ('platelet clump', Group.CLUMP),
        ('babesia', Group.PARASITE), ('TBbacillus', Group.PARASITE), ('artifact', Group.NO_CELL),
        ('difficult', Group.NOT_IDENTIFIABLE), ('OTH', Group.OTHER), ('<b>odd</b>', Group.NOT_IN_TAXONOMY),
    ],
)  # fmt: skip
def test_group_comes_from_the_taxonomy(label, group):
    assert cell_type(label).group is group


def test_every_class_of_the_taxonomy_has_a_group():
    assert all(cell_type(name).group is not Group.NOT_IN_TAXONOMY for name in load_taxonomy())


def test_a_cell_is_a_red_cell_whether_infected_or_not():
    assert shared_group([Group.RED, Group.INFECTED]) is Group.RED
    assert shared_group([Group.WHITE, Group.WHITE]) is Group.WHITE
    assert shared_group([Group.WHITE, Group.PLATELET]) is None


@pytest.mark.parametrize(
    ('rule', 'counted'), [('unbiased', {'left', 'top'}), ('all', set(EDGES)), ('inside', set())]
)
def test_border_rule(make, rule, counted):
    options = ReportOptions(border=rule)
    for edge, box in EDGES.items():
        status = statuses(make.image([make.cell('RBC', box)]), options)
        assert status == [Status.COUNTED if edge in counted else Status.BORDER]


def test_a_corner_with_a_forbidden_edge_is_left_out(make):
    corners = [(0, 790, 10, 800), (990, 0, 1000, 10), (990, 790, 1000, 800)]
    assert set(statuses(make.image([make.cell('RBC', box) for box in corners]))) == {Status.BORDER}
    assert statuses(make.image([make.cell('RBC', (0, 0, 10, 10))])) == [Status.COUNTED]


def test_unbiased_rule_counts_the_cells_of_the_area_whatever_their_size():
    """Fields cut from a plane of cells: only this rule finds the true number, for small and large cells."""
    rng = np.random.default_rng(5)
    width, height, fields = 300, 200, 4000
    for size in (10, 80):
        numbers = rng.poisson(20 * (width + 2 * size) * (height + 2 * size) / (width * height), fields)
        counted = dict.fromkeys(('unbiased', 'all', 'inside'), 0)
        left = rng.uniform(-size, width + size, numbers.sum())
        top = rng.uniform(-size, height + size, numbers.sum())
        boxes = np.stack([left, top, left + size, top + size], axis=1)
        seen = (boxes[:, 2] > 0) & (boxes[:, 3] > 0) & (left < width) & (top < height)
        clipped = boxes[seen].clip([0, 0, 0, 0], [width, height, width, height])
        for rule in counted:
            counted[rule] = (~left_out(clipped, width, height, rule, 0)).sum() / fields
        assert counted['unbiased'] == pytest.approx(20, rel=0.015)
        assert counted['all'] > 1.05 * 20 > 0.95 * 20 > counted['inside']


def test_low_score_is_not_forced_into_a_class(make):
    found = findings(
        make.image([*make.row('WBC', 2, 0.9), make.cell('lymphocyte', (200, 200, 230, 230), 0.49)]), OPTIONS
    )
    assert [one.status for one in found] == [Status.COUNTED, Status.COUNTED, Status.LOW_SCORE]
    counted = tally('a', found)
    assert counted.in_group(Group.WHITE) == 2
    assert counted.not_identifiable == {'lymphocyte': 1}
    assert statuses(make.image(make.row('RBC', 1, 0.5))) == [Status.COUNTED]


@pytest.mark.parametrize(
    ('labels', 'scores', 'expected', 'in_group'),
    [
        (('lymphocyte', 'neutrophil'), (0.8, 0.75), Status.UNCLEAR, Group.WHITE),
        (('lymphocyte', 'neutrophil'), (0.8, 0.7), Status.COUNTED, Group.WHITE),
        (('RBC', 'ring'), (0.8, 0.75), Status.UNCLEAR, Group.RED),
        (('ring', 'RBC'), (0.8, 0.75), Status.UNCLEAR, Group.RED),
        (('WBC', 'platelet'), (0.8, 0.75), Status.CLOSE, None),
        (('WBC', 'leukocyte'), (0.8, 0.75), Status.COUNTED, Group.WHITE),
        (('WBC', 'WBC'), (0.8, 0.75), Status.COUNTED, Group.WHITE),
    ],
)
def test_close_classes_of_one_cell(make, labels, scores, expected, in_group):
    cells = [make.cell(label, (100, 100, 140, 140 + i), score)
             for i, (label, score) in enumerate(zip(labels, scores, strict=True))]  # fmt: skip
    found = findings(make.image(cells), OPTIONS)
    assert sorted(one.status for one in found) == sorted([expected, Status.SECOND_BOX])
    counted = tally('a', found)
    assert counted.second_boxes == 1
    assert [group for group in Group if counted.in_group(group)] == ([in_group] if in_group else [])


def test_neighbours_are_cells_of_their_own(make):
    touching = [make.cell('RBC', (100, 100, 140, 140)), make.cell('RBC', (115, 100, 155, 140))]
    assert statuses(make.image(touching)) == [Status.COUNTED] * 2


def test_owners_equal_a_full_comparison():
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 60, (150, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(20, 30, (150, 2))], axis=1)
    boxes[0] = 0, 0, 500, 500
    sides = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:]) - np.maximum(
        boxes[:, None, :2], boxes[None, :, :2]
    )
    inside = sides.clip(min=0).prod(axis=2)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    iou = inside / (area[:, None] + area[None] - inside)
    expected = np.arange(150)
    for place in range(150):
        if expected[place] == place:
            free = (expected == np.arange(150)) & (np.arange(150) > place)
            expected[free & (iou[place] >= 0.8)] = place
    found = owners(boxes, 0.8)
    assert (found == expected).all()
    assert (found != np.arange(150)).sum() > 5


def test_single_cell_image(make):
    assert statuses(make.single('lymphocyte', 0.8, neutrophil=0.1)) == [Status.COUNTED]
    assert statuses(make.single('lymphocyte', 0.3, neutrophil=0.1)) == [Status.LOW_SCORE]
    assert statuses(make.single('lymphocyte', 0.5, neutrophil=0.45)) == [Status.UNCLEAR]
    assert statuses(make.single('lymphocyte', 0.5, platelet=0.45)) == [Status.CLOSE]


def test_order_and_numbers(make):
    found = findings(
        make.image([*make.row('platelet', 1), *make.row('RBC', 2, top=50), *make.row('WBC', 1, top=90)]),
        OPTIONS,
    )
    assert [one.group for one in found] == [Group.WHITE, Group.RED, Group.RED, Group.PLATELET]
    assert [one.number for one in found] == [0, 1, 2, 3]


def test_no_cells_and_nothing_asked_for(make):
    assert findings(make.image([]), OPTIONS) == []
    assert findings(replace(make.image([]), cells=None), OPTIONS) is None


@pytest.mark.parametrize(
    'wrong',
    [dict(identify=1.5), dict(margin=-0.1), dict(border='gundersen'), dict(confidence=1), dict(wbc_per_ul=0),
     dict(rbc_per_ul={'a': -1}), dict(intervals='bootstrap'), dict(min_images=1), dict(crops_per_class=-1)],
)  # fmt: skip
def test_wrong_option_is_named(wrong):
    with pytest.raises(InputError, match=f'report: {next(iter(wrong))}: is .*; (give|use) '):
        ReportOptions(**wrong)
