"""Weights of the decoder's box encoding, of any mmdet version."""

from mmengine.logging import print_log
from torch import Tensor, nn

BOX_ENCODING_WEIGHT = 'decoder.ref_point_head.layers.0.weight'


def widen_box_encoding(weight: Tensor) -> Tensor:
    """Make the first layer of ``decoder.ref_point_head`` fit an encoding of twice the width.

    OpenMMLab's mmdet, its published checkpoints and the released Uni-Hema encode
    each of the four numbers of a box by 128 values, onedl's mmdet 3.5 by 256. The
    frequencies of the former are every second one of the latter, so zeros for the
    rest give the same function.

    Args:
        weight (Tensor): (dims, 4 * n), input ordered by box number, frequency, (sine, cosine).

    Returns:
        Tensor: (dims, 8 * n).
    """
    narrow = weight.reshape(len(weight), 4, -1, 2)
    wide = weight.new_zeros(len(weight), 4, 2 * narrow.size(2), 2)
    wide[:, :, ::2] = narrow
    return wide.flatten(1)


def accept_narrow_box_encoding(model: nn.Module) -> None:
    """Let a detector with mmdet's DINO decoder load weights with the narrow box encoding.

    Args:
        model (nn.Module): Detector whose state dict holds :data:`BOX_ENCODING_WEIGHT`.
    """

    def widen(module: nn.Module, state_dict: dict, prefix: str, *_) -> None:
        name = prefix + BOX_ENCODING_WEIGHT
        wanted = module.get_parameter(BOX_ENCODING_WEIGHT)
        if name in state_dict and 2 * state_dict[name].size(1) == wanted.size(1):
            state_dict[name] = widen_box_encoding(state_dict[name])
            print_log(
                f'{name}: widened to the box encoding of this mmdet, the function is the same', 'current'
            )

    model.register_load_state_dict_pre_hook(widen)
