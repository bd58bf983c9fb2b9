"""The table of converted sets: hand-made reports, and the real samples beside the documentation."""

import json

import pytest

from unihema_mm.datasets.catalogue import load_entry
from unihema_mm.datasets.converters import convert, counts_table
from unihema_mm.datasets.schema import DataError

# Set -> folder of the samples that --src names; '' is the folder around them.
SAMPLES = {
    'bccd': 'bccd',
    'txl_pbc': 'txl_pbc_v2',
    'cbc': 'cbc',
    'chula_rbc12': 'chula_rbc12',
    'bbbc041_cells': 'bbbc041seg',
    'bccd_nuclei': '',
    'segmentation_wbc': 'segmentation_wbc',
    'pbc_wbcatt': '',
}


def report(folder, complete=True, **train):
    split = dict(images=3, classes={}, image_classes={}, masks={}, attributes={}) | train
    changes = [dict(code=code, count=2) for code in ('empty_box', 'clipped_box')]
    content = dict(dataset='toy', complete=complete, images=4, changes=changes)
    content['splits'] = dict(test=dict(split, images=1), train=split)
    (folder / 'conversion_report.json').write_text(json.dumps(content))
    return folder


def test_row(tmp_path):
    attributes = {'cell_size': {'big': 2, 'small': 1}, 'granularity': {'yes': 0, 'no': 1}}
    folder = report(tmp_path, classes={'RBC': 5, 'WBC': 0}, masks={'nucleus': 3}, attributes=attributes)
    heading, rule, row = counts_table([folder])
    assert heading.count('|') == rule.count('|') == row.count('|') == 9
    assert row == (
        '| toy | 4: train 3, test 1 | 10: RBC 10, WBC 0 | nucleus 6 | - | 8 values of 2 | empty_box 2 '
        '| clipped_box 2 |'
    )


def test_nothing_but_images(tmp_path):
    assert '| - | - | - | - | empty_box 2 |' in counts_table([report(tmp_path)])[2]


def test_no_report_or_an_interrupted_one(tmp_path):
    with pytest.raises(DataError, match=r'conversion_report\.json.*does not exist'):
        counts_table([tmp_path])
    with pytest.raises(DataError, match='the conversion was interrupted'):
        counts_table([report(tmp_path, complete=False)])


@pytest.mark.parametrize('name', SAMPLES)
def test_documentation_holds_the_counts_of_the_samples(name, sample, repo, tmp_path):
    convert(load_entry(name), sample(SAMPLES[name]), tmp_path / name)
    table = (repo / 'docs/reference/converted_sets.md').read_text(encoding='utf-8')
    assert counts_table([tmp_path / name])[2] in table.splitlines()
