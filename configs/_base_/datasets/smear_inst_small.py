# smear_det_small with instance masks.
_base_ = './smear_det_small.py'

train_pipeline = [
    dict(type='LoadSmearImage'),
    dict(type='LoadCellAnnotations', with_bbox=True, with_mask=True),
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
    dict(type='LoadCellAnnotations', with_bbox=True, with_mask=True),
    dict(type='PackSmearInputs'),
]
train_dataloader = dict(dataset=dict(task='inst', pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(task='inst', pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(task='inst', pipeline=test_pipeline))
val_evaluator = dict(metric=['bbox', 'segm'])
test_evaluator = val_evaluator
