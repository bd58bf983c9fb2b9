# mmseg's DeepLabV3+ on the crops of segmentation_WBC alone.
_base_ = [
    '../../_base_/models/deeplabv3plus_r18_tiny.py',
    '../../_base_/datasets/real_cells_nested_small.py',
    '../../_base_/schedules/schedule_real_cells.py',
    '../../_base_/baseline_runtime.py',
]
train_dataloader = dict(
    batch_size=8,
    batch_sampler=dict(composition=[dict(crops=8)], steps=50),
    dataset=dict(datasets=dict(_delete_=True, crops=_base_.crops_train)),
)
val_dataloader = dict(_delete_=True, crops=dict(_base_.loader, dataset=_base_.crops_val))
test_dataloader = dict(_delete_=True, crops=dict(_base_.loader, dataset=_base_.crops_test))
val_evaluator = dict(_delete_=True, crops=_base_.masks)
test_evaluator = dict(_delete_=True, crops=_base_.masks)
