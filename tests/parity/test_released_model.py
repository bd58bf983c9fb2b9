"""The released variant as one model, with converted weights, against golden numbers."""

import numpy as np
import pytest
import torch
from mmdet.structures import SampleList
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor
from torch.nn import functional as F
from transformers import BatchEncoding

from unihema_mm.models.features import SmearFeatures
from unihema_mm.models.released_weights import convert_released
from unihema_mm.models.uni_hema import UniHema
from unihema_mm.registry import MODELS

from .released import FLAN_T5_BASE, Golden

CASES = pytest.mark.parametrize('case', ['A', 'B'])


class RecordedTokens:
    """Stands in for T5's tokenizer, which the recording bypassed: text -> recorded ids.

    Texts are named by case and row: prompt 'A0' (as a question 'Q: A0') and target 'target A0'.
    """

    name_or_path = 'recorded'

    def __init__(self, golden: Golden) -> None:
        self.ids = {}
        for case in 'AB':
            for row, ids in enumerate(golden.inputs[f'{case}.prompt_ids']):
                self.ids[f'{case}{row}'] = self.ids[f'Q: {case}{row}'] = ids
            for row, ids in enumerate(golden.inputs[f'{case}.label_ids']):
                self.ids[f'target {case}{row}'] = ids

    def __call__(self, texts: list[str], **_) -> BatchEncoding:
        ids = torch.from_numpy(np.stack([self.ids[text] for text in texts])).long()
        return BatchEncoding(dict(input_ids=ids, attention_mask=(ids != 0).long()))


@pytest.fixture(scope='module')
def golden_folder(reference):
    return reference('uni_hema')


@pytest.fixture(scope='module')
def released_model(golden_folder, repo, tiny_tokenizer) -> UniHema:
    """The model of ``configs/uni_hema/released`` with the golden weights, loaded strictly."""
    init_default_scope('unihema_mm')
    cfg = Config.fromfile(repo / 'configs/uni_hema/released/detector.py').model
    cfg.backbone.init_cfg = None
    cfg.text_encoder.update(
        model=dict(FLAN_T5_BASE, tie_word_embeddings=False), tokenizer=str(tiny_tokenizer)
    )
    model = MODELS.build(cfg)
    golden = Golden(golden_folder)
    converted = convert_released(golden.released_state(), 'golden weights')
    result = model.load_state_dict(converted.state_dict, strict=False)
    assert result.unexpected_keys == []
    assert result.missing_keys == ['text_encoder.tokenizer_fingerprint']
    assert all(golden.entries[name]['dead'] for name in converted.dropped)
    model.text_encoder.tokenizer = model.text_decoder.tokenizer = RecordedTokens(golden)
    return model.eval()


@pytest.fixture
def golden(golden_folder) -> Golden:
    return Golden(golden_folder)


def batch_of(golden: Golden, case: str, *tasks: str) -> tuple[Tensor, SampleList]:
    images, samples = golden.images(case)
    for row, sample in enumerate(samples):
        sample.set_metainfo(
            dict(
                tasks=tasks,
                text=f'{case}{row}',
                questions=[f'{case}{row}'],
                answers=[f'target {case}{row}'],
                ori_shape=sample.img_shape,
                scale_factor=(1.0, 1.0),
            )
        )
    return images, samples


@torch.no_grad()
@CASES
def test_features_and_box_head(released_model, golden, case):
    """From pixels and token ids through backbone, encoder, proposals, TGVR and decoder."""
    texts = []
    hook = released_model.text_refiner.register_forward_hook(
        lambda module, inputs, output: texts.append((inputs[1], output))
    )
    features = SmearFeatures(released_model, *batch_of(golden, case))
    objects = features.objects
    hook.remove()
    ((text, refined),) = texts
    golden.check(f'{case}.t5.encoder', text)
    golden.check(f'{case}.tgvr.out', refined)
    for level, maps in enumerate(features.backbone):
        golden.check(f'{case}.backbone.l{level}', maps)
    for level, maps in enumerate(features.levels):
        golden.check(f'{case}.proj.l{level}', maps)
    golden.check(f'{case}.memory', features.memory.values)
    golden.check(f'{case}.topk.boxes', objects.references[0])
    for layer, states in enumerate(objects.states):
        golden.check(f'{case}.decoder.hs{layer}', states)
    for layer, boxes in enumerate(objects.references[1:], 1):
        golden.check(f'{case}.decoder.ref{layer}', boxes)
    *auxiliary, last = zip(*objects.predictions, strict=True)
    for name, (logits, boxes) in [*((f'aux{i}.', pair) for i, pair in enumerate(auxiliary)), ('', last)]:
        golden.check(f'{case}.{name}pred_logits', logits)
        golden.check(f'{case}.{name}pred_boxes', boxes)


