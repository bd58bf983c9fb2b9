import json

import cv2
import numpy as np
import pytest
from mmengine.dataset import ConcatDataset
from torch.utils.data import DataLoader

from unihema_mm.datasets.image_files import UnreadableImageError
from unihema_mm.datasets.schema import DataError
from unihema_mm.datasets.smear import max_objects_per_image
from unihema_mm.registry import DATASETS
from unihema_mm.utils.errors import InputError

PIPELINE = [
    {'type': 'unihema_mm.LoadSmearImage'},
    {'type': 'mmdet.LoadAnnotations', 'with_bbox': True},
    {'type': 'mmdet.PackDetInputs', 'meta_keys': ('img_id', 'img_path', 'ori_shape', 'img_shape', 'text')},
]


def build(root, **options):
    config = {
        'type': 'SmearDetDataset',
        'data_root': str(root),
        'ann_file': 'annotations/train.json',
        'pipeline': PIPELINE,
    }
    return DATASETS.build({**config, **options})


def test_labels_prompts_and_empty_images(document, write_data):
    dataset = build(write_data(document))
    assert dataset.metainfo['classes'] == ('RBC', 'WBC')
    assert len(dataset) == 3
    assert [[i['bbox_label'] for i in dataset.get_data_info(n)['instances']] for n in range(3)] == [
        [0, 1],
        [1],
        [],
    ]
    assert [dataset.get_cat_ids(n) for n in range(3)] == [[0, 1], [1], []]
    sample = dataset[0]['data_samples']
    assert sample.text == 'This image is for the detection of Malaria cells'
    np.testing.assert_allclose(sample.gt_instances.bboxes.tensor, [[1, 2, 11, 14], [20, 5, 28.5, 14]])


def test_image_without_objects_can_be_loaded_or_filtered(document, write_data):
    root = write_data(document)
    sample = build(root)[2]['data_samples']
    assert sample.gt_instances.bboxes.shape == (0, 4)
    assert len(build(root, filter_cfg={'filter_empty_gt': True})) == 2


def test_plain_coco_file(document, write_data):
    del document['info']
    for image in document['images']:
        image.pop('tasks')
        image.pop('prompt')
    for annotation in document['annotations']:
        annotation.pop('area')
    dataset = build(write_data(document), default_prompt='leukemia')
    assert len(dataset) == 3
    assert dataset.get_data_info(0)['text'] == 'This image is for the detection of leukemia cells'


def test_size_written_as_a_float(document, write_data):
    root = write_data(document)
    document['images'][0].update(width=40.0, height=30.0)
    (root / 'annotations' / 'train.json').write_text(json.dumps(document))
    info = build(root).get_data_info(0)
    assert (type(info['width']), info['width'], info['height']) == (int, 40, 30)


def test_records_of_another_task_are_left_out(document, write_data):
    document['images'][1]['tasks'] = ['vqa']
    root = write_data(document)
    assert [info['img_id'] for info in build(root, serialize_data=False).data_list] == [1, 3]
    with pytest.raises(DataError, match="none of 3 is meant for the task 'seg'"):
        build(root, task='seg')


def test_shared_label_space(document, write_data):
    classes = ['platelet', 'WBC', 'ring', 'RBC']
    dataset = build(write_data(document), classes=classes)
    assert dataset.metainfo['classes'] == tuple(classes)
    assert dataset.get_cat_ids(0) == [3, 1]
    assert len(ConcatDataset([dataset, dataset])) == 6


def test_tasks_and_name_of_the_set(document, write_data):
    root = write_data(document)
    info = build(root, tasks=['det', 'morph']).get_data_info(1)
    assert (info['tasks'], info['dataset']) == (('det', 'morph'), 'toy')
    assert build(root).get_data_info(0)['tasks'] == ('det',)
    assert build(root, dataset_name='other').get_data_info(0)['dataset'] == 'other'
    del document['info']
    assert build(write_data(document)).get_data_info(0)['dataset'] == 'data'


def test_images_of_one_folder(document, write_data):
    document['images'][2]['file_name'] = 'images/cells/c.png'
    root = write_data(document)
    assert len(build(root, folder='images')) == 3
    assert [i['img_id'] for i in build(root, folder='images/cells', serialize_data=False).data_list] == [3]
    with pytest.raises(DataError, match=r"none of 3 is in the folder 'cell', they are in images, images/c"):
        build(root, folder='cell')


