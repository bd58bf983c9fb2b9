"""CMF, SCFE, QGMF and heads in their released form against golden numbers of the released Uni-Hema."""

import pytest
import torch

from unihema_mm.models import (
    CellAttributeHead,
    CellClassHead,
    CrossModalFusion,
    QueryGuidedMaskFinder,
    SingleCellFeatureExtraction,
)
from unihema_mm.utils.released_names import death_of, rename, twin_of

from .released import Golden, build_detector, encode_images, encode_texts

CASES = pytest.mark.parametrize('case', ['A', 'B'])


@pytest.fixture
def folder(reference):
    return reference('uni_hema')


@pytest.fixture
def golden(folder):
    return Golden(folder)


def record(outputs, name, pick=lambda inputs, output: output):
    """Forward hook that keeps what ``pick`` returns under ``name``."""
    return lambda module, inputs, output: outputs.update({name: pick(inputs, output)})


def test_every_released_name_has_a_rule(golden):
    """No two names claim one place; a name without a place is dead or the twin of one that has one."""
    renamed = {name: rename(name) for name in golden.entries}
    places = [place for group in renamed.values() for place in group]
    assert len(golden.entries) == 1062
    assert len(places) == len(set(places))
    original = {name: entry.get('alias_of') or name for name, entry in golden.entries.items()}
    for name, group in renamed.items():
        twin = twin_of(name)
        assert bool(group) + bool(twin) + bool(death_of(name)) == 1, name
        if twin:
            assert original[twin] == original[name]
            assert renamed[twin]
        if death_of(name):
            assert golden.entries[name]['dead'], name


def test_unknown_released_name_is_an_error():
    with pytest.raises(KeyError, match=r'xformer\.layers\.0\.dropout\.weight'):
        rename('xformer.layers.0.dropout.weight')


@CASES
def test_backbone_neck_and_encoder(golden, folder, case):
    vision = encode_images(folder, case)
    for level, features in enumerate(vision['backbone']):
        golden.check(f'{case}.backbone.l{level}', features)
    for level, features in enumerate(vision['maps']):
        golden.check(f'{case}.proj.l{level}', features)
    golden.check(f'{case}.memory', vision['memory'])


@torch.no_grad()
def test_decoder_and_heads(golden, folder):
    """From the recorded queries and reference boxes of case A."""
    model, vision = build_detector(folder), encode_images(folder, 'A')
    outputs = model.forward_decoder(
        query=torch.from_numpy(golden.outputs['A.tgvr.out']),
        memory=vision['memory'],
        reference_points=torch.from_numpy(golden.outputs['A.topk.boxes']),
        **vision['decoder_inputs'],
    )
    logits, boxes = model.bbox_head(**outputs)
    for layer, states in enumerate(outputs['hidden_states']):
        golden.check(f'A.decoder.hs{layer}', states)
    golden.check('A.pred_logits', logits[-1])
    golden.check('A.pred_boxes', boxes[-1])


@torch.no_grad()
@CASES
def test_single_cell_features_and_classes(golden, folder, case):
    extract = golden.load(SingleCellFeatureExtraction(mean_over_padding=True), 'tasks.cls.feature.')
    head = golden.load(CellClassHead(), 'tasks.cls.head.')
    features = extract(encode_images(folder, case)['memory'])
    golden.check(f'{case}.E_Z', features)
    golden.check(f'{case}.pred_image_class', head(features))


@torch.no_grad()
@CASES
def test_attributes(golden, case):
    head = golden.load(CellAttributeHead(), 'tasks.morph.head.')
    golden.check(f'{case}.pred_morphology', head(torch.from_numpy(golden.outputs[f'{case}.decoder.hs5'])))


@torch.no_grad()
def test_attributes_of_detections(golden):
    """The values that the released demo shows for its 300 best detections."""
    head = golden.load(CellAttributeHead(), 'tasks.morph.head.')
    _, values = head.predict(torch.from_numpy(golden.outputs['A.decoder.hs5'])[0])
    scores = torch.from_numpy(golden.outputs['A.pred_logits'])[0].sigmoid()
    query = scores.flatten().topk(300).indices // scores.size(1)
    clear = torch.from_numpy(golden.outputs['A.post.clear']).bool()
    assert clear.sum() > 200
    assert torch.equal(
        values[query][clear], torch.from_numpy(golden.outputs['A.post.morphology'])[clear].long()
    )


@torch.no_grad()
@CASES
def test_mask_finder(golden, folder, case):
    finder = golden.load(QueryGuidedMaskFinder(pixel_map='branches', stride=None), 'tasks.seg.finder.')
    outputs = {}
    finder.query_embed.register_forward_hook(record(outputs, 'query0', lambda _, output: output[:, 0]))
    finder.pixel_map.register_forward_hook(record(outputs, 'parts', lambda inputs, _: inputs))
    finder.aggregate.register_forward_hook(record(outputs, 'mask', lambda _, output: output[:, 0]))
    finder.upsampler.fuse.register_forward_hook(record(outputs, 'fused'))

    vision = encode_images(folder, case)
    mask = finder(
        torch.from_numpy(golden.outputs[f'{case}.decoder.hs5']),
        vision['memory'],
        vision['maps'][0].shape[-2:],
        vision['maps'][0],
        output_size=(512, 512),
    )
    golden.check(f'{case}.qgmf.enc_map', outputs['parts'][0])
    golden.check(f'{case}.qgmf.backbone_map', outputs['parts'][1])
    golden.check(f'{case}.qgmf.query0', outputs['query0'])
    golden.check(f'{case}.qgmf.mask_logits', outputs['mask'])
    golden.check(f'{case}.upsampler.fused', outputs['fused'])
    golden.check(f'{case}.pred_mask', mask)


@torch.no_grad()
@CASES
def test_cross_modal_fusion(golden, folder, case):
    fusion = CrossModalFusion(num_layers=2, order=('image', 'text'), ffn_dims=1024, text_residual=True)
    golden.load(fusion, 'text_fusion.')
    outputs = {}
    for index, layer in enumerate(fusion.layers):
        layer.norms['image'].register_forward_hook(record(outputs, f'layer{index}.img'))
        layer.norms['text'].register_forward_hook(record(outputs, f'layer{index}.txt'))
        layer.ffn_norm.register_forward_hook(record(outputs, f'layer{index}.ffn'))
    text = encode_texts(folder)[case]
    golden.check(f'{case}.t5.encoder', text)
    outputs['out'] = fusion(text, encode_images(folder, case)['tokens'])
    for name, value in outputs.items():
        golden.check(f'{case}.cmf.{name}', value)
