# The network that the authors released, also where it departs from the paper. What is a fault in it, such as results
# that depend on padding and answers that ignore the image, is switched on here and nowhere else.
_base_ = './uni_hema_r50_all_tasks.py'

text_generation = dict(
    type='TextGenerationTask',
    num_beams=4,
    max_new_tokens=63,  # 64 with the start token
    see_image=False,
)

model = dict(
    backbone=dict(out_indices=(1, 2, 3)),
    shallow_maps=0,
    neck=dict(bias=True),
    select_padding=True,
    predict_by_size=False,
    text_encoder=dict(pad_to_max_length=True),
    text_refiner=dict(fusion='gate', attend_padding=True),
    text_fusion=dict(
        num_layers=2,
        order=('image', 'text'),
        ffn_dims=1024,
        text_residual=True,
        attend_padding=True,
    ),
    bbox_head=dict(reference_eps=1e-3),
    frozen=['text_encoder', 'dn_query_generator'],
    tasks=dict(
        _delete_=True,  # no instance masks
        det=dict(type='DetectionTask', denoising=False),
        morph=dict(type='MorphologyTask', schema='leukemia_attri'),
        seg=dict(
            type='SegmentationTask',
            finder=dict(
                type='QueryGuidedMaskFinder',
                shallow_dims=256,
                pixel_map='branches',
                upsampler='conv',
                stride=None,
                see_padding=True,
            ),
            shallow_from='levels',  # the neck's stride 8
            shallow_level=0,
        ),
        cls=dict(type='CellClassificationTask', num_classes=45, feature=dict(mean_over_padding=True)),
        vqa=dict(text_generation, source='questions', target='answers', prefix='Q: '),
        mlm=dict(text_generation, source='masked', target='completed', prefix='mask: '),
    ),
)
