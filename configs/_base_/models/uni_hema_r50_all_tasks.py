# Full size with every task. The defaults of the modules are the paper's; ../../uni_hema/released has the others.
_base_ = './uni_hema_r50.py'

model = dict(
    backbone=dict(out_indices=(0, 1, 2, 3)),
    shallow_maps=1,  # stride 4, for instance masks; the neck reads strides 8, 16 and 32
    predict_by_size=True,  # cells beside fields
    text_fusion=dict(type='CrossModalFusion', num_queries=64, num_heads=8),
    text_decoder=dict(type='T5TextDecoder', max_length=64),
    tasks=dict(
        det=dict(type='DetectionTask'),
        morph=dict(type='MorphologyTask', schema='leukemia_attri'),
        inst=dict(type='InstanceMaskTask', shallow_dims=256),
        seg=dict(
            type='SegmentationTask',
            finder=dict(type='QueryGuidedMaskFinder', shallow_dims=512, stride=8),
            shallow_from='backbone',
            shallow_level=1,
        ),
        cls=dict(type='CellClassificationTask', num_classes=45),
        vqa=dict(type='TextGenerationTask', source='questions', target='answers', prefix='Q: '),
        mlm=dict(type='TextGenerationTask', source='masked', target='completed', prefix='mask: '),
    ),
)