@torch.no_grad()
def test_detections_with_attributes(released_model, golden):
    """``predict`` gives the 300 detections of the released demo, in pixels of another image size."""
    images, samples = batch_of(golden, 'A', 'det', 'morph')
    target = tuple(golden.outputs['A.post.target_size'].tolist())
    height, width = samples[0].img_shape
    samples[0].set_metainfo(dict(ori_shape=target, scale_factor=(width / target[1], height / target[0])))
    found = released_model.predict(images, samples)[0].pred_instances
    assert len(found) == 300
    golden.check('A.post.scores', found.scores)
    clear = torch.from_numpy(golden.outputs['A.post.clear']).bool()
    assert clear.sum() > 200

    def recorded(name):
        return torch.from_numpy(golden.outputs[f'A.post.{name}'])[clear]

    assert torch.equal(found.labels[clear], recorded('labels').long())
    boxes = recorded('boxes')  # not clipped to the image, as mmdet's are
    boxes[:, 0::2].clamp_(0, target[1])
    boxes[:, 1::2].clamp_(0, target[0])
    torch.testing.assert_close(found.bboxes[clear], boxes, rtol=0, atol=golden.tolerances['post.boxes'])
    assert torch.equal(found.attributes[clear], recorded('morphology').long())


@torch.no_grad()
@CASES
def test_attributes_of_all_queries(released_model, golden, case):
    features = SmearFeatures(released_model, *batch_of(golden, case))
    golden.check(f'{case}.pred_morphology', released_model.tasks.morph.head(features.objects.states[-1]))


@torch.no_grad()
@CASES
def test_classification(released_model, golden, case):
    samples = released_model.predict(*batch_of(golden, case, 'cls'))
    golden.check(f'{case}.E_Z', torch.stack([sample.pred_feature for sample in samples]))
    expected = torch.from_numpy(golden.outputs[f'{case}.pred_image_class'])
    tolerance = golden.tolerances['pred_image_class']
    for sample, logits in zip(samples, expected, strict=True):
        torch.testing.assert_close(sample.pred_scores, logits.softmax(dim=-1), rtol=0, atol=tolerance)
        assert sample.pred_label == logits.argmax()


@torch.no_grad()
@CASES
def test_segmentation(released_model, golden, case):
    """The released network stretches its mask to 512 x 512, the size of its data; this one to the input's."""
    finder, coarse, masks = released_model.tasks.seg.finder, [], []
    hooks = [
        finder.upsampler.predict.register_forward_hook(lambda _, inputs, output: coarse.append(output)),
        finder.aggregate.register_forward_hook(lambda _, inputs, output: masks.append(output[:, 0])),
    ]
    images, samples = batch_of(golden, case, 'seg')
    released_model.predict(images, samples)
    for hook in hooks:
        hook.remove()
    golden.check(f'{case}.qgmf.mask_logits', masks[0])

    def stretch(size):
        return F.interpolate(coarse[0], size=size, mode='bilinear', align_corners=False)

    golden.check(f'{case}.pred_mask', stretch((512, 512)))
    for sample, mask in zip(samples, stretch(images.shape[-2:]), strict=True):
        height, width = sample.img_shape
        assert torch.equal(sample.pred_sem_seg.sem_seg, (mask[:, :height, :width] > 0).to(torch.uint8))


@torch.no_grad()
@CASES
def test_text_loss_reads_the_fused_embedding(released_model, golden, case):
    fused = []
    hook = released_model.text_fusion.register_forward_hook(lambda *args: fused.append(args[-1]))
    losses = released_model.loss(*batch_of(golden, case, 'vqa'))
    hook.remove()
    golden.check(f'{case}.cmf.out', fused[0])
    golden.check(f'{case}.text.loss', losses['vqa.loss_text'])


@torch.no_grad()
@CASES
def test_text_is_generated_from_the_prompt_alone(released_model, golden, case, monkeypatch):
    read = []
    monkeypatch.setattr(
        released_model.text_decoder, 'generate', lambda *args: read.append(args) or [''] * len(args[0])
    )
    released_model.predict(*batch_of(golden, case, 'vqa'))
    ((embedding, padding, num_beams, max_new_tokens),) = read
    golden.check(f'{case}.t5.encoder', embedding)
    assert torch.equal(padding, torch.from_numpy(golden.inputs[f'{case}.prompt_mask']) == 0)
    assert (num_beams, max_new_tokens) == (4, 63)
