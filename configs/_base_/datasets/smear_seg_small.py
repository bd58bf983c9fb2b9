# Masks of the synthetic corpus: cells 128x128, fields 320x240; apart for training, so that a batch has one size.
seg_train_pipeline = [
    dict(type='LoadSmearImage'),
    dict(type='LoadCellMask'),
    dict(type='ShrinkToFit', scale=(320, 240)),
    dict(type='mmdet.RandomFlip', prob=[0.3, 0.3, 0.2], direction=['horizontal', 'vertical', 'diagonal']),
    dict(
        type='mmdet.PhotoMetricDistortion',
        brightness_delta=16,
        contrast_range=(0.9, 1.1),
        saturation_range=(0.9, 1.1),
        hue_delta=6,
        swap_channels=False,
    ),
    dict(type='PackSmearInputs'),
]
seg_test_pipeline = [
    dict(type='LoadSmearImage'),
    dict(type='ShrinkToFit', scale=(320, 240)),
    dict(type='LoadCellMask'),
    dict(type='PackSmearInputs'),
]
seg_train = dict(
    type='SmearMaskDataset',
    data_root='data/synthetic/',
    ann_file='annotations/train.json',
    pipeline=seg_train_pipeline,
)
seg_fields_train = dict(seg_train, folder='images/fields')
seg_cells_train = dict(seg_train, folder='images/cells')
seg_val = dict(seg_train, ann_file='annotations/val.json', test_mode=True, pipeline=seg_test_pipeline)
seg_test = dict(seg_val, ann_file='annotations/test.json')
seg_evaluator = dict(type='BinaryMaskMetric')
