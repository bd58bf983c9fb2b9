"""What a first stage can begin with: a DINO of COCO as the guide says, an ImageNet backbone, a T5."""

import json
import textwrap

import pytest
import torch
from mmdet.models import ResNet
from mmengine.hub import get_config
from mmengine.registry import init_default_scope
from transformers import T5Config, T5ForConditionalGeneration

from unihema_mm.models.text.tokenizer import load_tokenizer
from unihema_mm.registry import MODELS

from .watched_stages import SMALL, train_watched

DINO_FILE = 'dino-4scale_r50_8xb2-36e_coco.pth'
DIMS = 128
BACKBONE = dict(
    depth=18,
    base_channels=SMALL['model.backbone.base_channels'],
    norm_cfg=dict(type='BN', requires_grad=True),
    init_cfg=None,
)
T5 = dict(d_model=128, d_kv=16, d_ff=64, num_layers=1, num_heads=8, feed_forward_proj='gated-gelu')


@pytest.fixture
def coco_dino(tmp_path):
    """Checkpoint with the names of mmdet's DINO and its 80 classes, in the sizes of the small model."""
    init_default_scope('mmdet')
    cfg = get_config('mmdet::dino/dino-4scale_r50_8xb2-36e_coco.py').model
    ffn = dict(embed_dims=DIMS, feedforward_channels=512)
    for node, values in (
        (cfg, dict(num_queries=SMALL['model.num_queries'])),
        (cfg.backbone, BACKBONE),
        (cfg.neck, dict(in_channels=SMALL['model.neck.in_channels'], out_channels=DIMS)),
        (cfg.encoder, dict(num_layers=SMALL['model.encoder.num_layers'])),
        (cfg.decoder, dict(num_layers=SMALL['model.decoder.num_layers'])),
        (cfg.encoder.layer_cfg.self_attn_cfg, dict(embed_dims=DIMS)),
        (cfg.encoder.layer_cfg.ffn_cfg, ffn),
        (cfg.decoder.layer_cfg.self_attn_cfg, dict(embed_dims=DIMS)),
        (cfg.decoder.layer_cfg.cross_attn_cfg, dict(embed_dims=DIMS)),
        (cfg.decoder.layer_cfg.ffn_cfg, ffn),
        (cfg.positional_encoding, dict(num_feats=DIMS // 2)),
        (cfg.bbox_head, dict(embed_dims=DIMS)),
    ):
        node.update(values)
    torch.manual_seed(7)
    model = MODELS.build(dict(cfg, _scope_='mmdet'))
    init_default_scope('unihema_mm')
    assert model.bbox_head.num_classes == 80
    weights = model.state_dict()
    torch.save(dict(meta={}, state_dict=weights), tmp_path / DINO_FILE)
    return weights


def guide_config(repo, tmp_path, number):
    """Config of a tiny stage with the example for it in the guide, word for word but for the folder."""
    text = (repo / 'docs/how_to/train_stages.md').read_text().split('### Other starting points')[1]
    blocks = [block for block in text.split('\n\n') if block.startswith('    stage = dict(')]
    example = textwrap.dedent(blocks[{1: 0, 3: 1}[number]])
    assert DINO_FILE in example
    path = tmp_path / f'stage{number}.py'
    base = repo / f'configs/uni_hema/tiny/stage{number}.py'
    path.write_text(f'_base_ = {str(base)!r}\n{example.replace(DINO_FILE, str(tmp_path / DINO_FILE))}')
    return path


def parts(folder):
    report = json.loads((folder / 'start_report.json').read_text())
    return {(row['part'], row['source']): row for row in report['parts']}


def holds(stage, weights, *modules, but=()):
    """Whether a stage began with these weights; those with two names have the first in it."""
    names = [name for name in weights if name.startswith(modules) and not name.startswith(tuple(but))]
    pairs = [(stage.before[name], weights[name]) for name in names if name in stage.before]
    return bool(pairs) and all(torch.equal(*pair) for pair in pairs)


def test_the_guide_begins_with_a_dino_of_coco(
    repo, coco_dino, toy_options, watched_stages, watched_work_dir, tmp_path
):
    work = tmp_path / 'work'
    first = train_watched(guide_config(repo, tmp_path, 1), work / 'stage1', options=toy_options)
    assert holds(first, coco_dino, 'backbone.', 'neck.', 'level_embed', 'encoder.')
    assert not holds(first, coco_dino, 'decoder.')
    dino = str(tmp_path / DINO_FILE)
    assert {part for part, source in parts(work / 'stage1') if source == dino} == {
        'backbone',
        'neck',
        'level_embed',
        'encoder',
    }

    (work / 'stage2').symlink_to(watched_work_dir / 'stage2')
    third = train_watched(guide_config(repo, tmp_path, 3), work / 'stage3', options=toy_options)
    assert holds(
        third,
        coco_dino,
        *('decoder.', 'bbox_head.', 'memory_trans_fc.', 'memory_trans_norm.', 'query_embedding.'),
        but=['bbox_head.cls_branches'],
    )
    assert holds(third, first.checkpoint['state_dict'], 'backbone.', 'encoder.', 'tasks.cls.')
    assert holds(third, watched_stages[1].checkpoint['state_dict'], 'text_encoder.', 'text_decoder.')
    rows = parts(work / 'stage3')
    assert rows['decoder', dino]['tensors'] and rows['bbox_head', dino]['tensors']
    assert rows['bbox_head', None]['tensors'] and rows['dn_query_generator', None]['tensors']


def test_a_backbone_of_imagenet_and_a_t5(repo, toy_options, tmp_path):
    torch.manual_seed(6)
    weights = ResNet(**BACKBONE).state_dict()
    weights['fc.weight'] = torch.zeros(1000, 64)  # the file of an ImageNet model has it
    torch.save(weights, tmp_path / 'resnet18.pth')
    tokenizer = load_tokenizer(toy_options['model.text_encoder.tokenizer'])
    torch.manual_seed(5)
    T5ForConditionalGeneration(
        T5Config(**T5, vocab_size=len(tokenizer), decoder_start_token_id=tokenizer.pad_token_id)
    ).save_pretrained(tmp_path / 't5')
    tokenizer.save_pretrained(tmp_path / 't5')
    options = {
        **toy_options,
        'model.backbone.init_cfg': dict(
            type='Pretrained', checkpoint=str(tmp_path / 'resnet18.pth'), _delete_=True
        ),
        'model.text_encoder.model': str(tmp_path / 't5'),
    }
    stage = train_watched(repo / 'configs/uni_hema/tiny/stage1.py', tmp_path / 'stage1', options=options)
    own = {f'backbone.{name}': value for name, value in weights.items() if not name.startswith('fc.')}
    assert holds(stage, own, 'backbone.')
    t5 = T5ForConditionalGeneration.from_pretrained(tmp_path / 't5').state_dict()
    for name in ('encoder.block.0.layer.1.DenseReluDense.wi_0.weight', 'encoder.final_layer_norm.weight'):
        assert torch.equal(stage.before[f'text_encoder.model.{name}'], t5[name])
    name = 'decoder.block.0.layer.2.DenseReluDense.wo.weight'
    assert torch.equal(stage.before[f'text_decoder.model.{name}'], t5[name])
    rows = parts(tmp_path / 'stage1')
    assert rows['backbone', None]['pretrained'] == str(tmp_path / 'resnet18.pth')
    assert rows['text_encoder', None]['pretrained'] == rows['text_decoder', None]['pretrained']
    assert rows['text_encoder', None]['pretrained'] == str(tmp_path / 't5')
