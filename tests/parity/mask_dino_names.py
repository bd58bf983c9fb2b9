"""Names of the reference implementation of Mask DINO in terms of ours."""

import re

# Pattern of a name relative to the segmentation head -> name in our detector.
RULES = {
    r'pixel_decoder\.transformer\.level_embed': 'level_embed',
    r'pixel_decoder\.transformer\.encoder\.layers\.(\d+)\.self_attn\.(.*)': r'encoder.layers.\1.self_attn.\2',
    r'pixel_decoder\.transformer\.encoder\.layers\.(\d+)\.norm1\.(.*)': r'encoder.layers.\1.norms.0.\2',
    r'pixel_decoder\.transformer\.encoder\.layers\.(\d+)\.norm2\.(.*)': r'encoder.layers.\1.norms.1.\2',
    r'pixel_decoder\.transformer\.(encoder\.layers\.\d+)\.linear1\.(.*)': r'\1.ffn.layers.0.0.\2',
    r'pixel_decoder\.transformer\.(encoder\.layers\.\d+)\.linear2\.(.*)': r'\1.ffn.layers.1.\2',
    r'pixel_decoder\.adapter_1\.norm\.(.*)': r'mask_features.lateral.gn.\1',
    r'pixel_decoder\.adapter_1\.(.*)': r'mask_features.lateral.conv.\1',
    r'pixel_decoder\.layer_1\.norm\.(.*)': r'mask_features.output.gn.\1',
    r'pixel_decoder\.layer_1\.(.*)': r'mask_features.output.conv.\1',
    r'pixel_decoder\.mask_features\.(.*)': r'mask_features.projection.\1',
    r'predictor\.enc_output\.(.*)': r'memory_trans_fc.\1',
    r'predictor\.enc_output_norm\.(.*)': r'memory_trans_norm.\1',
    r'predictor\.decoder_norm\.(.*)': r'decoder.norm.\1',
    r'predictor\.class_embed\.(.*)': r'bbox_head.cls_branches.0.\1',
    r'predictor\.mask_embed\.(.*)': r'bbox_head.mask_branch.\1',
    r'predictor\.label_enc\.(.*)': r'dn_query_generator.label_embedding.\1',
    r'predictor\.decoder\.ref_point_head\.(.*)': r'decoder.ref_point_head.\1',
    r'predictor\.(decoder\.layers\.\d+)\.cross_attn\.(.*)': r'\1.cross_attn.\2',
    r'predictor\.(decoder\.layers\.\d+)\.self_attn\.(.*)': r'\1.self_attn.attn.\2',
    r'predictor\.(decoder\.layers\.\d+)\.norm2\.(.*)': r'\1.norms.0.\2',  # after self-attention
    r'predictor\.(decoder\.layers\.\d+)\.norm1\.(.*)': r'\1.norms.1.\2',  # after cross-attention
    r'predictor\.(decoder\.layers\.\d+)\.norm3\.(.*)': r'\1.norms.2.\2',
    r'predictor\.(decoder\.layers\.\d+)\.linear1\.(.*)': r'\1.ffn.layers.0.0.\2',
    r'predictor\.(decoder\.layers\.\d+)\.linear2\.(.*)': r'\1.ffn.layers.1.\2',
}
LOSSES = {'ce': 'cls', 'bbox': 'bbox', 'giou': 'iou', 'mask': 'mask', 'dice': 'dice'}


def our_name(name: str, coarse_to_fine: bool) -> str:
    """Name of a parameter in our detector.

    Args:
        name: Name in the reference, relative to the segmentation head, not an alias.
        coarse_to_fine: Whether the reference numbers the three input projections from the coarsest level.
    """
    box = re.fullmatch(r'predictor\._bbox_embed\.layers\.(\d)\.(.*)', name)
    if box:
        return f'bbox_head.reg_branches.0.{2 * int(box[1])}.{box[2]}'  # activations count
    projection = re.fullmatch(r'pixel_decoder\.input_proj\.(\d)\.(\d)\.(.*)', name)
    if projection:
        level = 2 - int(projection[1]) if coarse_to_fine else int(projection[1])
        place = 'extra_convs.0' if level == 3 else f'convs.{level}'
        return f'neck.{place}.{("conv", "gn")[int(projection[2])]}.{projection[3]}'
    for pattern, ours in RULES.items():
        if re.fullmatch(pattern, name):
            return re.sub(pattern, ours, name)
    raise KeyError(f'{name}: no parameter of ours is known for it')


def our_loss(name: str) -> str:
    """Name of a loss, for example ``loss_ce_dn_0`` -> ``d0.dn_loss_cls``."""
    kind, denoising, encoder, layer = re.fullmatch(
        r'loss_([a-z]+?)(_dn)?(_interm)?(?:_(\d+))?', name
    ).groups()
    prefix = f'd{layer}.' if layer else ''
    return f'{prefix}{"dn_" if denoising else ""}{"enc_" if encoder else ""}loss_{LOSSES[kind]}'
