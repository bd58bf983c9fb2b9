# The same data at 320x240 for two CPU cores: no multi-scale, flips and stain-like colour changes.
_base_ = './smear_det.py'

train_pipeline = [
    dict(type='LoadSmearImage'),
    dict(type='LoadCellAnnotations', with_bbox=True),
    dict(type='mmdet.Resize', scale=(320, 240), keep_ratio=True),
    dict(type='mmdet.RandomFlip', prob=[0.3, 0.3, 0.2], direction=['horizontal', 'vertical', 'diagonal']),
    dict(
        type='mmdet.PhotoMetricDistortion',
        brightness_delta=16,
        contrast_range=(0.9, 1.1),
        saturation_range=(0.9, 1.1),
        hue_delta=6,
        swap_channels=False,  # the stain tells the cells apart
    ),
    dict(type='PackSmearInputs'),
]
test_pipeline = [
    dict(type='LoadSmearImage'),
    dict(type='mmdet.Resize', scale=(320, 240), keep_ratio=True),
    dict(type='LoadCellAnnotations', with_bbox=True),
    dict(type='PackSmearInputs'),
]
# All images have one shape: nothing to group, and a run can resume in the middle of an epoch.
train_dataloader = dict(
    batch_size=4, num_workers=1, batch_sampler=None, dataset=dict(pipeline=train_pipeline)
)
val_dataloader = dict(batch_size=4, num_workers=1, dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(batch_size=4, num_workers=1, dataset=dict(pipeline=test_pipeline))
