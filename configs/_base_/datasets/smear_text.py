# Questions on images (vqa) and sentences with gaps (mlm); sizes and augmentation of the paper.
text_train_pipeline = [
    dict(type='LoadSmearImage'),
    dict(type='SampleTexts', max_texts=1),
    dict(type='mmdet.Resize', scale=(256, 256), keep_ratio=False),
    dict(type='mmdet.RandomFlip', prob=0.5),
    dict(
        type='RandomChoice',
        transforms=[
            [dict(type='PermuteChannels')],
            [dict(type='mmdet.Brightness', min_mag=1.0, max_mag=2.0)],
            [dict(type='mmdet.Contrast', min_mag=1.0, max_mag=2.0)],
        ],
    ),
    dict(type='PackSmearInputs'),
]
text_test_pipeline = [
    dict(type='LoadSmearImage'),
    dict(type='mmdet.Resize', scale=(256, 256), keep_ratio=False),
    dict(type='PackSmearInputs'),
]
vqa_train = dict(
    type='SmearTextDataset',
    task='vqa',
    data_root='data/synthetic/',
    ann_file='annotations/train.json',
    pipeline=text_train_pipeline,
)
vqa_val = dict(vqa_train, ann_file='annotations/val.json', test_mode=True, pipeline=text_test_pipeline)
vqa_test = dict(vqa_val, ann_file='annotations/test.json')
vqa_text_only = dict(vqa_test, text_only=True)
mlm_train = dict(vqa_train, task='mlm')
mlm_val = dict(vqa_val, task='mlm')
mlm_test = dict(vqa_test, task='mlm')
mlm_text_only = dict(vqa_text_only, task='mlm')
vqa_evaluator = dict(type='TextMetric')
mlm_evaluator = dict(
    type='TextMetric',
    questions='masked',
    targets='completed',
    predictions='pred_completed',
    answer_types=None,
)
