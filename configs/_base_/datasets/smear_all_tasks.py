# All tasks at full size: classes and masks of two public sets; boxes, attributes, instance masks and texts of the
# synthetic corpus, the only one here that has them. Change data_root of a set for your own. Two images per task as
# in the paper's joint stage, texts in steps of their own as in its last. Wants the loops of smear_all_tasks_small.py.
_base_ = ['./smear_inst.py', './smear_cls.py', './smear_seg.py', './smear_text.py']

det_train = dict(
    type='SmearDetDataset',
    tasks=('det', 'morph', 'inst'),
    data_root='data/synthetic/',
    ann_file='annotations/train.json',
    pipeline={{_base_.train_pipeline}},
)
det_val = dict(det_train, ann_file='annotations/val.json', test_mode=True, pipeline={{_base_.test_pipeline}})
det_test = dict(det_val, ann_file='annotations/test.json')

train_dataloader = dict(
    _delete_=True,
    batch_size=12,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='TaskBatchSampler', composition=[dict(det=2, cls=2, seg=2), dict(vqa=6, mlm=6)]),
    dataset=dict(
        type='MultiSetDataset',
        datasets=dict(
            det=det_train,
            cls={{_base_.cls_train}},
            seg={{_base_.seg_train}},
            vqa={{_base_.vqa_train}},
            mlm={{_base_.mlm_train}},
        ),
    ),
)
loader = dict(
    batch_size=8, num_workers=2, drop_last=False, sampler=dict(type='DefaultSampler', shuffle=False)
)
val_dataloader = dict(
    _delete_=True,
    det=dict(loader, batch_size=1, dataset=det_val),
    cls=dict(loader, dataset={{_base_.cls_val}}),
    seg=dict(loader, dataset={{_base_.seg_val}}),
    vqa=dict(loader, dataset={{_base_.vqa_val}}),
    mlm=dict(loader, dataset={{_base_.mlm_val}}),
)
test_dataloader = dict(
    _delete_=True,
    det=dict(loader, batch_size=1, dataset=det_test),
    cls=dict(loader, dataset={{_base_.cls_test}}),
    seg=dict(loader, dataset={{_base_.seg_test}}),
    vqa=dict(loader, dataset={{_base_.vqa_test}}),
    vqa_text_only=dict(loader, dataset={{_base_.vqa_text_only}}),
    mlm=dict(loader, dataset={{_base_.mlm_test}}),
    mlm_text_only=dict(loader, dataset={{_base_.mlm_text_only}}),
)
val_evaluator = dict(
    _delete_=True,
    det=[dict(type='SmearCocoMetric', metric=['bbox', 'segm']), dict(type='AttributeMetric')],
    cls=[dict(type='CellClassMetric'), dict(type='CellAttributeMetric')],
    seg={{_base_.seg_evaluator}},
    vqa={{_base_.vqa_evaluator}},
    mlm={{_base_.mlm_evaluator}},
)
test_evaluator = dict(
    val_evaluator, vqa_text_only={{_base_.vqa_evaluator}}, mlm_text_only={{_base_.mlm_evaluator}}
)