def test_attributes_of_objects(document, write_data):
    root = write_data(document)
    dataset = build(root)
    assert dataset.metainfo['attributes'] == {'cell_size': ('small', 'big')}
    rows = [dataset.get_data_info(n)['instance_attributes'].tolist() for n in range(3)]
    assert rows == [[[-1], [0]], [[-1]], []]
    assert dataset.get_data_info(2)['instance_attributes'].shape == (0, 1)
    assert dataset.annotated_attributes == {'WBC': ['cell_size']}
    shared = build(root, attributes={'colour': ['red', 'blue'], 'cell_size': ['big', 'small']})
    assert shared.annotated_attributes == {'WBC': ['cell_size']}
    assert shared.get_data_info(0)['instance_attributes'].tolist() == [[-1, -1], [-1, 1]]
    without = build(root, attributes=None)
    assert 'attributes' not in without.metainfo and 'instance_attributes' not in without.get_data_info(0)
    del document['info']['attributes']
    document['annotations'][1].pop('attributes')
    assert 'attributes' not in build(write_data(document)).metainfo


def test_attributes_follow_the_objects_that_are_left(document, write_data, warnings):
    document['annotations'].insert(1, {**document['annotations'][0], 'id': 9, 'bbox': [60, 0, 5, 5]})
    document['annotations'].insert(1, {**document['annotations'][0], 'id': 8, 'ignore': 1})
    dataset = build(write_data(document))
    info = dataset.get_data_info(0)
    assert info['instance_attributes'].tolist() == [[-1], [0]] and len(info['instances']) == 2
    assert dataset.repairs == {'outside': 1, 'ignored': 1} and '1 boxes are marked "ignore"' in warnings[0]


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        ({'cell_size': 'huge'}, r"annotation 2: cell_size: 'huge' is not a value of it"),
        ({'size': 'big'}, r"annotation 2: attribute 'size' is not in the schema"),
        ('big', r"annotation 2: attributes: is 'big'; write an object"),
    ],
)
def test_wrong_attributes(document, write_data, values, message):
    document['annotations'][1]['attributes'] = values
    with pytest.raises(InputError, match=r'train\.json: ' + message):
        build(write_data(document))


def test_wrong_schema_in_the_file(document, write_data):
    document['info']['attributes'] = {'cell_size': ['small']}
    root = write_data(document)
    with pytest.raises(InputError, match=r'train.json: info.attributes: cell_size: is .*two or more values'):
        build(root)
    assert len(build(root, attributes=None)) == 3


def test_classes_that_a_file_annotates(document, write_data):
    root = write_data(document)
    assert 'annotated' not in build(root).get_data_info(0)
    shared = build(root, classes=['platelet', 'WBC', 'ring', 'RBC'])
    assert shared.get_data_info(0)['annotated'] == (1, 3)


def test_instance_masks_are_asked_for(document, write_data):
    root = write_data(document)
    with pytest.raises(
        DataError, match='annotation 1: segmentation: is missing here and in 2 more objects; add'
    ):
        build(root, tasks=['det', 'inst'])
    for item in document['annotations']:
        item['iscrowd'] = 1
    dataset = build(write_data(document), tasks=['det', 'inst'])
    assert dataset.get_data_info(0)['instances'][0]['mask'] == [[1, 2, 11, 2, 11, 14, 1, 14]]


def test_max_objects_per_image(document, write_data):
    root = write_data(document)
    assert max_objects_per_image(build(root)) == 2
    assert max_objects_per_image(ConcatDataset([build(root), build(root)])) == 2
    document['annotations'] = []
    assert max_objects_per_image(build(write_data(document))) == 0


@pytest.mark.parametrize('prompt', [' ', 5, ['Malaria']])
def test_prompt_that_is_no_text(document, write_data, prompt):
    document['images'][1]['prompt'] = prompt
    with pytest.raises(DataError, match=r'image 2: prompt: is .*; write disease or cell words'):
        build(write_data(document))


def test_missing_data_folder(tmp_path):
    with pytest.raises(
        DataError, match='nowhere: folder: path: the data folder does not exist; check data_root'
    ):
        build(tmp_path / 'nowhere')


def test_missing_annotation_file(document, write_data):
    with pytest.raises(DataError, match=r'val\.json: file: path: does not exist'):
        build(write_data(document), ann_file='annotations/val.json')


@pytest.mark.parametrize(('content', 'message'), [('', 'is empty'), ('{"images": [{"id"', 'is truncated')])
def test_empty_or_truncated_json(document, write_data, content, message):
    root = write_data(document)
    (root / 'annotations' / 'train.json').write_text(content)
    with pytest.raises(DataError, match=f'train.json: file: content: {message}'):
        build(root)


