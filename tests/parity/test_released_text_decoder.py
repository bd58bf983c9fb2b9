"""T5 decoder on CMF's output and on the prompt alone, against golden numbers of the released Uni-Hema."""

import torch
from torch.nn import functional as F

from unihema_mm.models import CrossModalFusion, T5TextDecoder

from .released import FLAN_T5_BASE, Golden, encode_images, encode_texts

POSITIONS = 12  # how many were recorded


@torch.no_grad()
def test_text_decoder(reference, tiny_tokenizer):
    folder = reference('uni_hema')
    golden = Golden(folder)
    decoder = T5TextDecoder(dict(FLAN_T5_BASE, tie_word_embeddings=False), tokenizer=str(tiny_tokenizer))
    golden.load(decoder.model, 'text_decoder.model.')
    fusion = CrossModalFusion(num_layers=2, order=('image', 'text'), ffn_dims=1024, text_residual=True)
    golden.load(fusion, 'text_fusion.')

    for case in 'AB':
        padding = torch.from_numpy(golden.inputs[f'{case}.prompt_mask']) == 0
        ids = torch.from_numpy(golden.inputs[f'{case}.label_ids']).long()
        labels = ids.masked_fill(ids == 0, -100)
        shifted = decoder.model.prepare_decoder_input_ids_from_labels(labels)
        assert shifted.tolist() == golden.inputs[f'{case}.decoder_input_ids'].tolist()

        text = encode_texts(folder)[case]
        fused = fusion(text, encode_images(folder, case)['tokens'])
        for name, embedding in (('text', fused), ('textonly', text)):
            logits = decoder.logits(embedding, padding, labels)
            check_logits(golden, f'{case}.{name}.logits', logits[:, :POSITIONS])
            if name == 'text':
                loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100)
                golden.check(f'{case}.text.loss', loss)


def check_logits(golden, name, logits):
    chosen = torch.from_numpy(golden.outputs[f'{name}.vocab_idx']).long()
    golden.check(f'{name}.val', logits[..., chosen])
    golden.check(f'{name}.logsumexp', logits.logsumexp(-1))
    best = logits.topk(2)
    golden.check(f'{name}.max', best.values[..., 0])
    golden.check(f'{name}.margin', best.values[..., 0] - best.values[..., 1])
    assert best.indices[..., 0].tolist() == golden.outputs[f'{name}.argmax'].tolist()
