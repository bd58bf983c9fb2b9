# Tiny detector on real smears: BCCD with its own train, val and test lists.
_base_ = './detector.py'

data_root = 'data/bccd/'
model = dict(bbox_head=dict(num_classes=3), text_encoder=dict(tokenizer='data/bccd/tokenizer'))
train_cfg = dict(max_epochs=12, val_interval=6)
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
