# T5 learns the words of hematology from questions and masked sentences alone; no image is read.
stage = dict(
    number=2,
    name='text encoder and decoder',
    trains=['text_encoder', 'text_decoder'],
    tasks=dict(vqa=6, mlm=6),
)
