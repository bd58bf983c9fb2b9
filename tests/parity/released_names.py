"""Names of the released Uni-Hema's state dict in the names of unihema_mm.

The first rule that matches a name gives its new one; ``None`` marks an entry
that has no place here: an alias of another entry, or a tensor that no output of
the released network depends on.
"""

import re

RULES = (
    # Backbone: torchvision's ResNet-50.
    (r'backbone\.0\.body\.(.+)', r'backbone.\1'),
    # Neck: the fourth level is mmdet's extra convolution.
    (r'input_proj\.3\.0\.(.+)', r'neck.extra_convs.0.conv.\1'),
    (r'input_proj\.3\.1\.(.+)', r'neck.extra_convs.0.gn.\1'),
    (r'input_proj\.(\d)\.0\.(.+)', r'neck.convs.\1.conv.\2'),
    (r'input_proj\.(\d)\.1\.(.+)', r'neck.convs.\1.gn.\2'),
    # Encoder.
    (r'transformer\.level_embed', 'level_embed'),
    (r'transformer\.encoder\.layers\.(\d)\.self_attn\.(.+)', r'encoder.layers.\1.self_attn.\2'),
    (r'transformer\.encoder\.layers\.(\d)\.linear1\.(.+)', r'encoder.layers.\1.ffn.layers.0.0.\2'),
    (r'transformer\.encoder\.layers\.(\d)\.linear2\.(.+)', r'encoder.layers.\1.ffn.layers.1.\2'),
    (r'transformer\.encoder\.layers\.(\d)\.norm1\.(.+)', r'encoder.layers.\1.norms.0.\2'),
    (r'transformer\.encoder\.layers\.(\d)\.norm2\.(.+)', r'encoder.layers.\1.norms.1.\2'),
    # Query selection. mmdet counts the proposal branches as those of a seventh layer.
    (r'transformer\.enc_output\.(.+)', r'memory_trans_fc.\1'),
    (r'transformer\.enc_output_norm\.(.+)', r'memory_trans_norm.\1'),
    (r'transformer\.enc_out_class_embed\.(.+)', r'bbox_head.cls_branches.6.\1'),
    (r'transformer\.enc_out_bbox_embed\.layers\.0\.(.+)', r'bbox_head.reg_branches.6.0.\1'),
    (r'transformer\.enc_out_bbox_embed\.layers\.1\.(.+)', r'bbox_head.reg_branches.6.2.\1'),
    (r'transformer\.enc_out_bbox_embed\.layers\.2\.(.+)', r'bbox_head.reg_branches.6.4.\1'),
    (r'transformer\.tgt_embed\.weight', 'query_embedding.weight'),
    # Text-guided visual refinement.
    (r'transformer\.text_proj\.(.+)', r'text_refiner.text_proj.\1'),
    (r'transformer\.cross_attnn\.(.+)', r'text_refiner.attention.\1'),
    (r'transformer\.gate_mlp\.(.+)', r'text_refiner.fusion.mlp.\1'),
    # Decoder: norm2 follows the self-attention, norm1 the deformable attention.
    (r'transformer\.decoder\.layers\.(\d)\.self_attn\.(.+)', r'decoder.layers.\1.self_attn.attn.\2'),
    (r'transformer\.decoder\.layers\.(\d)\.cross_attn\.(.+)', r'decoder.layers.\1.cross_attn.\2'),
    (r'transformer\.decoder\.layers\.(\d)\.linear1\.(.+)', r'decoder.layers.\1.ffn.layers.0.0.\2'),
    (r'transformer\.decoder\.layers\.(\d)\.linear2\.(.+)', r'decoder.layers.\1.ffn.layers.1.\2'),
    (r'transformer\.decoder\.layers\.(\d)\.norm2\.(.+)', r'decoder.layers.\1.norms.0.\2'),
    (r'transformer\.decoder\.layers\.(\d)\.norm1\.(.+)', r'decoder.layers.\1.norms.1.\2'),
    (r'transformer\.decoder\.layers\.(\d)\.norm3\.(.+)', r'decoder.layers.\1.norms.2.\2'),
    (r'transformer\.decoder\.norm\.(.+)', r'decoder.norm.\1'),
    (r'transformer\.decoder\.ref_point_head\.(.+)', r'decoder.ref_point_head.\1'),
    # Heads on the decoder; the copies inside the decoder are aliases.
    (r'class_embed\.(\d)\.(.+)', r'bbox_head.cls_branches.\1.\2'),
    (r'bbox_embed\.(\d)\.layers\.0\.(.+)', r'bbox_head.reg_branches.\1.0.\2'),
    (r'bbox_embed\.(\d)\.layers\.1\.(.+)', r'bbox_head.reg_branches.\1.2.\2'),
    (r'bbox_embed\.(\d)\.layers\.2\.(.+)', r'bbox_head.reg_branches.\1.4.\2'),
    (r'transformer\.decoder\.(class|bbox)_embed\..+', None),
    (r'morphology_embed\.0\.(.+)', r'attribute_head.fc.\1'),
    (r'morphology_embed\.[1-5]\..+', None),
    # Single-cell features and their classifier.
    (r'transformer\.encoder\.cls_token', 'scfe.query'),
    (r'transformer\.encoder\.fuse_proj\.(.+)', r'scfe.proj.\1'),
    (r'classifier_image\.classifier2\.0\.(.+)', r'cell_class_head.layers.0.0.\1'),
    (r'classifier_image\.classifier2\.3\.(.+)', r'cell_class_head.layers.1.0.\1'),
    (r'classifier_image\.classifier2\.6\.(.+)', r'cell_class_head.layers.2.\1'),
    # Query-guided mask finder and its upsampler.
    (r'transformer\.encoder\.mask_feature_proj\.0\.(.+)', r'qgmf.pixel_map.memory_proj.\1'),
    (r'transformer\.encoder\.mask_features\.(.+)', r'qgmf.pixel_map.shallow_proj.\1'),
    (r'decoder_norm\.(.+)', r'qgmf.query_norm.\1'),
    (r'mask_embed\.(.+)', r'qgmf.query_embed.\1'),
    (r'upsampler\.fusion_conv\.0\.(.+)', r'qgmf.upsampler.fuse.0.0.\1'),
    (r'upsampler\.fusion_conv\.1\.(.+)', r'qgmf.upsampler.fuse.0.1.\1'),
    (r'upsampler\.fusion_conv\.3\.(.+)', r'qgmf.upsampler.fuse.1.0.\1'),
    (r'upsampler\.fusion_conv\.4\.(.+)', r'qgmf.upsampler.fuse.1.1.\1'),
    (r'upsampler\.upsample\.1\.(.+)', r'qgmf.upsampler.refine.0.0.\1'),
    (r'upsampler\.upsample\.2\.(.+)', r'qgmf.upsampler.refine.0.1.\1'),
    (r'upsampler\.upsample\.5\.(.+)', r'qgmf.upsampler.refine.1.0.\1'),
    (r'upsampler\.upsample\.6\.(.+)', r'qgmf.upsampler.refine.1.1.\1'),
    (r'upsampler\.upsample\.8\.(.+)', r'qgmf.upsampler.predict.\1'),
    # Cross-modal fusion.
    (r'xformer\.queries', 'cmf.queries'),
    (r'xformer\.img_proj\.(.+)', r'cmf.image_proj.\1'),
    (r'xformer\.txt_proj\.(.+)', r'cmf.text_proj.\1'),
    (r'xformer\.layers\.(\d)\.cross_attn_img\.(.+)', r'cmf.layers.\1.attentions.image.\2'),
    (r'xformer\.layers\.(\d)\.cross_attn_txt\.(.+)', r'cmf.layers.\1.attentions.text.\2'),
    (r'xformer\.layers\.(\d)\.norm1\.(.+)', r'cmf.layers.\1.norms.image.\2'),
    (r'xformer\.layers\.(\d)\.norm2\.(.+)', r'cmf.layers.\1.norms.text.\2'),
    (r'xformer\.layers\.(\d)\.norm3\.(.+)', r'cmf.layers.\1.ffn_norm.\2'),
    (r'xformer\.layers\.(\d)\.ffn\.(.+)', r'cmf.layers.\1.ffn.\2'),
    (r'xformer\.out_proj\.(.+)', r'cmf.out_proj.\1'),
    # T5; the embedding of encoder and decoder is the shared one.
    (r'T5_model\.(encoder|decoder)\.embed_tokens\..+', None),
    (r'T5_model\.(.+)', r't5.\1'),
    # Tensors that no output depends on.
    (r'transformer\.(combined_proj|decoder_norm|class_embed|label_enc|mask_embed)\..+', None),
    (r'transformer\.encoder\.(cls_pos|cls_fusion\..+)', None),
    (r'(label_enc|class_embed_seg|class_tokens|class_pos_tokens)\..+', None),
)
_COMPILED = tuple((re.compile(pattern), target) for pattern, target in RULES)


def rename(name: str) -> str | None:
    """New name of a released entry, or None where it has no place here.

    Args:
        name (str): Name in the released state dict.

    Returns:
        str | None: Name in unihema_mm.

    Raises:
        KeyError: If no rule knows the name.
    """
    for pattern, target in _COMPILED:
        match = pattern.fullmatch(name)
        if match:
            return None if target is None else match.expand(target)
    raise KeyError(f'{name}: not a name of the released Uni-Hema; add a rule or check the checkpoint')
