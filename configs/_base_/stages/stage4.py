# The image decoder and its heads: boxes, classes and attributes of cells on fields.
stage = dict(
    number=4,
    name='image decoder',
    trains=['query_embedding', 'dn_query_generator', 'decoder', 'bbox_head', 'tasks.morph'],
    tasks=dict(det=1, morph=1),
    tests=['det', 'morph', 'seg', 'cls', 'vqa', 'mlm'],
    rehearses=['seg'],  # QGMF reads the object queries
    starts_from=[dict(stage=3)],
)
