# From scratch on two CPU cores, for UniHema and for the models of other libraries beside it.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=9, val_interval=9)
val_cfg = dict(type='MultiSetValLoop')
test_cfg = dict(type='MultiSetTestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='TrainableOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=1e-4),
    clip_grad=dict(max_norm=1.0, norm_type=2),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(type='CosineAnnealingLR', by_epoch=True, eta_min_ratio=0.02, convert_to_iter_based=True),
]
