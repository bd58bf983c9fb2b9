# Small enough for two CPU cores: R18 from scratch, 128 dimensions, three decoder layers, fewer points.
_base_ = './mask_dino_r50.py'

embed_dims = 128
ffn_cfg = dict(embed_dims=embed_dims, feedforward_channels=512)
attn_cfg = dict(embed_dims=embed_dims)

model = dict(
    num_queries=100,
    initial_boxes='mask_else_proposal',  # masks are empty for the first hundreds of steps from scratch
    backbone=dict(
        depth=18,
        norm_cfg=dict(type='BN', requires_grad=True),
        norm_eval=False,
        init_cfg=None,
    ),
    neck=dict(in_channels=[128, 256, 512], out_channels=embed_dims),
    encoder=dict(num_layers=2, layer_cfg=dict(self_attn_cfg=attn_cfg, ffn_cfg=ffn_cfg)),
    mask_features=dict(in_channels=64),
    decoder=dict(
        num_layers=3,
        layer_cfg=dict(self_attn_cfg=attn_cfg, cross_attn_cfg=attn_cfg, ffn_cfg=ffn_cfg),
    ),
    positional_encoding=dict(num_feats=embed_dims // 2),
    bbox_head=dict(
        embed_dims=embed_dims,
        prior_prob=0.01,  # short training; the reference starts from random biases
        loss_points=dict(num_points=1024),
    ),
)