def test_unknown_class(document, write_data):
    document['categories'][1]['name'] = 'Platelets'
    with pytest.raises(DataError, match=r"class 'Platelets' is not in classes \(nearest: platelet\)"):
        build(write_data(document), classes=['RBC', 'WBC', 'platelet'])


def test_metainfo_that_differs_lists_both_name_sets(document, write_data):
    root = write_data(document)
    with pytest.raises(DataError, match=r"file has \['RBC', 'WBC'\], metainfo has \['person'\]"):
        build(root, metainfo={'classes': ['person']})
    with pytest.raises(DataError, match=r"is the string 'RBC', not a list of names; write \('RBC',\)"):
        build(root, metainfo={'classes': ('RBC')})
    assert build(root, metainfo={'classes': ['RBC', 'WBC']}).metainfo['classes'] == ('RBC', 'WBC')


def test_category_id_out_of_range(document, write_data):
    document['annotations'][0]['category_id'] = 0
    with pytest.raises(
        DataError, match='annotation 1: category_id: 0 is out of range, the categories are 3, 7'
    ):
        build(write_data(document))


def test_annotation_of_an_image_that_is_not_in_the_file(document, write_data):
    document['annotations'][0]['image_id'] = 77
    with pytest.raises(DataError, match='annotation 1: image_id: 77 is not an image of this file'):
        build(write_data(document))


def test_missing_image_files(document, write_data):
    root = write_data(document)
    for name in 'ab':
        (root / 'images' / f'{name}.png').unlink()
    with pytest.raises(DataError, match=r'2 of 3 image files do not exist in .*: images/a.png, images/b.png'):
        build(root)
    assert len(build(root, check_files=False)) == 3


def test_boxes_outside_are_clipped_or_dropped_and_counted(document, write_data, warnings):
    box = {'image_id': 3, 'category_id': 3, 'area': 9, 'iscrowd': 0}
    boxes = ([30, 20, 20, 20], [40, 0, 5, 5], [-9, 0, 5, 5], [5, 5, 0, 5], [5, 5, 0.5, 5], [39.5, 0, 9, 9])
    for number, bbox in enumerate(boxes, 10):
        document['annotations'].append({**box, 'id': number, 'bbox': bbox})
    dataset = build(write_data(document))
    assert dataset.repairs == {'clipped': 1, 'outside': 2, 'empty': 1, 'narrow': 2}
    assert [i['bbox'] for i in dataset.get_data_info(2)['instances']] == [[30, 20, 40, 30]]
    (message,) = warnings
    assert (
        '1 boxes reached outside' in message
        and '2 boxes lay outside' in message
        and '1 boxes had no area' in message
    )


def test_sound_data_gives_no_warning(document, write_data, warnings):
    build(write_data(document))
    assert warnings == []


def spoil(root, name):
    path = root / 'images' / name
    path.write_bytes(path.read_bytes()[:200])


def test_unreadable_image_in_training_is_replaced_reported_once_and_counted(document, write_data, warnings):
    root = write_data(document)
    spoil(root, 'a.png')
    dataset = build(root)
    for _ in range(3):
        assert dataset[0]['data_samples'].img_id in (2, 3)
    path = str(root / 'images' / 'a.png')
    assert dataset.unreadable[path] >= 3 and len(dataset.unreadable) == 1
    (message,) = warnings
    assert path in message and 'is truncated' in message and 'skipped' in message


def test_unreadable_image_in_testing_is_an_error_that_names_it(document, write_data):
    root = write_data(document)
    spoil(root, 'a.png')
    dataset = build(root, test_mode=True)
    assert dataset[1] is not None
    with pytest.raises(UnreadableImageError, match=r'images/a\.png: image: is truncated'):
        dataset[0]


def test_unreadable_image_is_named_across_worker_processes(document, write_data):
    root = write_data(document)
    spoil(root, 'a.png')
    loader = DataLoader(build(root, test_mode=True), num_workers=1, collate_fn=list)
    with pytest.raises(UnreadableImageError, match=r'images/a\.png: image: is truncated'):
        next(iter(loader))


def test_all_images_unreadable_ends(document, write_data, warnings):
    root = write_data(document)
    for name in ('a.png', 'b.png', 'c.png'):
        spoil(root, name)
    with pytest.raises(
        InputError, match=r'train.json: images: .* in 6 tries, . of 3 files .* first .*a\.png;'
    ):
        build(root, max_refetch=5)[0]
    assert len(warnings) >= 1


