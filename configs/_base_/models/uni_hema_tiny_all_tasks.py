# Every task on two CPU cores, all parts trained from scratch.
_base_ = './uni_hema_tiny.py'

model = dict(
    backbone=dict(
        base_channels=32,  # a quarter of the work of R18
        out_indices=(0, 1, 2, 3),
        # Batches of a few images: batch norm would be noise.
        norm_cfg=dict(type='GN', num_groups=8),
    ),
    neck=dict(in_channels=[64, 128, 256]),
    shallow_maps=1,
    # A tied output layer scales its logits down; an untied one starts with a loss of 40 instead of 7.
    text_encoder=dict(model=dict(tie_word_embeddings=True, dropout_rate=0.0)),
    predict_by_size=True,  # cells beside fields
    frozen=[],
    text_fusion=dict(type='CrossModalFusion', num_queries=16, num_heads=8, num_layers=2, ffn_dims=256),
    fusion_reads='memory',
    text_decoder=dict(type='T5TextDecoder', max_length=64, average='texts'),
    tasks=dict(
        morph=dict(type='MorphologyTask', schema='wbcatt'),
        inst=dict(
            type='InstanceMaskTask',
            shallow_dims=32,
            loss_points=dict(type='PointMaskLoss', num_points=784),
            box_prior=True,
        ),
        seg=dict(
            type='SegmentationTask',
            finder=dict(
                type='QueryGuidedMaskFinder',
                shallow_dims=64,
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
