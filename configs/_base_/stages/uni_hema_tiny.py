# What the six stages on two CPU cores have in common: a small model from scratch on the synthetic corpus.
_base_ = [
    '../models/uni_hema_tiny_all_tasks.py',
    '../datasets/stage_data_small.py',
    '../schedules/schedule_tiny.py',
    '../default_runtime.py',
]
model = dict(
    text_encoder=dict(tokenizer='data/synthetic_tasks/tokenizer'),
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
train_dataloader = dict(_delete_=True)
val_dataloader = dict(_delete_=True)
test_dataloader = dict(_delete_=True)
val_evaluator = dict(_delete_=True)
test_evaluator = dict(_delete_=True)

train_cfg = dict(max_epochs=1, val_interval=1)
val_cfg = dict(type='MultiSetValLoop')
test_cfg = dict(type='MultiSetTestLoop')
optim_wrapper = dict(optimizer=dict(lr=1e-3))
find_unused_parameters = True
default_hooks = dict(
    checkpoint=dict(by_epoch=False, interval=25, save_best=None),  # a killed stage goes on inside its epoch
    visualization=dict(_delete_=True, type='SetVisualizationHook'),
)
custom_hooks = [*_base_.custom_hooks, dict(type='SameTasksHook'), dict(type='DrawReportHook')]
