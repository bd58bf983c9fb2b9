# Cells of three public sets at 320x240. They annotate different classes: no parasites in two, no platelets in one.
_base_ = './smear_det_small.py'

classes = ('RBC', 'WBC', 'platelet', 'trophozoite', 'ring', 'schizont', 'gametocyte')
train = dict(
    type='SmearDetDataset', classes=classes, ann_file='annotations/train.json', pipeline=_base_.train_pipeline
)
test = dict(
    type='SmearDetDataset', classes=classes, ann_file='annotations/test.json', test_mode=True,
    pipeline=_base_.test_pipeline,
)  # fmt: skip
bccd, txl_pbc = dict(data_root='data/bccd/'), dict(data_root='data/txl_pbc/')
bbbc041 = dict(data_root='data/bbbc041_cells/')

train_dataloader = dict(
    batch_sampler=dict(
        _delete_=True,
        type='TaskBatchSampler',
        composition=dict(det=4),
        groups=dict(det=dict(sets=('bccd', 'txl_pbc', 'bbbc041'), temperature=0.5)),
        steps=120,
    ),
    dataset=dict(
        _delete_=True,
        type='MultiSetDataset',
        datasets=dict(
            bccd=dict(train, **bccd), txl_pbc=dict(train, **txl_pbc), bbbc041=dict(train, **bbbc041)
        ),
    ),
)
loader = dict(
    batch_size=4, num_workers=1, drop_last=False, sampler=dict(type='DefaultSampler', shuffle=False)
)
val = dict(test, ann_file='annotations/val.json')
val_dataloader = dict(
    _delete_=True,
    bccd=dict(loader, dataset=dict(val, **bccd)),
    txl_pbc=dict(loader, dataset=dict(val, **txl_pbc)),
    bbbc041=dict(loader, dataset=dict(val, **bbbc041)),
)
# The ten images of BBBC041 have no test list.
test_dataloader = dict(
    _delete_=True,
    bccd=dict(loader, dataset=dict(test, **bccd)),
    txl_pbc=dict(loader, dataset=dict(test, **txl_pbc)),
    bbbc041=dict(loader, dataset=dict(val, **bbbc041)),
)
boxes = dict(type='SmearCocoMetric', metric='bbox')
val_evaluator = dict(_delete_=True, bccd=boxes, txl_pbc=boxes, bbbc041=boxes)
test_evaluator = val_evaluator
