# Full-size text-guided detector on BCCD. Your own data: see "Your own data" in README.md.
_base_ = [
    '../_base_/models/uni_hema_r50.py',
    '../_base_/datasets/smear_det.py',
    '../_base_/schedules/schedule_12e.py',
    '../_base_/default_runtime.py',
]
work_dir = 'work_dirs/uni_hema/detector'
model = dict(bbox_head=dict(num_classes=3))  # red cells, white cells, platelets
