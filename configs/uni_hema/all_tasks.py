# Full size, one set of weights for all tasks. Data: python tools/prepare_data.py, see docs/how_to/prepare_data.md.
_base_ = [
    '../_base_/models/uni_hema_r50_all_tasks.py',
    '../_base_/datasets/smear_all_tasks.py',
    '../_base_/schedules/schedule_12e.py',
    '../_base_/default_runtime.py',
]
work_dir = 'work_dirs/uni_hema/all_tasks'
# What the data sets hold; the paper has 30 classes of boxes, 45 of cells, and the attributes of LeukemiaAttri.
model = dict(
    bbox_head=dict(num_classes=12),
    tasks=dict(morph=dict(schema='wbcatt'), cls=dict(num_classes=5, attributes='wbcatt')),
)
find_unused_parameters = True  # the steps differ in their tasks
auto_scale_lr = dict(base_batch_size=12)

val_cfg = dict(type='MultiSetValLoop')
test_cfg = dict(type='MultiSetTestLoop', gains=dict(vqa='vqa_text_only', mlm='mlm_text_only'))
default_hooks = dict(
    checkpoint=dict(save_best='det/bbox_mAP_50', rule='greater'),
    visualization=dict(_delete_=True, type='SetVisualizationHook'),
)
custom_hooks = [*_base_.custom_hooks, dict(type='SameTasksHook')]
