# What the six stages at full size have in common: the model with the paper's six tasks, its data and its optimizer.
_base_ = [
    '../models/uni_hema_r50_all_tasks.py',
    '../datasets/stage_data.py',
    '../schedules/schedule_12e.py',
    '../default_runtime.py',
]
model = dict(
    frozen=[],  # a stage says what it trains
    tasks=dict(
        _delete_=True,
        det={{_base_.model.tasks.det}},
        morph={{_base_.model.tasks.morph}},
        seg={{_base_.model.tasks.seg}},
        cls={{_base_.model.tasks.cls}},
        vqa={{_base_.model.tasks.vqa}},
        mlm={{_base_.model.tasks.mlm}},
    ),
)
# What the detection bases load by themselves; a stage loads what is prepared.
train_dataloader = dict(_delete_=True)
val_dataloader = dict(_delete_=True)
test_dataloader = dict(_delete_=True)
val_evaluator = dict(_delete_=True)
test_evaluator = dict(_delete_=True)

val_cfg = dict(type='MultiSetValLoop')
test_cfg = dict(type='MultiSetTestLoop')
find_unused_parameters = True
default_hooks = dict(
    checkpoint=dict(save_best=None), visualization=dict(_delete_=True, type='SetVisualizationHook')
)
custom_hooks = [*_base_.custom_hooks, dict(type='SameTasksHook'), dict(type='DrawReportHook')]
