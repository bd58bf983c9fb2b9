# stage_data for two CPU cores: fields at 320x240, single cells at 128x128 at most, the classes and attributes of the
# synthetic corpus.
_base_ = ['./smear_det_small.py', './smear_cls_small.py', './smear_seg_small.py', './smear_text_small.py']

stage_data = dict(
    root='data',
    num_workers=1,
    batch_size=8,  # of evaluation
    det=dict(
        train=dict(type='SmearDetDataset', tasks=('det',), pipeline={{_base_.train_pipeline}}),
        test=dict(type='SmearDetDataset', tasks=('det',), pipeline={{_base_.test_pipeline}}),
        evaluator=dict(type='SmearCocoMetric', metric='bbox'),
        classes='prepared',
        head='bbox_head',
    ),
    morph=dict(
        train=dict(type='SmearDetDataset', tasks=('det', 'morph'), pipeline={{_base_.train_pipeline}}),
        test=dict(type='SmearDetDataset', tasks=('det', 'morph'), pipeline={{_base_.test_pipeline}}),
        evaluator=[dict(type='SmearCocoMetric', metric='bbox'), dict(type='AttributeMetric')],
        classes='prepared',
        attributes='wbcatt',
    ),
    cls=dict(
        train=dict(type='SmearCellDataset', pipeline={{_base_.cls_train_pipeline}}),
        test=dict(type='SmearCellDataset', pipeline={{_base_.cls_test_pipeline}}),
        evaluator=[dict(type='CellClassMetric'), dict(type='CellAttributeMetric')],
        attributes='wbcatt',
        classes='prepared',
        head='tasks.cls',
    ),
    seg=dict(
        train=dict(type='SmearMaskDataset', pipeline={{_base_.seg_train_pipeline}}),
        test=dict(type='SmearMaskDataset', pipeline={{_base_.seg_test_pipeline}}),
        evaluator={{_base_.seg_evaluator}},
    ),
    vqa=dict(
        train=dict(type='SmearTextDataset', task='vqa', pipeline={{_base_.text_train_pipeline}}),
        test=dict(type='SmearTextDataset', task='vqa', pipeline={{_base_.text_test_pipeline}}),
        evaluator={{_base_.vqa_evaluator}},
        text_only=True,
    ),
    mlm=dict(
        train=dict(type='SmearTextDataset', task='mlm', pipeline={{_base_.text_train_pipeline}}),
        test=dict(type='SmearTextDataset', task='mlm', pipeline={{_base_.text_test_pipeline}}),
        evaluator={{_base_.mlm_evaluator}},
        text_only=True,
    ),
)
