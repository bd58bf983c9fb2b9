"""Numbers in clinical units."""

import pytest

from unihema_mm.apis.reports.attributes import attribute_shares
from unihema_mm.apis.reports.cell_counts import cell_counts, cell_ratios, not_counted
from unihema_mm.apis.reports.differential import differential
from unihema_mm.apis.reports.intervals import garwood, ratio_of_counts, wilson
from unihema_mm.apis.reports.options import ReportOptions
from unihema_mm.apis.reports.parasitaemia import parasitaemia
from unihema_mm.apis.reports.summary import summarise


def test_differential(make):
    cells = [*make.row('neutrophil', 6), *make.row('lymphocyte', 3, top=50), *make.row('WBC', 2, top=90)]
    lines = make.by_name(differential(make.sample(make.image(cells), options=ReportOptions(wbc_per_ul=9000))))
    found = lines['white-cell differential', 'lymphocyte']
    assert (found.value, found.n, found.unit) == (pytest.approx(100 / 3), 9, '%')
    assert (found.low, found.high) == pytest.approx([100 * bound for bound in wilson(3, 9)])
    assert found.note == '2 further white cells are of no clear type; fewer than 100 cells'
    assert lines['white cells', 'neutrophil'].value == pytest.approx(6000)
    assert 'taken as exact' in lines['white cells', 'neutrophil'].note


@pytest.mark.parametrize(
    ('labels', 'classes', 'reason'),
    [
        (['RBC'], None, 'undefined: no white cells counted'),
        ([], None, 'undefined: no white cells counted'),
        (['WBC'], None, 'undefined: none of 1 white cells is of a clear type'),
        (['WBC', 'RBC'], ('WBC', 'RBC'), 'undefined: the model tells no types of white cells apart'),
    ],
)
def test_differential_without_white_cells_is_undefined_not_zero(make, labels, classes, reason):
    cells = [make.cell(label, (100 * i + 10, 10, 100 * i + 40, 40)) for i, label in enumerate(labels)]
    (line,) = differential(make.sample(make.image(cells, classes=classes or make.classes)))
    assert (line.value, line.low, line.high, line.method) == (None, None, None, reason)


def test_what_the_model_has_no_class_for_is_not_told(make):
    lines = summarise(make.sample(make.image(make.row('platelet', 3), classes=('platelet',))))
    assert {line.kind for line in lines if line.quantity == 'count'} == {'platelets'}
    assert not [
        line for line in lines if line.quantity in ('parasitaemia', 'sickle share', 'white-cell differential')
    ]


def test_parasitaemia(make):
    cells = [*make.row('RBC', 18), *make.row('ring', 2, top=50), *make.row('gametocyte', 1, top=90),
             *make.row('neutrophil', 4, top=130)]  # fmt: skip
    options = ReportOptions(wbc_per_ul={'slide': 8000}, rbc_per_ul=4.2e6)
    lines = parasitaemia(make.sample(make.image(cells), options=options))
    by_unit = {(line.kind, line.unit): line for line in lines}
    infected = by_unit['infected red cells', 'per 1,000 red cells']
    assert (infected.value, infected.n) == (pytest.approx(1000 * 2 / 21), 21)
    assert (infected.low, infected.high) == pytest.approx([1000 * bound for bound in wilson(2, 21)])
    assert by_unit['infected red cells', 'per microlitre'].value == pytest.approx(4.2e6 * 2 / 21)
    assert by_unit['gametocyte', 'per 1,000 red cells'].value == pytest.approx(1000 / 21)
    parasites = by_unit['parasites', 'per microlitre']
    assert (parasites.value, parasites.n) == (pytest.approx(2 / 4 * 8000), 4)
    assert (parasites.low, parasites.high) == pytest.approx([8000 * bound for bound in ratio_of_counts(2, 4)])
    assert 'asks for 200 white cells' in parasites.note
    with_all = parasitaemia(make.sample(make.image(cells), options=ReportOptions(gametocytes=True)))
    assert with_all[0].value == pytest.approx(3000 / 21)


