# TGVR with the sigmoid gate of the released code instead of the paper's projection.
_base_ = '../detector.py'

model = dict(text_refiner=dict(fusion='gate'))
