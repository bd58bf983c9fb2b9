import pytest
from mmengine.dataset import ClassBalancedDataset

from unihema_mm.datasets.schema import DataError
from unihema_mm.utils.errors import InputError

PIPELINE = [{'type': 'unihema_mm.LoadSmearImage'}, {'type': 'unihema_mm.PackSmearInputs'}]


def test_class_of_each_image(rich, write_data, build):
    rich['images'][0]['class_name'] = 'RBC'
    dataset = build('SmearCellDataset', write_data(rich), pipeline=PIPELINE)
    assert dataset.metainfo['classes'] == ('RBC', 'WBC')
    samples = [dataset[n]['data_samples'] for n in range(3)]
    assert [sample.gt_label.tolist() for sample in samples] == [[0], [1], [1]]
    assert (samples[0].tasks, samples[0].dataset, samples[0].img_id) == (('cls',), 'toy', 1)
    assert len(ClassBalancedDataset(dataset, oversample_thr=1.0)) >= 3


def test_attributes_of_the_cell(rich, write_data, build):
    rich['images'][0]['attributes'] = {'cell_size': 'big'}
    root = write_data(rich)
    dataset = build('SmearCellDataset', root, pipeline=PIPELINE)
    assert [dataset[n]['data_samples'].gt_attributes.tolist() for n in range(2)] == [[1], [-1]]
    assert dataset.annotated_attributes == {'WBC': ['cell_size']}
    without = build('SmearCellDataset', root, attributes=None, pipeline=PIPELINE)
    assert 'gt_attributes' not in without[0]['data_samples'] and without.annotated_attributes is None
    with pytest.raises(InputError, match=r"image 1: attribute 'cell_size' is not in the schema"):
        build('SmearCellDataset', root, attributes='leukemia_attri')


def test_shared_label_space_tells_what_the_file_annotates(rich, write_data, build):
    root = write_data(rich)
    info = build('SmearCellDataset', root, classes=['ring', 'WBC', 'RBC']).get_data_info(0)
    assert (info['gt_label'], info['annotated']) == (1, (1, 2))
    with pytest.raises(DataError, match="class 'RBC' is not in classes"):
        build('SmearCellDataset', root, classes=['ring', 'WBC'])


def test_nearest_ancestors_are_labels_and_their_kinds_stay_unknown(rich, write_data, build):
    rich['categories'] += [{'id': 8, 'name': 'band neutrophil'}, {'id': 9, 'name': 'NGS'}]
    rich['images'][0]['class_name'], rich['images'][1]['class_name'] = 'NGS', 'leukocyte'
    space = ['neutrophil', 'burr cell', 'WBC', 'segmented neutrophil', 'RBC']
    cells = build('SmearCellDataset', write_data(rich), classes=space, ancestors=True)
    assert [cells.get_data_info(n)['gt_label'] for n in range(3)] == [3, 2, 2]
    assert cells.get_data_info(0)['annotated'] == (0, 2, 3, 4)
    coarse = build('SmearCellDataset', write_data(rich), classes=['RBC', 'WBC'], ancestors=True)
    assert [coarse.get_data_info(n)['gt_label'] for n in range(3)] == [1, 1, 1]
    assert 'annotated' not in coarse.get_data_info(0)
    coarse = build('SmearCellDataset', write_data(rich), classes=['x', 'y', 'RBC', 'WBC'], ancestors=True)
    assert coarse.get_data_info(0)['annotated'] == (2, 3)


def test_other_attributes_are_passed_over(rich, write_data, build):
    rich['images'][0]['attributes'] = {'cell_size': 'big'}
    options = dict(attributes='leukemia_attri', other_attributes=True)
    dataset = build('SmearCellDataset', write_data(rich), **options)
    assert dataset.get_data_info(0)['gt_attributes'] == [-1] * 6
    assert len(dataset.metainfo['attributes']) == 6 and dataset.annotated_attributes == {}


@pytest.mark.parametrize(
    ('name', 'message'),
    [(None, 'is missing; write'), (3, 'is 3; write'), ('wbcs', r"'wbcs' is not a class \(nearest: WBC")],
)
def test_wrong_class_name(rich, write_data, build, name, message):
    rich['images'][1]['class_name'] = name
    with pytest.raises(DataError, match=f'train.json: image 2: class_name: {message}'):
        build('SmearCellDataset', write_data(rich))


def test_file_without_categories(rich, write_data, build):
    rich['categories'], rich['annotations'] = [], []
    with pytest.raises(DataError, match='categories: is empty'):
        build('SmearCellDataset', write_data(rich))
