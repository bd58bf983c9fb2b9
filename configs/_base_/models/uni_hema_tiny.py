# Small enough for two CPU cores: R18 from scratch, 128 dimensions, a random T5.
_base_ = './uni_hema_r50.py'

embed_dims = 128
ffn_cfg = dict(embed_dims=embed_dims, feedforward_channels=512)
cross_attn_cfg = dict(embed_dims=embed_dims)

model = dict(
    num_queries=100,
    backbone=dict(
        depth=18,
        frozen_stages=-1,
        norm_cfg=dict(type='BN', requires_grad=True),
        norm_eval=False,
        init_cfg=None,
    ),
    neck=dict(in_channels=[128, 256, 512], out_channels=embed_dims),
    encoder=dict(num_layers=2, layer_cfg=dict(self_attn_cfg=cross_attn_cfg, ffn_cfg=ffn_cfg)),
    decoder=dict(
        num_layers=3,
        layer_cfg=dict(
            self_attn_cfg=dict(embed_dims=embed_dims), cross_attn_cfg=cross_attn_cfg, ffn_cfg=ffn_cfg
        ),
    ),
    positional_encoding=dict(num_feats=embed_dims // 2),
    text_encoder=dict(
        model=dict(
            _delete_=True,
            vocab_size=1024,
            d_model=128,
            d_kv=16,
            d_ff=256,
            num_layers=2,
            num_heads=8,
            feed_forward_proj='gated-gelu',
            tie_word_embeddings=False,
        ),
        tokenizer='data/synthetic/tokenizer',
    ),
    bbox_head=dict(embed_dims=embed_dims),
    test_cfg=dict(max_per_img=100),
)
