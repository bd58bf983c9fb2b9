# mmseg's DeepLabV3+ on the fields of BCCD alone.
_base_ = [
    '../../_base_/models/deeplabv3plus_r18_tiny.py',
    '../../_base_/datasets/real_cells_nested_small.py',
    '../../_base_/schedules/schedule_real_cells.py',
    '../../_base_/baseline_runtime.py',
]
train_dataloader = dict(
    batch_size=4,
    batch_sampler=dict(composition=[dict(fields=4)], steps=50),
    dataset=dict(datasets=dict(_delete_=True, fields=_base_.fields_train)),
)
val_dataloader = dict(_delete_=True, fields=dict(_base_.loader, dataset=_base_.fields_val))
test_dataloader = dict(_delete_=True, fields=dict(_base_.loader, dataset=_base_.fields_test))
val_evaluator = dict(_delete_=True, fields=_base_.masks)
test_evaluator = dict(_delete_=True, fields=_base_.masks)
