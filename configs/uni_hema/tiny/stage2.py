_base_ = ['../../_base_/stages/uni_hema_tiny.py', '../../_base_/stages/stage2.py']
work_dir = 'work_dirs/tiny/stage2'
model = dict(tasks=dict(vqa=dict(reads_image=False), mlm=dict(reads_image=False)))
stage = dict(sets=['synthetic_tasks'], steps=300)
