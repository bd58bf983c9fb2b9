_base_ = ['../_base_/stages/uni_hema_r50.py', '../_base_/stages/stage2.py']
work_dir = 'work_dirs/uni_hema/stage2'
model = dict(tasks=dict(vqa=dict(reads_image=False), mlm=dict(reads_image=False)))
train_cfg = dict(max_epochs=8)  # not stated in the paper
