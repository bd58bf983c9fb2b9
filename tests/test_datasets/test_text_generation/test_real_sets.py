"""Texts of the real samples."""

import json

import pytest

from unihema_mm.datasets.catalogue import load_entry
from unihema_mm.datasets.converters import convert
from unihema_mm.datasets.text_generation import add_texts
from unihema_mm.datasets.validation import check_path
from unihema_mm.utils.errors import InputError

SETS = {
    'bccd': ('bccd', {'train': (205, 196), 'val': (87, 82), 'test': (72, 66)}),
    'pbc_wbcatt': ('', {'train': (266, 266), 'val': (48, 48), 'test': (48, 48)}),
    'segmentation_wbc': ('segmentation_wbc', {'train': (210, 203), 'val': (45, 43), 'test': (45, 43)}),
}


@pytest.mark.parametrize('name', list(SETS))
def test_texts_of(sample, tmp_path, name):
    folder, numbers = SETS[name]
    for needed in (folder,) if folder else ('wbcatt', 'txl_pbc_v2'):
        source = sample(needed)
    convert(load_entry(name), source if folder else source.parent, tmp_path / name, images='symlink')
    report = add_texts(tmp_path / name)
    assert not check_path(tmp_path / name).faults
    assert {split: (row['images'], row['asked']) for split, row in report.numbers.items()} == numbers
    for kind, row in report.prior.items():
        if kind.endswith(('yes/no', 'choice')):
            assert row['most_frequent'] == row['text_only']['val'] == row['text_only']['test'] == 0.5
        elif kind.endswith('open'):
            assert row['most_frequent'] < 0.45


def test_images_known_to_lack_labels_are_not_asked_about(sample, tmp_path):
    convert(load_entry('bccd'), sample('bccd'), tmp_path / 'bccd', images='symlink')
    add_texts(tmp_path / 'bccd')
    images = json.loads((tmp_path / 'bccd' / 'annotations' / 'test.json').read_text())['images']
    flagged = {f'images/BloodImage_{number}.jpg' for number in ('00135', '00171', '00178', '00327')}
    assert flagged <= {image['file_name'] for image in images if 'questions' not in image}


def test_partly_labelled_points_allow_no_text(sample, tmp_path):
    convert(load_entry('chula_rbc12'), sample('chula_rbc12'), tmp_path / 'chula', images='symlink')
    with pytest.raises(InputError, match='allow no text'):
        add_texts(tmp_path / 'chula')
