# Every task on two CPU cores, all parts trained from scratch.
_base_ = './uni_hema_tiny.py'

model = dict(
    # Batches of two to eight images and two kinds of pictures: group norm depends on neither.
    backbone=dict(out_indices=(0, 1, 2, 3), norm_cfg=dict(type='GN', num_groups=32)),
    shallow_maps=1,
    frozen=[],
    text_fusion=dict(type='CrossModalFusion', num_queries=16, num_heads=8, num_layers=2, ffn_dims=256),
    text_decoder=dict(type='T5TextDecoder', max_length=64),
    tasks=dict(
        morph=dict(type='MorphologyTask', schema='wbcatt'),
        inst=dict(
            type='InstanceMaskTask', shallow_dims=64, loss_points=dict(type='PointMaskLoss', num_points=784)
        ),
        seg=dict(
            type='SegmentationTask',
            finder=dict(
                type='QueryGuidedMaskFinder',
                shallow_dims=128,
                stride=8,
                upsampler='sharp',
                aggregate='attention',
            ),
            shallow_from='backbone',
            shallow_level=1,
        ),
        cls=dict(type='CellClassificationTask', num_classes=12, attributes='wbcatt'),
        vqa=dict(type='TextGenerationTask', source='questions', target='answers', prefix='Q: ', num_beams=1),
        mlm=dict(
            type='TextGenerationTask', source='masked', target='completed', prefix='mask: ', num_beams=1
        ),
    ),
)
