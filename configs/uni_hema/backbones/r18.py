_base_ = '../detector.py'
work_dir = 'work_dirs/uni_hema/r18'

model = dict(
    backbone=dict(depth=18, init_cfg=dict(checkpoint='torchvision://resnet18')),
    neck=dict(in_channels=[128, 256, 512]),
)
