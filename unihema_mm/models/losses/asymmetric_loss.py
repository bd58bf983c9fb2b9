"""Asymmetric loss (Ridnik et al., ICCV 2021, arXiv:2009.14119)."""

import math

import torch
from mmdet.models.losses.utils import weight_reduce_loss
from torch import Tensor, nn
from torch.nn import functional as F

from unihema_mm.registry import MODELS


@MODELS.register_module()
class AsymmetricLoss(nn.Module):
    r"""Sigmoid loss that forgets easy negatives, on the one-hot code of a choice.

    With :math:`p = \sigma(x)` and :math:`p_m = \max(p - clip, 0)`, equations 4 and 5 of the paper, a row's
    loss is

    .. math:: -(1 - p)^{\gamma_+} \log p \;\text{ of the label}
              \;-\; \sum p_m^{\gamma_-} \log(1 - p_m) \;\text{ over the other values.}

    Called like mmdet's ``CrossEntropyLoss``, so either can be named in a config. It is computed in float32,
    from log-sigmoids, and is finite with finite gradients for all finite logits. A negative below the clip
    has no gradient, one with p near 1 a small one: the paper takes the latter for a wrong label.

    Args:
        gamma_neg (float): Focusing of negatives: 0, or at least 1.
        gamma_pos (float): Focusing of positives, at least 0.
        clip (float): Probability below which a negative costs nothing, in [0, 1).
        reduction (str): ``'mean'`` over the rows with a label, ``'sum'`` or ``'none'``.
        loss_weight (float): Factor of the loss. Defaults to 1.0. (Uni-Hema: 2.0)

    Raises:
        ValueError: An argument is out of its range.
    """

    def __init__(
        self,
        gamma_neg: float = 4.0,
        gamma_pos: float = 1.0,
        clip: float = 0.08,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        # Between 0 and 1 the derivative of the power is infinite where the clip makes its base zero.
        if gamma_neg != 0 and gamma_neg < 1:
            raise ValueError(f'gamma_neg must be 0 or at least 1, not {gamma_neg}')
        if gamma_pos < 0:
            raise ValueError(f'gamma_pos must be at least 0, not {gamma_pos}')
        if not 0 <= clip < 1:
            raise ValueError(f'clip must be in [0, 1), not {clip}')
        if reduction not in ('none', 'mean', 'sum'):
            raise ValueError(f"reduction must be 'none', 'mean' or 'sum', not {reduction!r}")
        self.gamma_neg = gamma_neg
        self.gamma_pos = gamma_pos
        self.clip = clip
        self.reduction = reduction
        self.loss_weight = loss_weight

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | None = None,
        reduction_override: str | None = None,
        ignore_index: int = -1,
    ) -> Tensor:
        """Compute the loss.

        Args:
            pred (Tensor): Logits, (n, num_values).
            target (Tensor): int64, (n, ), in [0, num_values) or ``ignore_index``.
            weight (Tensor, optional): Weight of each row, (n, ).
            avg_factor (float, optional): Divisor of the sum in place of the number of rows with a label.
            reduction_override (str, optional): In place of ``reduction``.
            ignore_index (int): Label of rows that cost nothing.

        Returns:
            Tensor: float32 scalar, or (n, ) for ``'none'``. Without any label a zero that still reaches
            ``pred``, with gradient zero.
        """
        reduction = reduction_override or self.reduction
        valid = target != ignore_index
        logits = pred.float()
        positive = F.one_hot(target.where(valid, 0), logits.size(-1)).bool()
        losses = torch.where(positive, self._positive(logits), self._negative(logits)).sum(dim=-1)
        losses = losses.where(valid, 0)
        if avg_factor is None and reduction == 'mean':
            avg_factor = valid.sum().clamp(min=1)
        return self.loss_weight * weight_reduce_loss(losses, weight, reduction, avg_factor)

    def _positive(self, logits: Tensor) -> Tensor:
        focus = (self.gamma_pos * F.logsigmoid(-logits)).exp()
        return -focus * F.logsigmoid(logits)

    def _negative(self, logits: Tensor) -> Tensor:
        focus = (logits.sigmoid() - self.clip).clamp(min=0).pow(self.gamma_neg)
        # log(1 - p_m) = log(min(1 - p + clip, 1))
        log_clip = logits.new_full((), math.log(self.clip) if self.clip else -math.inf)
        return -focus * torch.logaddexp(F.logsigmoid(-logits), log_clip).clamp(max=0)
