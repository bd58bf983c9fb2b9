"""T5 encoder and gated TGVR against golden numbers of the released Uni-Hema."""

import json
import runpy

import numpy as np
import pytest
import torch

from unihema_mm.models import T5TextEncoder, TextGuidedVisualRefinement

FLAN_T5_BASE = dict(
    vocab_size=32128,
    d_model=768,
    d_kv=64,
    d_ff=2048,
    num_layers=12,
    num_heads=12,
    feed_forward_proj='gated-gelu',
)
REFINER_NAMES = {
    'text_proj.': 'transformer.text_proj.',
    'attention.': 'transformer.cross_attnn.',
    'fusion.mlp.': 'transformer.gate_mlp.',
}


@pytest.fixture
def golden(reference):
    """Recorded arrays, and a callable that draws the weight of a released name."""
    folder = reference('uni_hema')
    rule = runpy.run_path(str(folder / 'weights_rule.py'))
    entries = json.loads((folder / 'keys.json').read_text())['entries']

    def weight(name):
        array = rule['tensor'](name, entries[name]['shape'], 'public')
        original = entries[entries[name].get('alias_of', name)]
        assert rule['checksum'](array) == original['crc32'], name
        return torch.from_numpy(array)

    config = json.loads((folder / 'config.json').read_text())
    return (
        np.load(folder / 'inputs.npz'),
        np.load(folder / 'outputs.npz'),
        weight,
        config['tolerance_max_abs'],
    )


def test_text_features_and_refined_queries(golden, tiny_tokenizer):
    inputs, outputs, weight, tolerance = golden
    text_encoder = T5TextEncoder(FLAN_T5_BASE, tokenizer=str(tiny_tokenizer)).eval()
    t5 = text_encoder.model
    t5.load_state_dict({name: weight(f'T5_model.{name}') for name in t5.state_dict()})

    refiner = TextGuidedVisualRefinement(fusion='gate', identity_init=False)
    released = {
        name: weight(name.replace(ours, theirs))
        for ours, theirs in REFINER_NAMES.items()
        for name in refiner.state_dict()
        if name.startswith(ours)
    }
    result = refiner.load_state_dict(released, strict=False)
    assert result.missing_keys == ['fusion.scale']  # 1 in the released form
    queries = weight('transformer.tgt_embed.weight')

    for case in 'AB':
        ids = torch.from_numpy(inputs[f'{case}.prompt_ids']).long()
        mask = torch.from_numpy(inputs[f'{case}.prompt_mask']).long()
        with torch.no_grad():
            text = t5(input_ids=ids, attention_mask=mask).last_hidden_state
            # The released network attends to padded text; so no padding mask here.
            refined = refiner(queries.expand(len(ids), -1, -1), text)
        for name, value in (('t5.encoder', text), ('tgvr.out', refined)):
            expected = outputs.get(f'{case}.{name}')
            actual = value.numpy()
            if expected is None:
                expected = outputs[f'{case}.{name}.val']
                actual = actual.ravel()[outputs[f'{case}.{name}.idx']]
            np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance[name])
