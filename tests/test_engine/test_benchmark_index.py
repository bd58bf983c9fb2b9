import json
from unittest.mock import ANY

import pytest

from unihema_mm.datasets.validation.structure import check_boxes, check_structure
from unihema_mm.engine.benchmark_index import measure_index, reader_of, write_boxes, write_cells


def test_generated_files_are_valid(tmp_path):
    write_boxes(tmp_path / 'boxes.json', 4, 10)
    write_cells(tmp_path / 'cells.json', 14)
    boxes, cells = (json.loads((tmp_path / f'{name}.json').read_text()) for name in ('boxes', 'cells'))
    for document in (boxes, cells):
        assert check_structure(document, 'file') == check_boxes(document, 'file') == []
    assert [item['image_id'] for item in boxes['annotations']] == [0, 0, 0, 1, 1, 2, 2, 2, 3, 3]
    assert (len(cells['images']), cells['annotations']) == (14, [])


@pytest.mark.parametrize('reader', ['SmearDetDataset', 'mmdet.CocoDataset', 'json'])
def test_readers_read_the_same(tmp_path, reader):
    write_boxes(tmp_path / 'boxes.json', 4, 10)
    index = reader_of(reader, str(tmp_path / 'boxes.json'))()
    assert [len(index.get_data_info(number)['instances']) for number in range(len(index))] == [3, 2, 3, 2]


def test_readers_are_measured_side_by_side():
    results = measure_index(images=0, boxes=0, cells=20, turns=1)
    assert list(results) == ['20 single cells']
    row = results['20 single cells']
    assert set(row) == {'SmearCellDataset', 'json'}
    for reader in row.values():
        assert reader['seconds'] > 0 and reader['peak_mib'] >= 0
        assert reader['worker_mib'] >= reader['worker_pss_mib'] >= reader['worker_private_mib'] > 0
    ratio = row['SmearCellDataset']['seconds'] / row['json']['seconds']
    assert row['SmearCellDataset']['ratios'] == {'json': ANY}
    assert row['SmearCellDataset']['ratios']['json']['seconds'] == pytest.approx(ratio)
