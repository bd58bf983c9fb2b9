"""Names of the released Uni-Hema's state dict in the names of unihema_mm.

The released code is ``intelligentMachines-ITU/Uni-Hema``; its model has 1,062 entries. Every one is renamed,
the repetition of another one (twin), or without influence on any output of the released network (dead).
"""

import re
from collections.abc import Iterable

# Pattern of a released name, and what it is called here.
RENAMED = (
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
    # Heads on the decoder.
    (r'class_embed\.(\d)\.(.+)', r'bbox_head.cls_branches.\1.\2'),
    (r'bbox_embed\.(\d)\.layers\.0\.(.+)', r'bbox_head.reg_branches.\1.0.\2'),
    (r'bbox_embed\.(\d)\.layers\.1\.(.+)', r'bbox_head.reg_branches.\1.2.\2'),
    (r'bbox_embed\.(\d)\.layers\.2\.(.+)', r'bbox_head.reg_branches.\1.4.\2'),
    (r'morphology_embed\.0\.(.+)', r'tasks.morph.head.fc.\1'),
    # Single-cell features and their classifier.
    (r'transformer\.encoder\.cls_token', 'tasks.cls.feature.query'),
    (r'transformer\.encoder\.fuse_proj\.(.+)', r'tasks.cls.feature.proj.\1'),
    (r'classifier_image\.classifier2\.0\.(.+)', r'tasks.cls.head.layers.0.0.\1'),
    (r'classifier_image\.classifier2\.3\.(.+)', r'tasks.cls.head.layers.1.0.\1'),
    (r'classifier_image\.classifier2\.6\.(.+)', r'tasks.cls.head.layers.2.\1'),
    # Query-guided mask finder and its upsampler.
    (r'transformer\.encoder\.mask_feature_proj\.0\.(.+)', r'tasks.seg.finder.pixel_map.memory_proj.\1'),
    (r'transformer\.encoder\.mask_features\.(.+)', r'tasks.seg.finder.pixel_map.shallow_proj.\1'),
    (r'decoder_norm\.(.+)', r'tasks.seg.finder.query_norm.\1'),
    (r'mask_embed\.(.+)', r'tasks.seg.finder.query_embed.\1'),
    (r'upsampler\.fusion_conv\.0\.(.+)', r'tasks.seg.finder.upsampler.fuse.0.0.\1'),
    (r'upsampler\.fusion_conv\.1\.(.+)', r'tasks.seg.finder.upsampler.fuse.0.1.\1'),
    (r'upsampler\.fusion_conv\.3\.(.+)', r'tasks.seg.finder.upsampler.fuse.1.0.\1'),
    (r'upsampler\.fusion_conv\.4\.(.+)', r'tasks.seg.finder.upsampler.fuse.1.1.\1'),
    (r'upsampler\.upsample\.1\.(.+)', r'tasks.seg.finder.upsampler.refine.0.0.\1'),
    (r'upsampler\.upsample\.2\.(.+)', r'tasks.seg.finder.upsampler.refine.0.1.\1'),
    (r'upsampler\.upsample\.5\.(.+)', r'tasks.seg.finder.upsampler.refine.1.0.\1'),
    (r'upsampler\.upsample\.6\.(.+)', r'tasks.seg.finder.upsampler.refine.1.1.\1'),
    (r'upsampler\.upsample\.8\.(.+)', r'tasks.seg.finder.upsampler.predict.\1'),
    # Cross-modal fusion.
    (r'xformer\.queries', 'text_fusion.queries'),
    (r'xformer\.img_proj\.(.+)', r'text_fusion.image_proj.\1'),
    (r'xformer\.txt_proj\.(.+)', r'text_fusion.text_proj.\1'),
    (r'xformer\.layers\.(\d)\.cross_attn_img\.(.+)', r'text_fusion.layers.\1.attentions.image.\2'),
    (r'xformer\.layers\.(\d)\.cross_attn_txt\.(.+)', r'text_fusion.layers.\1.attentions.text.\2'),
    (r'xformer\.layers\.(\d)\.norm1\.(.+)', r'text_fusion.layers.\1.norms.image.\2'),
    (r'xformer\.layers\.(\d)\.norm2\.(.+)', r'text_fusion.layers.\1.norms.text.\2'),
    (r'xformer\.layers\.(\d)\.norm3\.(.+)', r'text_fusion.layers.\1.ffn_norm.\2'),
    (r'xformer\.layers\.(\d)\.ffn\.(.+)', r'text_fusion.layers.\1.ffn.\2'),
    (r'xformer\.out_proj\.(.+)', r'text_fusion.out_proj.\1'),
    # T5 in two halves: each has its own copy of the token embedding, the encoder's under two names.
    (
        r'T5_model\.shared\.weight',
        'text_encoder.model.shared.weight',
        'text_encoder.model.encoder.embed_tokens.weight',
        'text_decoder.model.shared.weight',
    ),
    (r'T5_model\.(encoder\.(?!embed_tokens).+)', r'text_encoder.model.\1'),
    (r'T5_model\.(decoder\.(?!embed_tokens).+)', r'text_decoder.model.\1'),
    (r'T5_model\.lm_head\.(.+)', r'text_decoder.model.lm_head.\1'),
    # The table of the denoising queries, which the released code never trains.
    (r'label_enc\.weight', 'dn_query_generator.label_embedding.weight'),
)
# Pattern of a name that holds the same tensor as another one, and that one.
TWINS = (
    (r'transformer\.decoder\.(class|bbox)_embed\.(.+)', r'\1_embed.\2'),
    (r'morphology_embed\.[1-5]\.(.+)', r'morphology_embed.0.\1'),
    (r'T5_model\.(encoder|decoder)\.embed_tokens\.weight', 'T5_model.shared.weight'),
)
# Pattern of names that no output depends on, and what they are.
DEAD = (
    (r'transformer\.combined_proj\..+', "the paper's projection of TGVR, which the gate replaced"),
    (
        r'transformer\.(decoder_norm|class_embed|label_enc|mask_embed)\..+',
        'unused heads inside the transformer',
    ),
    (r'transformer\.encoder\.(cls_pos|cls_fusion\..+)', 'position and fusion layer of the class token'),
    (r'class_embed_seg\..+', 'unused class head of masks'),
    (r'(class_tokens|class_pos_tokens)\..+', 'unused class tokens of the levels'),
)


def rename(name: str) -> tuple[str, ...]:
    """New names of a released entry.

    Args:
        name (str): Name in the released state dict.

    Returns:
        tuple[str, ...]: Names in unihema_mm; none for a twin or a dead entry.

    Raises:
        KeyError: No rule knows the name.
    """
    for pattern, *targets in RENAMED:
        match = re.fullmatch(pattern, name)
        if match:
            return tuple(match.expand(target) for target in targets)
    if twin_of(name) is None and death_of(name) is None:
        raise KeyError(name)
    return ()


def twin_of(name: str) -> str | None:
    """Name of the released entry that ``name`` repeats, or None."""
    for pattern, original in TWINS:
        match = re.fullmatch(pattern, name)
        if match:
            return match.expand(original)
    return None


def death_of(name: str) -> str | None:
    """What a released entry is that no output depends on; None for all others."""
    return next((what for pattern, what in DEAD if re.fullmatch(pattern, name)), None)


def missing_parts(names: Iterable[str]) -> list[str]:
    """Patterns of :data:`RENAMED` that none of the names fits."""
    names = list(names)
    return [pattern for pattern, *_ in RENAMED if not any(re.fullmatch(pattern, name) for name in names)]
