# Single cells at 128x128 at most, as the synthetic corpus draws them, with stain-like colour changes.
_base_ = './smear_cls.py'

cls_train_pipeline = [
    dict(type='LoadSmearImage'),
    dict(type='ShrinkToFit', scale=(128, 128)),
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
cls_test_pipeline = [
    dict(type='LoadSmearImage'),
    dict(type='ShrinkToFit', scale=(128, 128)),
    dict(type='PackSmearInputs'),
]
cls_train = dict(data_root='data/synthetic/', pipeline=cls_train_pipeline)
cls_val = dict(data_root='data/synthetic/', pipeline=cls_test_pipeline)
cls_test = dict(data_root='data/synthetic/', pipeline=cls_test_pipeline)
