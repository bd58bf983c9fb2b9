# Classes of single-cell images, and their attributes where they have any; sizes and augmentation of the paper.
# cls_train, cls_val and cls_test are data sets: a config puts them into its loaders, or several into a
# MultiSetDataset as smear_all_tasks_small.py does.
cls_train_pipeline = [
    dict(type='LoadSmearImage'),
    dict(type='mmdet.Resize', scale=(512, 512), keep_ratio=False),
    dict(type='mmdet.RandomFlip', prob=0.5),
    dict(
        type='RandomChoice',
        transforms=[
            [dict(type='PermuteChannels')],
            [dict(type='mmdet.Brightness', min_mag=1.0, max_mag=2.0)],
            [dict(type='mmdet.Contrast', min_mag=1.0, max_mag=2.0)],
        ],
    ),
    dict(type='PackSmearInputs'),
]
cls_test_pipeline = [
    dict(type='LoadSmearImage'),
    dict(type='mmdet.Resize', scale=(512, 512), keep_ratio=False),
    dict(type='PackSmearInputs'),
]
cls_train = dict(
    type='SmearCellDataset',
    data_root='data/pbc_wbcatt/',
    ann_file='annotations/train.json',
    pipeline=cls_train_pipeline,
)
cls_val = dict(cls_train, ann_file='annotations/val.json', test_mode=True, pipeline=cls_test_pipeline)
cls_test = dict(cls_val, ann_file='annotations/test.json')
cls_evaluator = dict(type='CellClassMetric')
