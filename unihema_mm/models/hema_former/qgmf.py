"""Query-guided mask finder (QGMF): a binary mask from object queries and pixels."""

from mmdet.models.layers import MLP
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from unihema_mm.models.hema_former.qgmf_aggregation import AGGREGATIONS
from unihema_mm.models.hema_former.qgmf_upsamplers import UPSAMPLERS, resize
from unihema_mm.registry import MODELS


class SumPixelMap(nn.Module):
    """Paper form: ``P(F_1 + E)`` with a 1x1 convolution P.

    Args:
        embed_dims (int): Channels of the encoder map E and of the result.
        shallow_dims (int): Channels of the backbone map F_1; one that differs
            from ``embed_dims`` is projected before the sum.
    """

    def __init__(self, embed_dims: int, shallow_dims: int) -> None:
        super().__init__()
        same = shallow_dims == embed_dims
        self.shallow_proj = nn.Identity() if same else nn.Conv2d(shallow_dims, embed_dims, 1)
        self.proj = nn.Conv2d(embed_dims, embed_dims, 1)

    def parts(self, memory_map: Tensor, shallow: Tensor) -> tuple[Tensor, Tensor]:
        """Encoder part and backbone part, both with ``embed_dims`` channels."""
        return memory_map, self.shallow_proj(shallow)

    def forward(self, memory_part: Tensor, shallow_part: Tensor) -> Tensor:
        """Pixel map of the two parts, (bs, embed_dims, h, w)."""
        return self.proj(shallow_part + memory_part)


class BranchPixelMap(nn.Module):
    """Form of the released code: ``ReLU(Linear(E)) + Conv1x1(F_1)``; arguments as :class:`SumPixelMap`."""

    def __init__(self, embed_dims: int, shallow_dims: int) -> None:
        super().__init__()
        self.memory_proj = nn.Linear(embed_dims, embed_dims)
        self.shallow_proj = nn.Conv2d(shallow_dims, embed_dims, 1)

    def parts(self, memory_map: Tensor, shallow: Tensor) -> tuple[Tensor, Tensor]:
        """Encoder part and backbone part, both with ``embed_dims`` channels."""
        memory_part = self.memory_proj(memory_map.movedim(1, -1)).relu().movedim(-1, 1)
        return memory_part, self.shallow_proj(shallow)

    def forward(self, memory_part: Tensor, shallow_part: Tensor) -> Tensor:
        """Pixel map of the two parts, (bs, embed_dims, h, w)."""
        return memory_part + shallow_part


PIXEL_MAPS = {'sum': SumPixelMap, 'branches': BranchPixelMap}


def _choose(table: dict, name: str, argument: str) -> type[nn.Module]:
    if name not in table:
        raise ValueError(f'QueryGuidedMaskFinder: {argument} must be one of {sorted(table)}, got {name!r}')
    return table[name]


