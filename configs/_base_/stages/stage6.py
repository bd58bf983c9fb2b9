# CMF and the text decoder: questions and masked sentences on images.
stage = dict(
    number=6,
    name='cross-modal fusion and text decoder',
    trains=['text_fusion', 'text_decoder'],
    tasks=dict(vqa=6, mlm=6),
    tests=['det', 'morph', 'seg', 'cls', 'vqa', 'mlm'],
    starts_from=[dict(stage=5)],
)
