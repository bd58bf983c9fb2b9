"""Morphological attributes of detected cells."""

from collections.abc import Mapping, Sequence

import torch
from mmdet.utils import reduce_mean
from mmengine.model import BaseModule
from torch import Tensor, nn

from unihema_mm.models.task_modules import Match
from unihema_mm.registry import MODELS
from unihema_mm.structures.attributes import MISSING, AttributeSchema


@MODELS.register_module()
class CellAttributeHead(BaseModule):
    """Read a cell's attributes off its object query by one linear layer.

    The layer is shared by all decoder layers. The released Uni-Hema has the defaults: 256 -> 6 x 2 logits,
    attribute-major.

    Args:
        schema (str | dict | list): Shipped attribute set, attribute name -> values, or a list of these; see
            :meth:`unihema_mm.structures.attributes.AttributeSchema.build`. Defaults to ``'leukemia_attri'``.
        embed_dims (int): Width of the object queries. Defaults to 256.
        loss_attribute (dict, optional): Config of the loss of one attribute, called as
            ``loss(logits, labels, reduction_override='none', ignore_index=-1)``. Defaults to
            ``AsymmetricLoss`` (gamma 4 and 1, clip 0.08) of weight 2; ``mmdet.CrossEntropyLoss`` fits too.
        init_cfg (dict, optional): Initialisation config of mmengine.
    """

    def __init__(
        self,
        schema: str | Mapping[str, Sequence[str]] | Sequence = 'leukemia_attri',
        embed_dims: int = 256,
        loss_attribute: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.schema = AttributeSchema.build(schema)
        self.fc = nn.Linear(embed_dims, self.schema.num_logits)
        self.loss_attribute = MODELS.build(
            loss_attribute or dict(type='unihema_mm.AsymmetricLoss', loss_weight=2.0)
        )

    def forward(self, hidden_states: Tensor) -> Tensor:
        """Attribute logits in float32, (..., num_logits), of object queries (..., embed_dims)."""
        return self.fc(hidden_states).float()

    def loss(
        self,
        hidden_states: Tensor,
        matches: Sequence[Sequence[Match]],
        labels: Sequence[Tensor],
        avg_factor: float | None = None,
    ) -> dict[str, Tensor]:
        """Losses of the matched queries of every decoder layer.

        The losses of an object's attributes are summed. Attributes that are not annotated cost nothing; where
        none is, the loss is a zero that reaches every parameter, and all gradients are exactly zero.

        Args:
            hidden_states (Tensor): Object queries after each decoder layer, (L, bs, num_queries, embed_dims).
            matches (Sequence[Sequence[tuple[Tensor, Tensor]]]): Per decoder layer and image the matched
                queries and the indices of their objects.
            labels (Sequence[Tensor]): Per image int64 (n, A), ``-1`` is not annotated.
            avg_factor (float, optional): Divisor of the sums. Defaults to the number of objects in the batch,
                annotated or not, averaged over the ranks, and at least 1.

        Returns:
            dict[str, Tensor]: ``loss_attribute`` of the last layer, ``d{i}.loss_attribute`` of layer i before
            it. The names do not depend on the batch.

        Raises:
            ValueError: The labels are those of another schema.
        """
        for image_labels in labels:
            if image_labels.size(-1) != len(self.schema):
                raise ValueError(
                    f'labels of shape {tuple(image_labels.shape)} do not fit the {len(self.schema)} '
                    f'attributes of {self.schema.name}; encode them with the schema of this head'
                )
        if avg_factor is None:
            num_objects = hidden_states.new_tensor(sum(map(len, labels)), dtype=torch.float)
            avg_factor = reduce_mean(num_objects).clamp(min=1)
        states, targets, counts = [], [], []
        for layer_states, layer_matches in zip(hidden_states, matches, strict=True):
            pairs = list(zip(layer_states, layer_matches, labels, strict=True))
            states += [rows[query] for rows, (query, _), _ in pairs]
            targets += [image_labels[chosen] for _, (_, chosen), image_labels in pairs]
            counts.append(sum(len(query) for _, (query, _), _ in pairs))
        losses = self._object_losses(self(torch.cat(states)), torch.cat(targets))
        per_layer = [part.sum() / avg_factor for part in losses.split(counts)]
        last = len(per_layer) - 1
        return {
            f'{"" if index == last else f"d{index}."}loss_attribute': loss
            for index, loss in enumerate(per_layer)
        }

    def predict(self, hidden_states: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """Predict the attributes of object queries.

        Args:
            hidden_states (Tensor): (..., embed_dims), of the last decoder layer.

        Returns:
            tuple[tuple[Tensor, ...], Tensor]: For each of the A attributes the probabilities of its values,
            (..., number of values), which sum to 1; and the labels of the most probable values, int64
            (..., A).
        """
        logits = self(hidden_states)
        return tuple(part.softmax(dim=-1) for part in self.schema.split(logits)), self.schema.best(logits)

    def _object_losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Sum of the attributes' losses of each object, (n, ), from (n, num_logits) and (n, A)."""
        losses = [
            self.loss_attribute(part, column, reduction_override='none', ignore_index=MISSING)
            for part, column in zip(self.schema.split(logits), labels.unbind(dim=-1), strict=True)
        ]
        return torch.stack(losses).sum(dim=0)
