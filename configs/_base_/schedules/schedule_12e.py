# Published recipe: AdamW, 1e-4 (backbone 1e-5), weight decay 0.01, x0.1 every 10 epochs.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=12, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='TrainableOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=1e-4, weight_decay=0.01),
    clip_grad=dict(max_norm=0.1, norm_type=2),  # switched off in the released code, on in DINO
    paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mult=0.1)}),
)
param_scheduler = [dict(type='StepLR', by_epoch=True, step_size=10, gamma=0.1)]

auto_scale_lr = dict(enable=False, base_batch_size=16)