@MODELS.register_module()
class QueryGuidedMaskFinder(BaseModule):
    """Find one binary mask per image, guided by the object queries of the image decoder.

    Implements QGMF of Uni-Hema (arXiv 2511.13889)::

        G = P(F_1 + E),   Y = einsum(MLP(LN(queries)), G),   mask = Up(aggregate(Y))

    with a shallow backbone map F_1 and the level-0 tokens E of the image encoder
    as a map. The released network is ``pixel_map='branches', stride=None,
    see_padding=True``.

    Args:
        embed_dims (int): Width of queries and encoder tokens. Defaults to 256.
        shallow_dims (int): Channels of the shallow map. Defaults to 256.
        pixel_map (str): 'sum' (paper) or 'branches' (released code).
        aggregate (str): How many queries become one mask: 'first' (paper: the
            mask of the first query), 'mean', 'max' (union) or 'attention'
            (learned weights); see :mod:`.qgmf_aggregation`.
        upsampler (str): 'conv' (released layout), 'bilinear' or 'sharp' (edges
            from the image); see :mod:`.qgmf_upsamplers`.
        stride (int, optional): Image pixels per pixel of the shallow map. The
            mask is laid on a grid of this stride and cropped, so that an input
            size that the stride does not divide shifts nothing. None stretches
            the mask to the output size, as the released code does.
            Defaults to 8.
        see_padding (bool): Treat padding like any content of the image, as the
            released code does. Defaults to False.
        init_cfg (dict, optional): Initialisation config of mmengine.

    Raises:
        ValueError: If a name is unknown, or 'sharp' is combined with a stride it
            cannot use.
    """

    def __init__(
        self,
        embed_dims: int = 256,
        shallow_dims: int = 256,
        pixel_map: str = 'sum',
        aggregate: str = 'first',
        upsampler: str = 'conv',
        stride: int | None = 8,
        see_padding: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.stride = stride
        self.see_padding = see_padding
        self.query_norm = nn.LayerNorm(embed_dims)
        self.query_embed = MLP(embed_dims, embed_dims, embed_dims, 3)
        self.pixel_map = _choose(PIXEL_MAPS, pixel_map, 'pixel_map')(embed_dims, shallow_dims)
        self.aggregate = _choose(AGGREGATIONS, aggregate, 'aggregate')(embed_dims)
        self.upsampler = _choose(UPSAMPLERS, upsampler, 'upsampler')(embed_dims, stride)

    def forward(
        self,
        queries: Tensor,
        memory: Tensor,
        level_shape: tuple[int, int],
        shallow: Tensor,
        output_size: tuple[int, int],
        query_padding: Tensor | None = None,
        padding: Tensor | None = None,
        image: Tensor | None = None,
    ) -> Tensor:
        """Predict the mask of each image.

        Args:
            queries (Tensor): Last states of the image decoder, best proposal
                first, without denoising queries, (bs, num_queries, embed_dims).
            memory (Tensor): Encoder output with the tokens of level 0 first,
                (bs, num_tokens, embed_dims).
            level_shape (tuple[int, int]): Height and width of level 0.
            shallow (Tensor): Shallow backbone map, (bs, shallow_dims, h, w). Its
                size is that of the pixel map; the encoder map is resized to it.
            output_size (tuple[int, int]): Height and width of the result: those
                of the (padded) input batch. The caller crops the padding.
            query_padding (Tensor, optional): Bool, (bs, num_queries), True at
                padding queries. The first query must be valid.
            padding (Tensor, optional): Bool, (bs, num_tokens), True at padding
                tokens. Their content then changes nothing: both parts of the
                pixel map are zero there, as beyond the border of an image, unless
                ``see_padding`` is set.
            image (Tensor, optional): Normalised images, (bs, 3, *output_size);
                read by ``upsampler='sharp'`` only.

        Returns:
            Tensor: Mask logits, (bs, 1, *output_size).

        Raises:
            ValueError: If level_shape, stride or image do not fit the other sizes.
        """
        height, width = (int(length) for length in level_shape)
        output_size = tuple(int(length) for length in output_size)
        if memory.size(1) < height * width:
            raise ValueError(
                f'QueryGuidedMaskFinder: level_shape {height}x{width} needs {height * width} tokens, '
                f'memory has {memory.size(1)}'
            )
        grid_size = self._grid_size(tuple(shallow.shape[-2:]), output_size)

        memory_map = memory[:, : height * width].transpose(1, 2).unflatten(2, (height, width))
        if self.see_padding:
            padding = None
        if padding is not None:
            padding = padding[:, : height * width].unflatten(1, (height, width)).unsqueeze(1)
            memory_map = memory_map.masked_fill(padding, 0)
        if memory_map.shape[-2:] != shallow.shape[-2:]:
            memory_map = resize(memory_map, shallow.shape[-2:])
        memory_part, shallow_part = self.pixel_map.parts(memory_map, shallow)
        if padding is not None:
            padding = F.interpolate(padding.float(), size=shallow.shape[-2:]).bool()
            memory_part, shallow_part = (part.masked_fill(padding, 0) for part in (memory_part, shallow_part))

        embeddings = self.query_embed(self.query_norm(queries))
        mask = self.aggregate(embeddings, self.pixel_map(memory_part, shallow_part), query_padding)
        image = self._on_grid(image, output_size, grid_size) if self.upsampler.reads_image else None
        mask = self.upsampler(mask, memory_part, shallow_part, grid_size, image)
        return mask[..., : output_size[0], : output_size[1]]

    def _grid_size(self, map_size: tuple[int, int], output_size: tuple[int, int]) -> tuple[int, int]:
        """Size of the mask before it is cropped to ``output_size``."""
        if self.stride is None:
            return output_size
        if any(
            -(-pixels // self.stride) != cells for pixels, cells in zip(output_size, map_size, strict=True)
        ):
            raise ValueError(
                f'QueryGuidedMaskFinder: a shallow map of {map_size[0]}x{map_size[1]} with stride '
                f'{self.stride} does not cover an output of {output_size[0]}x{output_size[1]}; set stride to '
                'that of the shallow map, or to None to stretch the mask'
            )
        return map_size[0] * self.stride, map_size[1] * self.stride

    @staticmethod
    def _on_grid(image: Tensor | None, output_size: tuple[int, int], grid_size: tuple[int, int]) -> Tensor:
        """Continue the image to the right and bottom until the grid ends."""
        if image is None:
            raise ValueError(
                'QueryGuidedMaskFinder: this upsampler takes the edges from the image, pass image='
            )
        if tuple(image.shape[-2:]) != output_size:
            raise ValueError(
                f'QueryGuidedMaskFinder: image is {image.size(-2)}x{image.size(-1)}, '
                f'but output_size is {output_size[0]}x{output_size[1]}'
            )
        right, bottom = grid_size[1] - output_size[1], grid_size[0] - output_size[0]
        return F.pad(image, (0, right, 0, bottom), mode='replicate')
