_base_ = ['../../_base_/stages/uni_hema_tiny.py', '../../_base_/stages/stage5.py']
work_dir = 'work_dirs/tiny/stage5'
model = dict(tasks=dict(vqa=dict(reads_image=False), mlm=dict(reads_image=False)))  # CMF is not trained yet
stage = dict(sets=['synthetic_tasks'], tasks=dict(seg=4), steps=150)
