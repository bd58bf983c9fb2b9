# Tiny detector on the synthetic corpus.
_base_ = [
    '../../_base_/models/uni_hema_tiny.py',
    '../../_base_/datasets/smear_det_small.py',
    '../../_base_/schedules/schedule_tiny.py',
    '../../_base_/default_runtime.py',
]
data_root = 'data/synthetic/'
model = dict(bbox_head=dict(num_classes=12))
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
