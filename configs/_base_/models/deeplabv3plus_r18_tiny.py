# DeepLabV3+ of mmseg at the size of the tiny UniHema, from scratch; classes: background, cytoplasm, nucleus.
norm_cfg = dict(type='GN', num_groups=8)  # as the tiny UniHema

model = dict(
    _scope_='mmseg',
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        size_divisor=16,
        seg_pad_val=255,
    ),
    backbone=dict(
        type='ResNet',
        depth=18,
        stem_channels=40,
        base_channels=40,
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        contract_dilation=True,
        norm_cfg=norm_cfg,
    ),
    decode_head=dict(
        type='DepthwiseSeparableASPPHead',
        in_channels=320,
        in_index=3,
        channels=64,
        dilations=(1, 3, 6, 9),  # the last map has 16x16 or 30x40 pixels
        c1_in_channels=40,
        c1_channels=24,
        dropout_ratio=0.1,
        num_classes=3,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=[
            dict(type='CrossEntropyLoss', loss_name='loss_ce'),
            dict(type='DiceLoss', loss_name='loss_dice'),
        ],
    ),
    test_cfg=dict(mode='whole'),
)
