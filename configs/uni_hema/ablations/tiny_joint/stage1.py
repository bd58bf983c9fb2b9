# What the six tiny stages learn one after another, in one stage from the start: as many steps (1,890), and of each task
# about as many samples (det 1,890 for 2,400, morph 1,890 for 400, seg 1,890 for 1,400, cls 5,670 for 4,640, vqa and mlm
# 3,780 for 3,400).
_base_ = ['../../../_base_/stages/uni_hema_tiny.py']
work_dir = 'work_dirs/tiny_joint/stage1'
stage = dict(
    number=1,
    name='all tasks from the start',
    trains=[
        'backbone',
        'neck',
        'level_embed',
        'encoder',
        'memory_trans_fc',
        'memory_trans_norm',
        'query_embedding',
        'dn_query_generator',
        'decoder',
        'bbox_head',
        'text_encoder',
        'text_refiner',
        'text_fusion',
        'text_decoder',
        'tasks',
    ],
    tasks=dict(det=1, morph=1, seg=1, cls=3, vqa=2, mlm=2),
    tests=['det', 'morph', 'seg', 'cls', 'vqa', 'mlm'],
    sets=['synthetic_tasks'],
    steps=1890,
)
