# TGVR with the sigmoid gate of the released code instead of the paper's projection.
_base_ = '../detector.py'
work_dir = 'work_dirs/uni_hema/tgvr_gate'

model = dict(text_refiner=dict(fusion='gate'))
