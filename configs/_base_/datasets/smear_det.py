# Detection on fields of view, multi-scale as in DINO. A data set is chosen by data_root.
dataset_type = 'SmearDetDataset'
data_root = 'data/bccd/'

# resize_type: by default mmcv's Resize, which cannot resize boxes and masks of mmdet.
short_sides = [(side, 1333) for side in range(480, 801, 32)]
multi_scale = dict(
    type='mmdet.RandomChoiceResize', scales=short_sides, resize_type='mmdet.Resize', keep_ratio=True
)
train_pipeline = [
    dict(type='LoadSmearImage'),
    dict(type='LoadCellAnnotations', with_bbox=True),
    dict(type='mmdet.RandomFlip', prob=0.5),
    dict(
        type='RandomChoice',
        transforms=[
            [multi_scale],
            [
                dict(multi_scale, scales=[(400, 4200), (500, 4200), (600, 4200)]),
                dict(
                    type='mmdet.RandomCrop',
                    crop_type='absolute_range',
                    crop_size=(384, 600),
                    allow_negative_crop=True,
                ),
                multi_scale,
            ],
        ],
    ),
    dict(type='PackSmearInputs'),
]
test_pipeline = [
    dict(type='LoadSmearImage'),
    dict(type='mmdet.Resize', scale=(1333, 800), keep_ratio=True),
    dict(type='LoadCellAnnotations', with_bbox=True),
    dict(type='PackSmearInputs'),
]

train_dataloader = dict(
    batch_size=2,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='mmdet.AspectRatioBatchSampler'),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/train.json',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/val.json',
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = dict(
    val_dataloader, dataset=dict(val_dataloader['dataset'], ann_file='annotations/test.json')
)
val_evaluator = dict(type='SmearCocoMetric', metric='bbox')
test_evaluator = val_evaluator
