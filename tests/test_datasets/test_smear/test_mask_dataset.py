import numpy as np
import pytest
from pycocotools import mask as coco_mask

from unihema_mm.datasets.image_files import UnreadableImageError
from unihema_mm.datasets.schema import DataError
from unihema_mm.utils.errors import InputError

PIPELINE = [
    {'type': 'unihema_mm.LoadSmearImage'},
    {'type': 'unihema_mm.LoadCellMask'},
    {'type': 'unihema_mm.PackSmearInputs'},
]


def mask_of(dataset, index=0):
    return dataset[index]['data_samples'].gt_sem_seg.sem_seg.numpy()


def test_union_of_the_object_masks(rich, write_data, build):
    square = np.zeros((30, 40), np.uint8, order='F')
    square[0:10, 20:40] = 1
    rle = coco_mask.encode(square)
    rle['counts'] = rle['counts'].decode()
    rich['annotations'][1]['segmentation'] = rle
    dataset = build('SmearMaskDataset', write_data(rich), pipeline=PIPELINE)
    square[5:20, 5:15] = 1
    mask = mask_of(dataset)
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, square[None])
    assert mask_of(dataset, 2).sum() == 0
    sample = dataset[0]['data_samples']
    assert (sample.tasks, sample.text) == (('seg',), 'This image is for the detection of Malaria cells')


def test_uncompressed_rle(rich, write_data, build):
    rich['annotations'] = rich['annotations'][:1]
    rich['annotations'][0]['segmentation'] = {'size': [30, 40], 'counts': [30, 30, 1140]}
    mask = mask_of(build('SmearMaskDataset', write_data(rich), pipeline=PIPELINE))
    assert mask[0, :, 1].all() and mask.sum() == 30


def test_several_targets_on_one_image(rich, write_data, write_mask, build):
    root = write_data(rich)
    nucleus, cell = np.zeros((30, 40)), np.zeros((30, 40))
    nucleus[3:6, 4], cell[2:9, 3:9] = 255, 255
    write_mask(root / 'masks' / 'n.png', nucleus)
    write_mask(root / 'masks' / 'c.png', cell)
    rich['images'][0]['masks'] = [
        {'prompt': 'nucleus', 'file': 'masks/n.png'},
        {'prompt': 'cytoplasm', 'file': 'masks/c.png'},
    ]
    rich['images'][0]['mask_file'] = 'masks/c.png'
    rich['images'][1]['mask_file'] = 'masks/n.png'
    dataset = build('SmearMaskDataset', write_data(rich), pipeline=PIPELINE)
    assert [dataset.get_data_info(n)['img_id'] for n in range(4)] == [1, 1, 2, 3]
    assert [dataset[n]['data_samples'].text.split()[-2] for n in range(3)] == ['nucleus', 'cytoplasm', 'RBC']
    for index, truth in enumerate((nucleus, cell, nucleus)):
        np.testing.assert_array_equal(mask_of(dataset, index)[0], truth / 255)


@pytest.mark.parametrize(
    ('mask', 'message'),
    [
        (np.zeros((30, 41)), r'a\.png: mask of image 1: size: is 41x30, the image has 40x30'),
        (np.full((30, 40), 1), r'mask of image 1: values: 1200 pixels are neither 0 nor 255, one is 1'),
    ],
)
def test_mask_that_does_not_fit(rich, write_data, write_mask, build, mask, message):
    root = write_data(rich)
    write_mask(root / 'masks' / 'a.png', mask)
    rich['images'][0]['mask_file'] = 'masks/a.png'
    dataset = build('SmearMaskDataset', write_data(rich), pipeline=PIPELINE)
    with pytest.raises(InputError, match=message):
        dataset[0]


def test_mask_files_that_are_missing_or_broken(rich, write_data, write_mask, build):
    rich['images'][0]['mask_file'] = 'masks/a.png'
    root = write_data(rich)
    with pytest.raises(DataError, match=r'mask_file, masks: 1 of 1 image files do not exist .*masks/a\.png'):
        build('SmearMaskDataset', root)
    write_mask(root / 'masks' / 'a.png', np.zeros((30, 40)))
    (root / 'masks' / 'a.png').write_bytes((root / 'masks' / 'a.png').read_bytes()[:60])
    with pytest.raises(UnreadableImageError, match=r'masks/a\.png: image: '):
        build('SmearMaskDataset', root, pipeline=PIPELINE, test_mode=True)[0]


def test_rle_of_another_size(rich, write_data, build):
    rich['annotations'][0]['segmentation'] = {'size': [40, 30], 'counts': [1200]}
    dataset = build('SmearMaskDataset', write_data(rich), pipeline=PIPELINE)
    with pytest.raises(InputError, match=r'a\.png: image 1: segmentation: is RLE of size \[40, 30\]'):
        dataset[0]


def test_objects_without_masks(rich, write_data, build):
    del rich['annotations'][0]['segmentation']
    with pytest.raises(DataError, match='image 1: segmentation: is missing in 1 of its 2 objects'):
        build('SmearMaskDataset', write_data(rich))


@pytest.mark.parametrize(
    ('masks', 'message'),
    [
        ([], r'masks: is \[\]'),
        ('a.png', "masks: is 'a.png'"),
        ([{'prompt': 'x'}], r'masks\[0\].file: is None'),
    ],
)
def test_malformed_masks(rich, write_data, build, masks, message):
    rich['images'][0]['masks'] = masks
    with pytest.raises(DataError, match=f'image 1: {message}'):
        build('SmearMaskDataset', write_data(rich))
