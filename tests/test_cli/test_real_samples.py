"""Real images of every sample set go through ``unihema predict`` without a special option."""

import csv

import pytest

from unihema_mm.datasets.image_files import IMAGE_SUFFIXES

SETS = (
    'bccd',
    'bccd_nucleus_masks_banik',
    'bbbc041seg',
    'cbc',
    'chula_rbc12',
    'segmentation_wbc',
    'txl_pbc_v2',
)


def one_of_each_kind(folder):
    """The first image of each suffix, as it is spelled."""
    found = {}
    for path in sorted(folder.rglob('*')):
        if path.suffix.lower() in IMAGE_SUFFIXES:
            found.setdefault(path.suffix, path)
    return list(found.values())


@pytest.mark.parametrize('name', SETS)
def test_predict(name, sample, unihema, work_folder, tmp_path):
    images = one_of_each_kind(sample(name))
    assert images
    out = tmp_path / 'out'
    code, _, err = unihema('predict', *images, '--model', work_folder, '--out', out)
    assert code == 0, err
    with (out / 'csv/images.csv').open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert [(row['image'], row['error']) for row in rows] == [(path.name, '') for path in images]
    assert all((out / f'overlay/{path.name}.png').stat().st_size > 0 for path in images)
