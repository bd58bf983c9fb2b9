# One tiny model for masks, classes and attributes of real white cells; beside it configs/baselines/real_cells.
_base_ = [
    '../../_base_/models/uni_hema_tiny_all_tasks.py',
    '../../_base_/datasets/real_cells_small.py',
    '../../_base_/schedules/schedule_real_cells.py',
    '../../_base_/default_runtime.py',
]
model = dict(
    text_encoder=dict(tokenizer='data/segmentation_wbc/tokenizer'),
    text_fusion=None,
    text_decoder=None,
    tasks=dict(
        _delete_=True,
        seg={{_base_.model.tasks.seg}},
        cls=dict(type='CellClassificationTask', num_classes=5, attributes='wbcatt'),
    ),
)
find_unused_parameters = True
default_hooks = dict(checkpoint=dict(save_best=None))
custom_hooks = [*_base_.custom_hooks, dict(type='SameTasksHook')]
