# Tiny detector on BCCD, TXL-PBC and ten images of BBBC041; variants: tools/analysis_tools/compare_set_mixing.py.
_base_ = [
    '../../_base_/models/uni_hema_tiny.py',
    '../../_base_/datasets/real_sets_small.py',
    '../../_base_/schedules/schedule_tiny.py',
    '../../_base_/default_runtime.py',
]
model = dict(
    bbox_head=dict(num_classes=7),
    text_encoder=dict(tokenizer='data/bbbc041_cells/tokenizer'),
)
train_cfg = dict(max_epochs=4, val_interval=4)
val_cfg = dict(_delete_=True, type='MultiSetValLoop')
test_cfg = dict(_delete_=True, type='MultiSetTestLoop')
default_hooks = dict(checkpoint=dict(save_best=None))
custom_hooks = [*_base_.custom_hooks, dict(type='DrawReportHook')]
