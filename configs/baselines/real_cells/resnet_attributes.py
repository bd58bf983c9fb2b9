# mmpretrain's ResNet-18 with one head per WBCAtt attribute, on the PBC cells alone.
_base_ = './resnet_classes.py'

num_values = dict(
    cell_size=2,
    cell_shape=2,
    nucleus_shape=6,
    nuclear_cytoplasmic_ratio=2,
    chromatin_density=2,
    cytoplasm_vacuole=2,
    cytoplasm_texture=2,
    cytoplasm_colour=3,
    granule_type=4,
    granule_colour=4,
    granularity=2,
)
heads = {name: dict(type='LinearClsHead', num_classes=num) for name, num in num_values.items()}
model = dict(head=dict(_delete_=True, type='MultiTaskHead', in_channels=320, task_heads=heads))

pack = [
    dict(type='AttributesAsTasks', schema='wbcatt'),
    dict(type='mmpretrain.PackMultiTaskInputs', multi_task_fields=['gt_label']),
]
metric = dict(type='TaskAttributeMetric', prefix='attributes')
train_pipeline = [_base_.load, _base_.to_cell, *_base_.change, *pack]
test_pipeline = [_base_.load, _base_.to_cell, *pack]
train_dataloader = dict(dataset=dict(datasets=dict(cells=dict(pipeline=train_pipeline))))
val_dataloader = dict(cells=dict(dataset=dict(pipeline=test_pipeline)))
test_dataloader = dict(cells=dict(dataset=dict(pipeline=test_pipeline)))
val_evaluator = dict(cells=metric)
test_evaluator = dict(cells=metric)
