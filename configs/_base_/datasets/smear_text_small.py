# Texts of the synthetic corpus on cells of 128x128 and fields of 320x240; the colours stay, as texts name them.
text_train_pipeline = [
    dict(type='LoadSmearImage'),
    dict(type='SampleTexts', max_texts=16),
    dict(type='ShrinkToFit', scale=(320, 240)),
    dict(type='mmdet.RandomFlip', prob=[0.3, 0.3, 0.2], direction=['horizontal', 'vertical', 'diagonal']),
    dict(type='PackSmearInputs'),
]
text_test_pipeline = [
    dict(type='LoadSmearImage'),
    dict(type='ShrinkToFit', scale=(320, 240)),
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
vqa_evaluator = dict(type='TextMetric')

mlm_train = dict(vqa_train, task='mlm')
mlm_val = dict(vqa_val, task='mlm')
mlm_test = dict(vqa_test, task='mlm')
mlm_text_only = dict(vqa_text_only, task='mlm')
mlm_evaluator = dict(
    type='TextMetric',
    questions='masked',
    targets='completed',
    predictions='pred_completed',
    answer_types=None,
)
