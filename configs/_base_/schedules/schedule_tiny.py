# From scratch on two CPU cores: higher and equal learning rates, warm-up, cosine.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=8, val_interval=4)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='TrainableOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=4e-4, weight_decay=1e-4),
    clip_grad=dict(max_norm=1.0, norm_type=2),
    # TGVR moves all content queries at once; at the full rate it would outrun the queries themselves.
    paramwise_cfg=dict(custom_keys={'text_refiner': dict(lr_mult=0.1)}),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(type='CosineAnnealingLR', by_epoch=True, eta_min_ratio=0.02, convert_to_iter_based=True),
]

auto_scale_lr = dict(enable=False, base_batch_size=4)
