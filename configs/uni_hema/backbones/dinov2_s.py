# A plain ViT has one stride (14); mmseg's pyramid makes 7, 14, 28 and 56 of it.
_base_ = '../detector.py'
work_dir = 'work_dirs/uni_hema/dinov2_s'

checkpoint = (
    'https://mmassets.onedl.ai/mmpretrain/v1.0/dinov2/vit-small-p14_dinov2-pre_3rdparty_20230426-5641ca5a.pth'
)
model = dict(
    data_preprocessor=dict(pad_size_divisor=14),
    backbone=dict(
        _delete_=True,
        type='mmpretrain.VisionTransformer',
        arch='dinov2-small',
        img_size=518,
        patch_size=14,
        layer_scale_init_value=1e-5,
        out_indices=[2, 5, 8, 11],
        out_type='featmap',
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint, prefix='backbone.'),
    ),
    neck=[
        dict(
            type='mmseg.Feature2Pyramid',
            embed_dim=384,
            rescales=[2, 1, 0.5, 0.25],
            norm_cfg=dict(type='BN', requires_grad=True),
        ),
        dict(
            type='mmdet.ChannelMapper',
            in_channels=[384, 384, 384, 384],
            kernel_size=1,
            out_channels=256,
            act_cfg=None,
            norm_cfg=dict(type='GN', num_groups=32),
            num_outs=4,
        ),
    ],
)
