# The released network with the data and schedule of ../detector.py. Weights: docs/how_to/released_weights.md.
_base_ = [
    '../../_base_/models/uni_hema_r50_released.py',
    '../../_base_/datasets/smear_det.py',
    '../../_base_/schedules/schedule_12e.py',
    '../../_base_/default_runtime.py',
]
work_dir = 'work_dirs/released/detector'
find_unused_parameters = True  # the data are for boxes alone
optim_wrapper = dict(clip_grad=None)  # switched off in the released code
