default_scope = 'unihema_mm'

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=10),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='SafeCheckpointHook', interval=1, max_keep_ckpts=2, save_best='coco/bbox_mAP_50'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='mmdet.DetVisualizationHook'),
)
custom_hooks = [
    dict(type='ClassCountHook'),
    dict(type='DetectionBudgetHook'),
    dict(type='TrainableTableHook'),
    dict(type='LabelSpacesHook'),
    dict(type='StopOnNonFiniteLossHook'),
    dict(type='ExactResumeHook'),
    dict(type='PendingGradientsHook'),
    dict(type='SyncBuffersHook'),
]

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),  # gloo where there is no GPU
)
randomness = dict(seed=0)

vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='SmearVisualizer', vis_backends=vis_backends, name='visualizer')
log_processor = dict(type='TaskLogProcessor', window_size=20, by_epoch=True)
log_level = 'INFO'
load_from = None
resume = False
