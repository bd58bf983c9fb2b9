# Full-size text-guided detector on BCCD. Other data: --cfg-options or a config with another data_root.
_base_ = [
    '../_base_/models/uni_hema_r50.py',
    '../_base_/datasets/smear_det.py',
    '../_base_/schedules/schedule_12e.py',
    '../_base_/default_runtime.py',
]
model = dict(bbox_head=dict(num_classes=3))  # red cells, white cells, platelets
