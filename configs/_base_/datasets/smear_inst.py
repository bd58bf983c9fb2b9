# Instance masks on fields of view with large-scale jitter, as Mask DINO on COCO.
_base_ = './smear_det.py'

train_pipeline = [
    dict(type='LoadSmearImage'),
    dict(type='LoadCellAnnotations', with_bbox=True, with_mask=True),
    dict(type='mmdet.RandomFlip', prob=0.5),
    dict(
        type='mmdet.RandomResize',
        scale=(1024, 1024),
        ratio_range=(0.1, 2.0),
        resize_type='mmdet.Resize',  # by default mmcv's, which cannot resize boxes and masks of mmdet
        keep_ratio=True,
    ),
    dict(
        type='mmdet.RandomCrop',
        crop_type='absolute',
        crop_size=(1024, 1024),
        recompute_bbox=True,
        allow_negative_crop=True,
    ),
    dict(type='FilterCellAnnotations', min_gt_bbox_wh=(0, 0), by_mask=True, keep_empty=False),
    dict(type='PackSmearInputs'),
]
test_pipeline = [
    dict(type='LoadSmearImage'),
    dict(type='mmdet.Resize', scale=(1333, 800), keep_ratio=True),
    dict(type='LoadCellAnnotations', with_bbox=True, with_mask=True),
    dict(type='PackSmearInputs'),
]
train_dataloader = dict(dataset=dict(task='inst', pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(task='inst', pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(task='inst', pipeline=test_pipeline))
val_evaluator = dict(metric=['bbox', 'segm'])
test_evaluator = val_evaluator
