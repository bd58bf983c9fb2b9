_base_ = ['../../_base_/stages/uni_hema_tiny.py', '../../_base_/stages/stage6.py']
work_dir = 'work_dirs/tiny/stage6'
stage = dict(sets=['synthetic_tasks'], tasks=dict(vqa=4, mlm=4), steps=400)
