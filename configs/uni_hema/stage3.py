_base_ = ['../_base_/stages/uni_hema_r50.py', '../_base_/stages/stage3.py']
work_dir = 'work_dirs/uni_hema/stage3'
train_cfg = dict(max_epochs=12)
