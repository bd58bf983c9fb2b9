# All tasks on the synthetic corpus. One look at an image serves all its tasks. A batch is padded to its largest image
# and a cell has a fifth of the area of a field, so steps with fields take turns with steps with cells.
# Wants val_cfg=dict(type='MultiSetValLoop') and
# test_cfg=dict(type='MultiSetTestLoop', gains=dict(vqa='vqa_text_only', mlm='mlm_text_only')).
_base_ = ['./smear_inst_small.py', './smear_cls_small.py', './smear_seg_small.py', './smear_text_small.py']

det_train = dict(
    type='SmearDetDataset',
    tasks=('det', 'morph', 'inst', 'vqa', 'mlm'),
    data_root='data/synthetic/',
    ann_file='annotations/train.json',
    pipeline={{_base_.train_pipeline}},
)
det_val = dict(
    det_train,
    tasks=('det', 'morph', 'inst'),
    ann_file='annotations/val.json',
    test_mode=True,
    pipeline={{_base_.test_pipeline}},
)
det_test = dict(det_val, ann_file='annotations/test.json')
cells_train = dict(_base_.cls_train, tasks=('cls', 'vqa', 'mlm'), pipeline=_base_.text_train_pipeline)

train_dataloader = dict(
    _delete_=True,
    batch_size=10,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(
        type='TaskBatchSampler',
        composition=[dict(cells=8, seg_cells=2), dict(fields=2, seg_fields=1), dict(cells=8, seg_cells=2)],
    ),
    dataset=dict(
        type='MultiSetDataset',
        datasets=dict(
            fields=det_train,
            cells=cells_train,
            seg_fields={{_base_.seg_fields_train}},
            seg_cells={{_base_.seg_cells_train}},
        ),
    ),
)
loader = dict(
    batch_size=8, num_workers=1, drop_last=False, sampler=dict(type='DefaultSampler', shuffle=False)
)
val_dataloader = dict(
    _delete_=True,
    det=dict(loader, dataset=det_val),
    cls=dict(loader, dataset={{_base_.cls_val}}),
    seg=dict(loader, dataset={{_base_.seg_val}}),
    vqa=dict(loader, dataset={{_base_.vqa_val}}),
    mlm=dict(loader, dataset={{_base_.mlm_val}}),
)
test_dataloader = dict(
    _delete_=True,
    det=dict(loader, dataset=det_test),
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
