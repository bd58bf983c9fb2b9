# All of vision, jointly: two images of each task in a step. Text branch and CMF stay as they are.
vision = ['backbone', 'neck', 'level_embed', 'encoder', 'tasks.cls']
objects = [
    'memory_trans_fc',
    'memory_trans_norm',
    'query_embedding',
    'dn_query_generator',
    'decoder',
    'bbox_head',
    'text_refiner',
]
stage = dict(
    number=3,
    name='vision',
    trains=[*vision, *objects, 'tasks.seg'],
    tasks=dict(det=2, seg=2, cls=2),
    tests=['det', 'seg', 'cls', 'vqa', 'mlm'],
    steps='shortest',
    starts_from=[
        dict(stage=1, modules=vision),
        dict(stage=2, modules=['text_encoder', 'text_decoder']),
    ],
    initialised=[*objects, 'tasks.det', 'tasks.morph', 'tasks.seg', 'text_fusion'],
)
