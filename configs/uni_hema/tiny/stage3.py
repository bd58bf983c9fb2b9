_base_ = ['../../_base_/stages/uni_hema_tiny.py', '../../_base_/stages/stage3.py']
work_dir = 'work_dirs/tiny/stage3'
model = dict(tasks=dict(vqa=dict(reads_image=False), mlm=dict(reads_image=False)))  # CMF is not trained yet
stage = dict(sets=['synthetic_tasks'], steps=400)
