# The masks of real_cells_small.py as maps of three classes for mmseg: one sample per image instead of per prompt.
_base_ = './real_cells_small.py'

load_maps = dict(type='LoadNestedMasks')
pack_maps = dict(
    type='mmseg.PackSegInputs',
    meta_keys=('img_path', 'ori_shape', 'img_shape', 'pad_shape', 'scale_factor', 'texts'),
)
crops_train = dict(
    type='NestedMaskDataset',
    pipeline=[_base_.load, load_maps, _base_.to_cell, *_base_.change, pack_maps],
)
fields_train = dict(
    type='NestedMaskDataset',
    pipeline=[_base_.load, load_maps, _base_.to_field, *_base_.change, pack_maps],
)
crops_val = dict(type='NestedMaskDataset', pipeline=[_base_.load, _base_.to_cell, load_maps, pack_maps])
fields_val = dict(type='NestedMaskDataset', pipeline=[_base_.load, _base_.to_field, load_maps, pack_maps])
crops_test, fields_test = dict(crops_val), dict(fields_val)
masks = dict(type='NestedMaskMetric')
