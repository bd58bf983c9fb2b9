"""Converter of the released checkpoint, on entries of every kind. tests/parity has the whole network."""

import argparse
import re
import runpy
import sys
from fractions import Fraction

import pytest
import torch

from unihema_mm.models.layers.box_encoding import widen_box_encoding
from unihema_mm.models.released_weights import convert_released
from unihema_mm.utils.checkpoint import read_checkpoint
from unihema_mm.utils.errors import InputError
from unihema_mm.utils.released_names import DEAD, RENAMED, rename

BOX_ENCODING = 'transformer.decoder.ref_point_head.layers.0.weight'
GATE = 'transformer.gate_mlp.2.weight'


def example(pattern):
    """A name that the pattern of a rule fits."""
    name = re.sub(r'\(\?!.*?\)', '', pattern).replace(r'(\d)', '0').replace('[1-5]', '2')
    name = re.sub(r'\(([^()|]+)\|.*?\)', r'\1', name)
    name = re.sub(r'[()]', '', name).replace('.+', 'weight').replace('\\', '')
    assert re.fullmatch(pattern, name), (pattern, name)
    return name


@pytest.fixture
def released():
    """Small tensors under one name of every rule; twins share the memory of their originals."""
    torch.manual_seed(0)
    weights = {example(pattern): torch.randn(3, 2) for pattern, *_ in (*RENAMED, *DEAD)}
    shared = torch.randn(3, 2)
    weights[BOX_ENCODING] = torch.randn(5, 16)
    weights[GATE] = torch.randn(7, 2)
    weights['transformer.encoder.cls_token'] = torch.randn(1, 1, 6)
    weights['backbone.0.body.bn1.running_var'] = torch.rand(4)
    for index in range(2):
        weights[f'class_embed.{index}.bias'] = weights[f'transformer.decoder.class_embed.{index}.bias'] = (
            shared
        )
    weights['morphology_embed.0.bias'] = weights['morphology_embed.5.bias'] = shared
    weights['T5_model.encoder.embed_tokens.weight'] = weights['T5_model.shared.weight']
    return weights


@pytest.fixture
def convert(repo, tmp_path, monkeypatch, capsys):
    """Callable (checkpoint, target name) -> exit code, output and target of the tool."""

    def run(checkpoint, target='out.pth'):
        torch.save(checkpoint, tmp_path / 'in.pth')
        tool = str(repo / 'tools/model_converters/uni_hema_released.py')
        monkeypatch.setattr(sys, 'argv', [tool, str(tmp_path / 'in.pth'), str(tmp_path / target)])
        try:
            runpy.run_path(tool, run_name='__main__')
            code = 0
        except SystemExit as end:
            code = end.code
        return code, capsys.readouterr(), tmp_path / target

    return run


def test_every_rule_has_its_effect(released):
    converted = convert_released(released, 'in.pth').state_dict
    for name, value in released.items():
        for ours in rename(name):
            assert converted[ours].shape == value.shape or ours in (
                'decoder.ref_point_head.layers.0.weight',
                'tasks.cls.feature.query',
                'dn_query_generator.label_embedding.weight',
            )
    assert torch.equal(
        converted['decoder.ref_point_head.layers.0.weight'], widen_box_encoding(released[BOX_ENCODING])
    )
    assert converted['tasks.cls.feature.query'].shape == (6,)
    assert torch.equal(
        converted['dn_query_generator.label_embedding.weight'], released['label_enc.weight'][:2]
    )
    for half in ('text_encoder', 'text_decoder'):
        assert torch.equal(converted[f'{half}.model.shared.weight'], released['T5_model.shared.weight'])


def test_added_weights_change_nothing(released):
    result = convert_released(released, 'in.pth')
    assert result.added == ['text_refiner.fusion.scale', 'backbone.bn1.num_batches_tracked']
    assert torch.equal(result.state_dict['text_refiner.fusion.scale'], torch.ones(7))
    assert result.state_dict['backbone.bn1.num_batches_tracked'] == 0


@pytest.mark.parametrize('suffix', ['pth', 'safetensors'])
def test_tool_reads_a_training_checkpoint(convert, released, suffix):
    """As the released training code writes it: with its command line beside the weights."""
    checkpoint = dict(
        model={f'module.{name}': value for name, value in released.items()},
        args=argparse.Namespace(lr=1e-4),
        epoch=23,
    )
    code, output, target = convert(checkpoint, f'out.{suffix}')
    assert code == 0
    expected = convert_released(released, '')
    for name in expected.dropped:
        assert name in output.out
    written = read_checkpoint(target)['state_dict']
    assert written.keys() == expected.state_dict.keys()
    assert all(torch.equal(written[name], value) for name, value in expected.state_dict.items())


def test_bare_state_dict(convert, released):
    assert convert(released)[0] == 0


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda weights: weights.update({'xformer.gate.weight': torch.ones(1)}), 'xformer.gate.weight'),
        (lambda weights: weights.pop('transformer.level_embed'), 'level_embed'),
        (
            lambda weights: weights.update({'transformer.decoder.class_embed.1.bias': torch.ones(3, 2)}),
            'transformer.decoder.class_embed.1.bias is not equal to class_embed.1.bias',
        ),
        (lambda weights: weights.update(epoch=3), 'epoch is no tensor'),
    ],
    ids=['unknown', 'missing', 'untied', 'no tensor'],
)
def test_wrong_checkpoints_end_in_one_line(convert, released, change, message):
    change(released)
    code, output, target = convert(released)
    assert code == 2
    assert output.out == '' and output.err.count('\n') == 1
    assert message in output.err and 'in.pth' in output.err
    assert not target.exists()


def test_twin_without_its_original(released):
    released['morphology_embed.3.bias'] = torch.ones(2)
    with pytest.raises(
        InputError, match=r'morphology_embed\.3\.bias is not equal to morphology_embed\.0\.bias'
    ):
        convert_released(released, 'in.pth')


def test_code_in_the_file_is_not_run(convert, released):
    code, output, target = convert(dict(model=released, args=Fraction(1, 2)))
    assert code == 2 and 'fractions.Fraction' in output.err and not target.exists()


def test_unknown_suffix(convert, released):
    code, output, _ = convert(released, 'out.bin')
    assert code == 2 and '.safetensors' in output.err
