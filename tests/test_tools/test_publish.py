"""A published model stands alone and tests like the checkpoint it was made from."""

import copy
import json
import os
import shutil
from hashlib import sha256
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from transformers import T5Config, T5ForConditionalGeneration

from unihema_mm.engine.portable_config import PortableConfig
from unihema_mm.engine.publishing import publish
from unihema_mm.models.text.tokenizer import tokenizer_fingerprint
from unihema_mm.registry import MODELS
from unihema_mm.utils.checkpoint import check_fit, read_checkpoint
from unihema_mm.utils.code_version import code_version
from unihema_mm.utils.errors import InputError

TOKENIZER = 'model["text_encoder"]["tokenizer"] = {!r}'
FILES = {'README.md', 'config.py', 'model.safetensors', 'model_card.json', 'tokenizer'}


@pytest.fixture
def config(toy_config, tiny_tokenizer, tmp_path):
    """Config file whose tokenizer can be removed."""
    init_default_scope('unihema_mm')
    shutil.copytree(tiny_tokenizer, tmp_path / 'own_tokenizer')
    return toy_config(extra=TOKENIZER.format(str(tmp_path / 'own_tokenizer')), objects=(2, 1, 3))


@pytest.fixture
def checkpoint(config, tmp_path):
    """Random weights of the config; two of them are one tensor."""
    model = MODELS.build(Config.fromfile(config).model)
    path = tmp_path / 'work' / 'epoch_3.pth'
    path.parent.mkdir()
    spaces = {'bbox_head.cls_branches': dict(classes=['red', 'blue'])}
    meta = dict(epoch=3, iter=12, label_spaces=spaces)
    torch.save(dict(state_dict=model.state_dict(), meta=meta, optimizer={'state': {}}), path)
    return path


def test_the_folder_tests_like_the_checkpoint(config, call_tool, tmp_path, capfd):
    assert (
        call_tool('train.py', config, '--cfg-options', 'train_cfg.max_epochs=1', 'train_cfg.val_interval=9')
        == 0
    )
    trained = tmp_path / 'work_dirs' / 'toy_config' / 'epoch_1.pth'
    assert call_tool('test.py', config, trained, '--work-dir', trained.parent) == 0
    arguments = ['model_converters/publish.py', trained, '--config', config, '--out', 'published']
    assert call_tool(*arguments) == 0
    assert '1 annotation files' not in capfd.readouterr().out  # train, val and test

    shutil.move(tmp_path / 'published', tmp_path / 'elsewhere')
    shutil.rmtree(tmp_path / 'own_tokenizer')
    folder = tmp_path / 'elsewhere'
    assert {path.name for path in folder.iterdir()} == FILES
    weights = folder / 'model.safetensors'
    assert call_tool('test.py', folder / 'config.py', weights, '--work-dir', tmp_path / 'again') == 0
    metrics = json.loads((tmp_path / 'again' / 'test_metrics.json').read_text())
    assert metrics == json.loads((trained.parent / 'test_metrics.json').read_text())
    card = json.loads((folder / 'model_card.json').read_text())
    assert card['metrics'] == metrics and len(metrics) > 5