def test_a_parasite_in_the_box_of_a_red_cell_is_one_infected_cell(make):
    red = make.cell('RBC', (100, 100, 140, 140))
    inside = [make.cell('ring', (105, 105, 115, 115)), make.cell('ring', (120, 120, 130, 130))]
    (line, *_) = parasitaemia(make.sample(make.image([red, *inside, *make.row('RBC', 4)])))
    assert (line.value, line.n) == (pytest.approx(200), 5)
    counts = make.by_name(cell_counts(make.sample(make.image([red, *inside]))))
    assert (counts['count', 'red cells'].value, counts['count', 'infected red cells'].value) == (1, 2)


def test_a_parasite_goes_with_its_red_cell_at_the_border(make):
    red, inside = make.cell('RBC', (960, 100, 1000, 140)), make.cell('ring', (970, 105, 980, 115))
    (line, *_) = parasitaemia(make.sample(make.image([red, inside, *make.row('RBC', 4)])))
    assert (line.value, line.n) == (0, 4)


def test_parasites_without_cells_to_relate_them_to(make):
    sample = make.sample(
        make.image(make.row('ring', 2), classes=('ring',)), options=ReportOptions(wbc_per_ul=8000)
    )
    assert [line.method for line in parasitaemia(sample)] == [
        'undefined: the model has no class for red cells', 'undefined: the model has no class for white cells'
    ]  # fmt: skip
    no_white = make.sample(make.image(make.row('ring', 2)), options=ReportOptions(wbc_per_ul=8000))
    lines = {line.kind: line for line in parasitaemia(no_white)}
    assert lines['parasites'].method == 'undefined: no white cells counted'


def test_sickle_share_and_ratios(make):
    cells = [*make.row('RBC', 15), *make.row('sickle cells', 5, top=50), *make.row('platelet', 2, top=90),
             *make.row('erythroblast', 1, top=130), *make.row('WBC', 4, top=170)]  # fmt: skip
    sample = make.sample(make.image(cells), options=ReportOptions(rbc_per_ul=5e6))
    lines = make.by_name(cell_ratios(sample))
    sickle = lines['sickle share', 'sickle cells']
    assert (sickle.value, sickle.n) == (25, 20)
    assert (sickle.low, sickle.high) == pytest.approx([100 * bound for bound in wilson(5, 20)])
    assert lines['platelets per red cell', ''].value == pytest.approx(100)
    assert lines['platelets', ''].value == pytest.approx(5e5)
    assert lines['nucleated red cells', ''].value == pytest.approx(25)


def test_counts_of_one_and_of_several_images(make):
    one = make.by_name(cell_counts(make.sample(make.image(make.row('WBC', 3)))))
    assert ('cells per image', 'white cells') not in one
    assert (one['count', 'white cells'].low, one['count', 'white cells'].high) == pytest.approx(garwood(3))
    assert (one['count', 'platelets'].value, one['count', 'platelets'].low) == (0, 0)
    two = make.by_name(
        cell_counts(make.sample(make.image(make.row('WBC', 3)), make.image(make.row('WBC', 1), 'b')))
    )
    assert (two['count', 'white cells'].value, two['cells per image', 'white cells'].value) == (4, 2)


def test_only_cells_at_the_border(make):
    edge = [make.cell('RBC', (990, 50 * i + 10, 1000, 50 * i + 30)) for i in range(3)]
    sample = make.sample(make.image(edge))
    assert make.by_name(cell_counts(sample))['count', 'red cells'].value == 0
    assert make.by_name(not_counted(sample))['not counted: left out by the border rule', 'RBC'].value == 3
    assert parasitaemia(sample)[0].method == 'undefined: no red cells counted'


def test_a_class_that_the_taxonomy_lacks_stands_on_its_own(make):
    lines = make.by_name(
        cell_counts(make.sample(make.image(make.row('odd', 2), classes=('odd', 'rare', 'RBC'))))
    )
    assert lines['count', 'odd'].value == 2
    assert lines['count', 'not in the taxonomy'].value == 2


def test_attributes(make):
    nuclei = [('round', 0.9), ('round', 0.9), ('lobed', 0.9), ('lobed', 0.4)]
    cells = [
        make.cell('neutrophil', (20 * i + 10, 10, 20 * i + 20, 20), nucleus=nucleus)
        for i, nucleus in enumerate(nuclei)
    ]
    lines = make.by_name(attribute_shares(make.sample(make.image(cells))))
    found = lines['attribute: nucleus', 'neutrophil: round']
    assert (found.value, found.n) == (pytest.approx(200 / 3), 3)
    assert found.note == '1 further cells: value not identifiable'
