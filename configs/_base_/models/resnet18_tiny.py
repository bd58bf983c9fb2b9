# ResNet-18 of mmpretrain at the size of the tiny UniHema, from scratch.
model = dict(
    _scope_='mmpretrain',
    type='ImageClassifier',
    data_preprocessor=dict(
        type='ClsDataPreprocessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True
    ),
    backbone=dict(
        type='ResNet',
        depth=18,
        stem_channels=40,
        base_channels=40,
        norm_cfg=dict(type='GN', num_groups=8),  # as the tiny UniHema
    ),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', num_classes=5, in_channels=320),
)