def test_card(config, checkpoint, call_tool, tmp_path, monkeypatch, capfd):
    metrics = tmp_path / 'metrics.json'
    metrics.write_text('{"coco/bbox_mAP": 0.25}')
    report = dict(
        starts=[dict(checkpoint='/elsewhere/work/stage1/epoch_9.pth', sha256='ab', modules=['neck'])]
    )
    (checkpoint.parent / 'start_report.json').write_text(json.dumps(report))
    (tmp_path / 'toy' / 'annotations' / 'val.json').unlink()
    pretrained = "dict(_delete_=True, type='Pretrained', checkpoint='torchvision://resnet18')"
    with config.open('a') as file:
        file.write(f'model["backbone"]["init_cfg"] = {pretrained}\nstage_name = "4: cells"\n')
    code = call_tool(
        'model_converters/publish.py', checkpoint, '--config', config, '--out', 'a/b', '--metrics', metrics,
    )  # fmt: skip
    assert code == 0 and 'absent: toy/annotations/val.json' in capfd.readouterr().out
    folder = tmp_path / 'a' / 'b'
    card = json.loads((folder / 'model_card.json').read_text())
    train = (tmp_path / 'toy' / 'annotations' / 'train.json').read_bytes()
    assert card['data'][0] == dict(
        name='toy',
        annotations='toy/annotations/train.json',
        sha256=sha256(train).hexdigest(),
        licence='none',
        used_for=['train'],
    )
    assert [item['sha256'] is None for item in card['data']] == [
        'val.json' in item['annotations'] for item in card['data']
    ]
    assert card['stage'] == '4: cells' and card['config'] == 'toy_config.py'
    assert card['checkpoint'] == dict(file='epoch_3.pth', epoch=3, iteration=12)
    assert card['metrics'] == {'coco/bbox_mAP': 0.25} and card['code'] == code_version()
    assert card['starts'] == [dict(checkpoint='stage1/epoch_9.pth', sha256='ab', modules=['neck'])]
    assert card['pretrained'] == ['torchvision://resnet18'] and 'research use' in card['use']
    assert card['weights_sha256'] == sha256((folder / 'model.safetensors').read_bytes()).hexdigest()
    text = (folder / 'README.md').read_text()
    for part in ('research use', '| coco/bbox_mAP | 0.2500 |', 'stage 4: cells', card['weights_sha256']):
        assert part in text
    assert "'{{ fileDirname }}/tokenizer'" in (folder / 'config.py').read_text()
    published_config = Config.fromfile(folder / 'config.py')
    assert published_config.model.backbone.init_cfg is None
    images = json.loads(train)['images']
    assert tuple(published_config.field_size['det']) == (images[0]['width'], images[0]['height'])

    published = read_checkpoint(folder / 'model.safetensors')
    original = read_checkpoint(checkpoint)
    assert published['meta'] == dict(label_spaces=original['meta']['label_spaces'])
    assert published['state_dict'].keys() == original['state_dict'].keys()
    assert all(torch.equal(published['state_dict'][k], v) for k, v in original['state_dict'].items())


def test_an_existing_folder(config, checkpoint, call_tool, tmp_path, capfd):
    arguments = ['model_converters/publish.py', checkpoint, '--config', config, '--out', 'out']
    (tmp_path / 'out').mkdir()
    precious = tmp_path / 'out' / 'thesis.tex'
    precious.touch()
    assert call_tool(*arguments) == 2 and 'out: exists already' in capfd.readouterr().err
    assert call_tool(*arguments, '--force') == 2 and 'is not a published model' in capfd.readouterr().err
    precious.unlink()
    assert call_tool(*arguments, '--force') == 0
    (tmp_path / 'out' / 'old').touch()
    (checkpoint.parent / 'test_metrics.json').write_text('{"a": 1}')
    os.utime(checkpoint.parent / 'test_metrics.json', (1, 1))
    assert call_tool(*arguments, '--force') == 0 and 'older than the checkpoint' in capfd.readouterr().out
    assert {path.name for path in (tmp_path / 'out').iterdir()} == FILES
    assert not list(tmp_path.glob('.out*'))


class _Bait:
    def __reduce__(self):
        return os.mkdir, ('bait',)


