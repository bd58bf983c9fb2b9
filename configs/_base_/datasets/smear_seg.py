# Binary masks, each with its prompt, at the paper's size and without augmentation.
seg_train_pipeline = [
    dict(type='LoadSmearImage'),
    dict(type='LoadCellMask'),
    dict(type='mmdet.Resize', scale=(512, 512), keep_ratio=False),
    dict(type='PackSmearInputs'),
]
seg_test_pipeline = [
    dict(type='LoadSmearImage'),
    dict(type='mmdet.Resize', scale=(512, 512), keep_ratio=False),
    dict(type='LoadCellMask'),  # stays at the original size
    dict(type='PackSmearInputs'),
]
seg_train = dict(
    type='SmearMaskDataset',
    data_root='data/segmentation_wbc/',
    ann_file='annotations/train.json',
    pipeline=seg_train_pipeline,
)
seg_val = dict(seg_train, ann_file='annotations/val.json', test_mode=True, pipeline=seg_test_pipeline)
seg_test = dict(seg_val, ann_file='annotations/test.json')
seg_evaluator = dict(type='BinaryMaskMetric')
