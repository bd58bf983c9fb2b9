# One tiny model that detects, outlines and answers after a few minutes on two CPU cores, the job of "make demo".
_base_ = [
    '../../_base_/models/uni_hema_tiny_all_tasks.py',
    '../../_base_/datasets/smear_all_tasks_small.py',
    '../../_base_/schedules/schedule_tiny.py',
    '../../_base_/default_runtime.py',
]
model = dict(
    bbox_head=dict(num_classes=12),
    tasks=dict(
        _delete_=True,
        det={{_base_.model.tasks.det}},
        morph={{_base_.model.tasks.morph}},
        inst={{_base_.model.tasks.inst}},
        seg={{_base_.model.tasks.seg}},
        vqa={{_base_.model.tasks.vqa}},
    ),
)
find_unused_parameters = True

train_dataloader = dict(
    batch_size=8,
    batch_sampler=dict(
        composition=[dict(fields=3, seg_fields=1), dict(fields=3, seg_fields=1), dict(cells=8)], steps=80
    ),
    dataset=dict(
        datasets=dict(
            _delete_=True,
            fields=dict(_base_.det_train, tasks=('det', 'morph', 'inst', 'vqa')),
            seg_fields={{_base_.seg_fields_train}},
            cells=dict(_base_.cells_train, tasks=('vqa',)),
        )
    ),
)
val_dataloader = dict(_delete_=True, det={{_base_.val_dataloader.det}})
val_evaluator = dict(_delete_=True, det={{_base_.val_evaluator.det}})
test_dataloader = dict(
    _delete_=True,
    det={{_base_.test_dataloader.det}},
    seg={{_base_.test_dataloader.seg}},
    vqa={{_base_.test_dataloader.vqa}},
    vqa_text_only={{_base_.test_dataloader.vqa_text_only}},
)
test_evaluator = dict(
    _delete_=True,
    det={{_base_.test_evaluator.det}},
    seg={{_base_.test_evaluator.seg}},
    vqa={{_base_.test_evaluator.vqa}},
    vqa_text_only={{_base_.test_evaluator.vqa_text_only}},
)
train_cfg = dict(max_epochs=4, val_interval=4)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
auto_scale_lr = dict(base_batch_size=8)
val_cfg = dict(type='MultiSetValLoop')
test_cfg = dict(type='MultiSetTestLoop', gains=dict(vqa='vqa_text_only'))
default_hooks = dict(
    checkpoint=dict(save_best='det/bbox_mAP_50', rule='greater'),
    visualization=dict(_delete_=True, type='SetVisualizationHook'),
)
custom_hooks = [*_base_.custom_hooks, dict(type='SameTasksHook')]
