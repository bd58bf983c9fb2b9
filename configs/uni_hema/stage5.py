_base_ = ['../_base_/stages/uni_hema_r50.py', '../_base_/stages/stage5.py']
work_dir = 'work_dirs/uni_hema/stage5'
model = dict(tasks=dict(vqa=dict(reads_image=False), mlm=dict(reads_image=False)))  # CMF is not trained yet
train_cfg = dict(max_epochs=24)
