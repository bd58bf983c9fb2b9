"""The mask that a box suggests."""

import torch
from torch import Tensor, nn

_LEAST = -2.0  # keeps the loss finite where a wrong box is far from its object


class BoxMaskPrior(nn.Module):
    """Mask logits of the ellipse inscribed in each box.

    With a learned sharpness s::

        s * max(1 - ((x - cx) / (w / 2))^2 - ((y - cy) / (h / 2))^2, -2)

    Args:
        sharpness (float): Logit at the centre of a box at the start. Defaults to 4.
    """

    def __init__(self, sharpness: float = 4.0) -> None:
        super().__init__()
        self.log_sharpness = nn.Parameter(torch.tensor(float(sharpness)).log())

    def forward(
        self,
        boxes: Tensor,
        map_shape: tuple[int, int],
        canvas_shape: tuple[int, int],
        image_shape: tuple[int, int],
    ) -> Tensor:
        """Draw the ellipses.

        Args:
            boxes (Tensor): (n, 4) as (cx, cy, w, h), in 0 to 1 of the image without padding. No gradient
                reaches them.
            map_shape (tuple[int, int]): Height and width of the mask, which covers the padded canvas.
            canvas_shape (tuple[int, int]): Height and width of the padded canvas in pixels.
            image_shape (tuple[int, int]): Height and width of the image in pixels.

        Returns:
            Tensor: float32, (n, *map_shape).
        """
        centres, sizes = boxes.detach().float().split(2, dim=1)
        radii = (sizes / 2).clamp(min=1e-4)
        y, x = (
            (torch.arange(steps, device=boxes.device) + 0.5) / steps * canvas / image
            for steps, canvas, image in zip(map_shape, canvas_shape, image_shape, strict=True)
        )
        across = ((x - centres[:, :1]) / radii[:, :1]).square()
        down = ((y - centres[:, 1:]) / radii[:, 1:]).square()
        inside = 1 - across[:, None, :] - down[:, :, None]
        return self.log_sharpness.exp() * inside.clamp(min=_LEAST)
