# Runtime of models of other libraries, which share data, loops and metrics with UniHema.
_base_ = './default_runtime.py'

custom_imports = dict(imports=['unihema_mm.baselines'])
default_hooks = dict(checkpoint=dict(save_best=None))
custom_hooks = [
    dict(type='StopOnNonFiniteLossHook'),
    dict(type='ExactResumeHook'),
    dict(type='PendingGradientsHook'),
]
log_processor = dict(type='LogProcessor')
