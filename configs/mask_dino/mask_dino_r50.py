# Full-size Mask DINO with the official recipe: 50 epochs at batch 16, large-scale jitter on 1024 x 1024.
_base_ = [
    '../_base_/models/mask_dino_r50.py',
    '../_base_/datasets/smear_inst.py',
    '../_base_/schedules/schedule_12e.py',
    '../_base_/default_runtime.py',
]
model = dict(bbox_head=dict(num_classes=3))  # red cells, white cells, platelets

train_cfg = dict(max_epochs=50)
optim_wrapper = dict(
    optimizer=dict(weight_decay=0.05),
    clip_grad=dict(max_norm=0.01),
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        custom_keys={'level_embed': dict(decay_mult=0.0), 'label_embedding': dict(decay_mult=0.0)},
    ),
)
param_scheduler = [dict(type='MultiStepLR', by_epoch=True, milestones=[44, 48], gamma=0.1)]
default_hooks = dict(checkpoint=dict(save_best='coco/segm_mAP'))
