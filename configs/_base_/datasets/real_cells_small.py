# White cells of three public sets for two CPU cores: crops and cells 128x128, fields 320x240.
load = dict(type='LoadSmearImage')
load_mask = dict(type='LoadCellMask')
to_cell = dict(type='mmdet.Resize', scale=(128, 128), keep_ratio=False)
to_field = dict(type='mmdet.Resize', scale=(320, 240), keep_ratio=False)
change = [
    dict(type='mmdet.RandomFlip', prob=[0.3, 0.3, 0.2], direction=['horizontal', 'vertical', 'diagonal']),
    dict(
        type='mmdet.PhotoMetricDistortion',
        brightness_delta=16,
        contrast_range=(0.9, 1.1),
        saturation_range=(0.9, 1.1),
        hue_delta=6,
        swap_channels=False,  # the stain tells the cells apart
    ),
]
pack = dict(type='PackSmearInputs')

crops_train = dict(
    type='SmearMaskDataset',
    data_root='data/segmentation_wbc/',
    ann_file='annotations/train.json',
    pipeline=[load, load_mask, to_cell, *change, pack],
)
fields_train = dict(
    type='SmearMaskDataset',
    data_root='data/bccd_nuclei/',
    ann_file='annotations/train.json',
    pipeline=[load, load_mask, to_field, *change, pack],
)
cells_train = dict(
    type='SmearCellDataset',
    data_root='data/pbc_wbcatt/',
    ann_file='annotations/train.json',
    pipeline=[load, to_cell, *change, pack],
)
test = dict(ann_file='annotations/test.json', test_mode=True)
crops_test = dict(crops_train, **test, pipeline=[load, to_cell, load_mask, pack])
fields_test = dict(fields_train, **test, pipeline=[load, to_field, load_mask, pack])
cells_test = dict(cells_train, **test, pipeline=[load, to_cell, pack])
val = dict(ann_file='annotations/val.json')
crops_val, fields_val, cells_val = dict(crops_test, **val), dict(fields_test, **val), dict(cells_test, **val)

# One round: both mask sets once, the cells in each step. Models of one set draw the same number of its samples.
train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(
        type='TaskBatchSampler',
        composition=[dict(crops=8, cells=8), dict(fields=4, cells=8)],
        steps=100,
    ),
    dataset=dict(
        type='MultiSetDataset', datasets=dict(crops=crops_train, fields=fields_train, cells=cells_train)
    ),
)
loader = dict(
    batch_size=8, num_workers=1, drop_last=False, sampler=dict(type='DefaultSampler', shuffle=False)
)
val_dataloader = dict(
    crops=dict(loader, dataset=crops_val),
    fields=dict(loader, dataset=fields_val),
    cells=dict(loader, dataset=cells_val),
)
test_dataloader = dict(
    crops=dict(loader, dataset=crops_test),
    fields=dict(loader, dataset=fields_test),
    cells=dict(loader, dataset=cells_test),
)
masks = dict(type='BinaryMaskMetric', by_text=True)
val_evaluator = dict(
    crops=masks,
    fields=masks,
    cells=[
        dict(type='CellClassMetric', prefix='class'),
        dict(type='CellAttributeMetric', prefix='attributes'),
    ],
)
test_evaluator = val_evaluator
