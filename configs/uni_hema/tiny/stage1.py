_base_ = ['../../_base_/stages/uni_hema_tiny.py', '../../_base_/stages/stage1.py']
work_dir = 'work_dirs/tiny/stage1'
stage = dict(sets=['synthetic_tasks'], tasks=dict(cls=16), steps=240)
