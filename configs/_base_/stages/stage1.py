# Backbone and image encoder learn what single cells look like; neither decoder nor T5 runs.
stage = dict(
    number=1,
    name='backbone and image encoder',
    trains=['backbone', 'neck', 'level_embed', 'encoder', 'tasks.cls'],
    tasks=dict(cls=32),
)
