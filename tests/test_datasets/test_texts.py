import pytest

from unihema_mm.datasets.schema import DataError
from unihema_mm.datasets.texts import collect_texts


def test_all_kinds_of_text(document, write_data):
    document['images'][2]['masks'] = [{'prompt': 'nucleus', 'file': 'masks/c.png'}]
    texts = collect_texts([write_data(document)])
    assert texts == sorted(set(texts))
    for text in (
        'This image is for the detection of Malaria cells',
        'This image is for the detection of complete blood count cells',
        'This image is for the detection of nucleus cells',
        'Any?',
        'yes',
        'A <extra_id_0>.',
        'A cell.',
        'WBC',
        'cell_size',
        'big',
    ):
        assert text in texts


def test_folder_without_annotations(tmp_path):
    with pytest.raises(DataError, match=r'holds no .json file'):
        collect_texts([tmp_path])