def test_failures_count_only_where_they_follow_each_other(document, write_data, warnings):
    root = write_data(document)
    spoil(root, 'a.png')
    dataset = build(root, max_refetch=2)
    for _ in range(5):
        assert dataset.prepare_data(0) is None
        assert dataset.prepare_data(1) is not None


@pytest.mark.parametrize('test_mode', [False, True])
def test_image_of_another_size_than_its_record(document, write_data, test_mode):
    root = write_data(document)
    document['images'][0]['width'] = 33
    (root / 'annotations' / 'train.json').write_text(json.dumps(document))
    dataset = build(root, test_mode=test_mode)
    assert dataset[1] is not None
    with pytest.raises(InputError, match=r'a\.png: image 1: width, height: its record says 33x30'):
        dataset[0]


def test_image_too_thin_to_resize_is_named(document, write_data):
    document['images'][2].update(width=2, height=3000)
    resize = {'type': 'mmdet.Resize', 'scale': (320, 240), 'keep_ratio': True}
    dataset = build(write_data(document), pipeline=[*PIPELINE[:2], resize, PIPELINE[2]])
    assert dataset[0] is not None
    with pytest.raises(
        InputError, match=r'c\.png: image of 2x3000 pixels: Resize: cannot process it'
    ) as error:
        dataset[2]
    assert isinstance(error.value.__cause__, cv2.error)
    loader = DataLoader(dataset, sampler=[2], num_workers=1, collate_fn=list)
    with pytest.raises(InputError, match=r'c\.png: image of 2x3000 pixels: Resize'):
        next(iter(loader))


def test_error_of_a_transform_keeps_its_cause(document, write_data):
    def fail(record):
        return record['absent']

    dataset = build(write_data(document), pipeline=[PIPELINE[0], fail])
    with pytest.raises(
        RuntimeError, match=r'a\.png: image of 40x30 pixels: function: failed \(KeyError'
    ) as error:
        dataset[0]
    assert isinstance(error.value.__cause__, KeyError)


def test_lazy_init_reads_nothing(tmp_path):
    dataset = build(tmp_path / 'nowhere', lazy_init=True)
    with pytest.raises(DataError):
        dataset.full_init()


def test_file_order_of_images_is_kept(document, write_data):
    document['images'].reverse()
    root = write_data(document)
    assert json.loads((root / 'annotations' / 'train.json').read_text())['images'][0]['id'] == 3
    assert [info['img_id'] for info in build(root, serialize_data=False).data_list] == [3, 2, 1]


def test_image_folder_of_its_own(document, write_data):
    for image in document['images']:
        image['file_name'] = image['file_name'].removeprefix('images/')
    root = write_data(document)
    for name in 'abc':
        (root / f'{name}.png').rename(root / 'images' / f'{name}.png')
    assert build(root, data_prefix={'img': 'images'})[0]['data_samples'].img_id == 1
    with pytest.raises(DataError, match='3 of 3 image files do not exist'):
        build(root)


def test_images_that_are_labelled_in_part(document, write_data):
    document['images'][0]['partly_labelled'] = True
    steps = ['LoadSmearImage', 'LoadCellAnnotations', 'PackSmearInputs']
    dataset = build(write_data(document), pipeline=[{'type': f'unihema_mm.{step}'} for step in steps])
    metas = [dataset[index]['data_samples'].metainfo for index in range(len(dataset))]
    assert metas[0]['partly_labelled'] is True
    assert all('partly_labelled' not in meta for meta in metas[1:])


def test_boxes_take_the_label_of_their_nearest_ancestor(document, write_data):
    document['categories'] = [{'id': 3, 'name': 'burr cell'}, {'id': 7, 'name': 'red blood cell'}]
    dataset = build(
        write_data(document), classes=['platelet', 'burr cell', 'target cell', 'RBC'], ancestors=True
    )
    assert [i['bbox_label'] for i in dataset.get_data_info(0)['instances']] == [1, 3]
    assert dataset.get_data_info(0)['annotated'] == (1, 3)
    merged = build(write_data(document), classes=['platelet', 'RBC'], ancestors=True)
    assert [i['bbox_label'] for i in merged.get_data_info(0)['instances']] == [1, 1]
    assert merged.get_data_info(0)['annotated'] == (1,)
    assert merged.get_cat_ids(0) == [1, 1]
