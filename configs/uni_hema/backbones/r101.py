_base_ = '../detector.py'
work_dir = 'work_dirs/uni_hema/r101'

model = dict(
    backbone=dict(depth=101, init_cfg=dict(checkpoint='torchvision://resnet101')),
)
