"""The released Uni-Hema's golden numbers, and its vision part built from mmdet."""

import functools
import json
import runpy
from pathlib import Path

import numpy as np
import torch
from mmdet.models import DINO
from mmdet.structures import DetDataSample
from mmengine.hub import get_config
from mmengine.registry import init_default_scope
from torch import Tensor, nn
from transformers import T5Config, T5EncoderModel

from unihema_mm.models.released_weights import adapt
from unihema_mm.registry import MODELS
from unihema_mm.utils.released_names import rename

FLAN_T5_BASE = dict(
    vocab_size=32128,
    d_model=768,
    d_kv=64,
    d_ff=2048,
    num_layers=12,
    num_heads=12,
    feed_forward_proj='gated-gelu',
)


class Golden:
    """Inputs, weights and recorded outputs in one folder.

    Args:
        folder (Path): Folder of ``weights_rule.py``, ``keys.json`` and the arrays.
    """

    def __init__(self, folder: Path) -> None:
        self.inputs = np.load(folder / 'inputs.npz')
        self.outputs = np.load(folder / 'outputs.npz')
        self.rule = runpy.run_path(str(folder / 'weights_rule.py'))
        self.entries = json.loads((folder / 'keys.json').read_text())['entries']
        self.tolerances = json.loads((folder / 'config.json').read_text())['tolerance_max_abs']

    def weight(self, name: str) -> Tensor:
        """Draw the tensor of a released name and check it."""
        array = self.rule['tensor'](name, self.entries[name]['shape'], 'public')
        original = self.entries[self.entries[name].get('alias_of') or name]
        assert self.rule['checksum'](array) == original['crc32'], name
        return torch.from_numpy(array)

    def released_state(self) -> dict[str, Tensor]:
        """State dict of the released network; entries that are one tensor share their memory."""
        drawn: dict[str, Tensor] = {}
        for name, entry in self.entries.items():
            original = entry.get('alias_of') or name
            drawn[original] = drawn[original] if original in drawn else self.weight(original)
        return {name: drawn[entry.get('alias_of') or name] for name, entry in self.entries.items()}

    def load(self, module: nn.Module, prefix: str = '', not_released: tuple[str, ...] = ()) -> nn.Module:
        """Fill every entry of a module that is called ``prefix`` in the model; return it in eval mode.

        Entries that start with a name in ``not_released`` keep their values.
        """
        ours = {new: name for name in self.entries for new in rename(name)}
        state = {}
        for name, value in module.state_dict().items():
            if any(map(name.startswith, not_released)):
                state[name] = value
                continue
            if name.endswith('num_batches_tracked') and prefix + name not in ours:
                state[name] = value  # a frozen batch norm of the released backbone counts nothing
                continue
            state[name] = adapt(prefix + name, self.weight(ours[prefix + name]))
        module.load_state_dict(state)
        return module.eval()

    def check(self, name: str, actual: Tensor) -> None:
        """Compare a tensor with what was recorded as ``name`` ('A.memory'), whole or in samples."""
        label = name.split('.', 1)[1]
        tolerance = self.tolerances[max((key for key in self.tolerances if label.startswith(key)), key=len)]
        actual = actual.numpy()
        if name in self.outputs:
            expected = self.outputs[name]
        else:
            assert tuple(self.outputs[f'{name}.shape']) == actual.shape
            stats = (actual.mean(), actual.std(), actual.min(), actual.max())
            np.testing.assert_allclose(stats, self.outputs[f'{name}.stats'], rtol=1e-4, atol=tolerance)
            expected, actual = self.outputs[f'{name}.val'], actual.ravel()[self.outputs[f'{name}.idx']]
        np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance, err_msg=name)

    def images(self, case: str) -> tuple[Tensor, list[DetDataSample]]:
        """Batch of a case, padded with zeros on the right and bottom."""
        names = sorted(name for name in self.inputs.files if name.startswith(f'{case}.image'))
        images = [torch.from_numpy(self.inputs[name]).float() for name in names]
        height, width = (max(image.shape[axis] for image in images) for axis in (1, 2))
        batch = torch.zeros(len(images), 3, height, width)
        samples = []
        for row, image in zip(batch, images, strict=True):
            row[:, : image.size(1), : image.size(2)] = image
            meta = dict(img_shape=tuple(image.shape[1:]), batch_input_shape=(height, width))
            samples.append(DetDataSample(metainfo=meta))
        return batch, samples


@functools.lru_cache(maxsize=1)
def build_detector(folder: Path) -> DINO:
    """mmdet's DINO with the weights of the released backbone, encoder, decoder and heads."""
    init_default_scope('mmdet')
    cfg = get_config('mmdet::dino/dino-4scale_r50_8xb2-12e_coco.py').model
    cfg.backbone.init_cfg = None
    cfg.neck.bias = True
    cfg.bbox_head.num_classes = 30
    model = MODELS.build(dict(cfg, _scope_='mmdet'))
    return Golden(folder).load(model, not_released=('dn_query_generator.',))


@functools.lru_cache(maxsize=2)
@torch.no_grad()
def encode_images(folder: Path, case: str) -> dict:
    """Neck outputs and the inputs and outputs of the encoder for a case."""
    model = build_detector(folder)
    images, samples = Golden(folder).images(case)
    backbone = model.backbone(images)
    maps = model.neck(backbone)
    encoder_inputs, decoder_inputs = model.pre_transformer(maps, samples)
    memory = model.forward_encoder(**encoder_inputs)['memory']
    return dict(
        backbone=backbone,
        maps=maps,
        tokens=encoder_inputs['feat'],
        memory=memory,
        decoder_inputs=decoder_inputs,
    )


@functools.lru_cache(maxsize=1)
@torch.no_grad()
def encode_texts(folder: Path) -> dict[str, Tensor]:
    """T5 encoder outputs (bs, 64, 768) of every case."""
    golden = Golden(folder)
    t5 = golden.load(T5EncoderModel(T5Config(**FLAN_T5_BASE)), 'text_encoder.model.')
    texts = {}
    for case in 'AB':
        ids = torch.from_numpy(golden.inputs[f'{case}.prompt_ids']).long()
        mask = torch.from_numpy(golden.inputs[f'{case}.prompt_mask']).long()
        texts[case] = t5(input_ids=ids, attention_mask=mask).last_hidden_state
    return texts
