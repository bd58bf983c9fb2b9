# How each task reads its data sets, whichever are prepared below root; sizes and augmentation of the paper.
_base_ = ['./smear_det.py', './smear_cls.py', './smear_seg.py', './smear_text.py']

stage_data = dict(
    root='data',
    num_workers=2,
    batch_size=8,  # of evaluation
    det=dict(
        train=dict(type='SmearDetDataset', tasks=('det',), pipeline={{_base_.train_pipeline}}),
        test=dict(type='SmearDetDataset', tasks=('det',), pipeline={{_base_.test_pipeline}}),
        evaluator=dict(type='SmearCocoMetric', metric='bbox'),
        classes='paper',
        head='bbox_head',
        batch_size=1,
    ),
    morph=dict(
        train=dict(type='SmearDetDataset', tasks=('det', 'morph'), pipeline={{_base_.train_pipeline}}),
        test=dict(type='SmearDetDataset', tasks=('det', 'morph'), pipeline={{_base_.test_pipeline}}),
        evaluator=[dict(type='SmearCocoMetric', metric='bbox'), dict(type='AttributeMetric')],
        classes='paper',
        attributes='leukemia_attri',
        batch_size=1,
    ),
    cls=dict(
        train=dict(type='SmearCellDataset', pipeline={{_base_.cls_train_pipeline}}),
        test=dict(type='SmearCellDataset', pipeline={{_base_.cls_test_pipeline}}),
        evaluator={{_base_.cls_evaluator}},
        classes='paper',
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
