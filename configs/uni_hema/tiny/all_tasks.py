# One tiny model and one set of weights for all tasks, from scratch on the synthetic corpus.
_base_ = [
    '../../_base_/models/uni_hema_tiny_all_tasks.py',
    '../../_base_/datasets/smear_all_tasks_small.py',
    '../../_base_/schedules/schedule_tiny.py',
    '../../_base_/default_runtime.py',
]
data_root = 'data/synthetic_tasks/'
train_sets = ('fields', 'cells', 'seg_fields', 'seg_cells')
val_sets = ('det', 'cls', 'seg', 'vqa', 'mlm')
test_sets = (*val_sets, 'vqa_text_only', 'mlm_text_only')

model = dict(bbox_head=dict(num_classes=12), text_encoder=dict(tokenizer='data/synthetic_tasks/tokenizer'))
find_unused_parameters = True

train_dataloader = dict(
    batch_sampler=dict(steps=240),
    dataset=dict(datasets={name: dict(data_root=data_root) for name in train_sets}),
)
val_dataloader = {name: dict(dataset=dict(data_root=data_root)) for name in val_sets}
test_dataloader = {name: dict(dataset=dict(data_root=data_root)) for name in test_sets}
train_cfg = dict(max_epochs=4, val_interval=4)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
auto_scale_lr = dict(base_batch_size=10)
val_cfg = dict(type='MultiSetValLoop')
test_cfg = dict(type='MultiSetTestLoop', gains=dict(vqa='vqa_text_only', mlm='mlm_text_only'))
default_hooks = dict(
    checkpoint=dict(save_best='det/bbox_mAP_50', rule='greater'),
    visualization=dict(_delete_=True, type='SetVisualizationHook'),
)
custom_hooks = [*_base_.custom_hooks, dict(type='SameTasksHook')]
