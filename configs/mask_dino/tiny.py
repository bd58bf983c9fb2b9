# Tiny Mask DINO on the instance masks of the synthetic corpus.
_base_ = [
    '../_base_/models/mask_dino_tiny.py',
    '../_base_/datasets/smear_inst_small.py',
    '../_base_/schedules/schedule_tiny.py',
    '../_base_/default_runtime.py',
]
data_root = 'data/synthetic/'
model = dict(bbox_head=dict(num_classes=12))
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
default_hooks = dict(checkpoint=dict(save_best='coco/segm_mAP'))
