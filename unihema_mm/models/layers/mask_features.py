"""High-resolution features whose inner product with a query embedding is a mask."""

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, caffe2_xavier_init
from torch import Tensor, nn
from torch.nn import functional as F

from unihema_mm.registry import MODELS


@MODELS.register_module()
class MaskFeatures(BaseModule):
    """Fuse the shallowest backbone map with the finest encoder map (arXiv 2206.02777, section 3.3).

    Args:
        in_channels (int): Channels of the shallow backbone map.
        embed_dims (int): Channels of the encoder.
        out_channels (int, optional): Channels of the result, by default ``embed_dims``.
        norm_cfg (dict, optional): Norm of the two inner convolutions, by default GN with 32 groups.
    """

    def __init__(
        self,
        in_channels: int,
        embed_dims: int = 256,
        out_channels: int | None = None,
        norm_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        norm_cfg = norm_cfg or dict(type='GN', num_groups=32)
        self.lateral = ConvModule(in_channels, embed_dims, 1, norm_cfg=norm_cfg, act_cfg=None)
        self.output = ConvModule(embed_dims, embed_dims, 3, padding=1, norm_cfg=norm_cfg)
        self.projection = nn.Conv2d(embed_dims, out_channels or embed_dims, 1)

    def init_weights(self) -> None:
        """Initialise convolutions by Kaiming uniform with a = 1, biases by 0, as the reference does."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                caffe2_xavier_init(module)

    def forward(self, shallow: Tensor, finest: Tensor) -> Tensor:
        """Compute the mask features.

        Args:
            shallow (Tensor): Backbone map of stride 4, (bs, in_channels, h, w).
            finest (Tensor): Encoder map of stride 8, (bs, embed_dims, h', w').

        Returns:
            Tensor: (bs, out_channels, h, w).
        """
        lateral = self.lateral(shallow)
        upsampled = F.interpolate(finest, size=lateral.shape[-2:], mode='bilinear', align_corners=False)
        return self.projection(self.output(lateral + upsampled))


def mask_logits(embeds: Tensor, features: Tensor) -> Tensor:
    """Mask logits of embedded queries, as float32; under autocast the product is in its precision.

    Args:
        embeds (Tensor): (bs, num_queries, dim), or (num_queries, dim) of one image.
        features (Tensor): (bs, dim, h, w), or (dim, h, w) of one image.

    Returns:
        Tensor: (bs, num_queries, h, w), or (num_queries, h, w).
    """
    return torch.einsum('...qc,...chw->...qhw', embeds, features).float()