def test_an_error_leaves_nothing(config, checkpoint, call_tool, tmp_path, capfd):
    def refused(path, *options):
        code = call_tool('model_converters/publish.py', path, '--config', config, '--out', 'out', *options)
        assert code == 2 and not (tmp_path / 'out').exists() and not list(tmp_path.glob('.out*'))
        return capfd.readouterr().err

    assert 'of another shape' in refused(checkpoint, '--cfg-options', 'model.bbox_head.num_classes=5')
    evil = tmp_path / 'evil.pth'
    torch.save(dict(state_dict={}, meta=_Bait()), evil)
    assert 'evil.pth: refused, it names' in refused(evil) and not (tmp_path / 'bait').exists()
    evil.write_bytes(checkpoint.read_bytes()[:3000])
    assert 'evil.pth: ' in refused(evil)
    (tmp_path / 'metrics.json').write_text('[1]')
    assert 'metrics cannot be read' in refused(checkpoint, '--metrics', tmp_path / 'metrics.json')
    assert 'absent.json' in refused(checkpoint, '--metrics', 'absent.json')
    shutil.rmtree(tmp_path / 'own_tokenizer')
    assert 'own_tokenizer' in refused(checkpoint)


def test_a_text_model_given_by_name(config, tiny_tokenizer, tmp_path):
    """Neither its weights nor its folder are needed afterwards."""
    cfg = Config.fromfile(config)
    fields = dict(
        vocab_size=512, d_model=16, d_kv=8, d_ff=24, num_layers=1, num_decoder_layers=2, num_heads=2,
        feed_forward_proj='gated-gelu', tie_word_embeddings=False, decoder_start_token_id=0,
    )  # fmt: skip
    t5 = tmp_path / 't5'
    T5ForConditionalGeneration(T5Config(**fields)).save_pretrained(t5)
    shutil.copytree(tiny_tokenizer, t5, dirs_exist_ok=True)
    cfg.model.text_encoder = dict(type='T5TextEncoder', model=str(t5))
    cfg.model.text_decoder = dict(type='T5TextDecoder')
    model = MODELS.build(copy.deepcopy(cfg.model))  # mmdet changes what it builds from
    torch.save(model.state_dict(), tmp_path / 'plain.pth')
    card = publish(cfg, tmp_path / 'plain.pth', tmp_path / 'out')
    assert card['pretrained'] == [str(t5)] and card['metrics'] is None
    shutil.rmtree(t5)
    again = MODELS.build(Config.fromfile(tmp_path / 'out' / 'config.py').model)
    check_fit(again, read_checkpoint(tmp_path / 'out' / 'model.safetensors'), 'out')
    assert torch.equal(
        tokenizer_fingerprint(again.text_decoder.tokenizer),
        tokenizer_fingerprint(model.text_decoder.tokenizer),
    )
    assert again.text_encoder.model.config.feed_forward_proj == 'gated-gelu'
    model.eval(), again.eval()
    samples = [SimpleNamespace(metainfo=dict(text='This image is for the detection of Malaria cells'))]
    assert torch.equal(again.encode_text(samples).tokens, model.encode_text(samples).tokens)
    again.text_decoder.eval(), model.text_decoder.eval()
    fused = torch.randn(1, 3, 16)
    assert torch.equal(
        again.text_decoder.logits(fused, None, torch.tensor([[5, 1]])),
        model.text_decoder.logits(fused, None, torch.tensor([[5, 1]])),
    )


def test_what_belongs_to_a_run_is_left_out():
    cfg = Config(
        dict(
            model=dict(type='DINO', backbone=dict(init_cfg=dict(type='Pretrained', checkpoint='a.pth'))),
            custom_hooks=[dict(type='StageStartHook', starts=[]), dict(type='ClassCountHook')],
            work_dir='/elsewhere/work',
            load_from='/elsewhere/start.pth',
        )
    )
    portable = PortableConfig(cfg)
    assert '/elsewhere' not in portable.text() and 'StageStartHook' not in portable.text()
    assert portable.cfg.custom_hooks == [dict(type='ClassCountHook')] and cfg.work_dir
    assert portable.pretrained == ['a.pth'] and portable.tokenizers == {}
    with pytest.raises(InputError, match='model cannot be written'):
        portable.check(
            Config(dict(model=1, custom_hooks=portable.cfg.custom_hooks, load_from=None, resume=False)), '.'
        )
