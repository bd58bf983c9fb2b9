# QGMF and its upsampler: masks.
stage = dict(
    number=5,
    name='mask finder',
    trains=['tasks.seg'],
    tasks=dict(seg=2),
    tests=['det', 'morph', 'seg', 'cls', 'vqa', 'mlm'],
    starts_from=[dict(stage=4)],
)
