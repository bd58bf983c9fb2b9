"""Class of a single-cell image."""

from collections.abc import Sequence
from itertools import pairwise

from mmengine.model import BaseModule
from torch import Tensor, nn

from unihema_mm.registry import MODELS


@MODELS.register_module()
class CellClassHead(BaseModule):
    """Classify the features of single-cell images by an MLP.

    The defaults are those of the released Uni-Hema: 256-256-128-45 with
    LeakyReLU 0.01 and dropout 0.1 after each hidden layer.

    Data sets that annotate different subsets of the classes can be mixed: a
    class that a data set does not annotate takes no part in the softmax of its
    images, so it is neither a negative in the loss nor a possible prediction.

    Args:
        num_classes (int): Number of classes. Defaults to 45.
        embed_dims (int): Width of the features. Defaults to 256.
        hidden_dims (Sequence[int]): Widths of the hidden layers. Defaults to (256, 128).
        dropout (float): Dropout after each hidden layer. Defaults to 0.1.
        loss_cls (dict, optional): Config of the loss on logits and labels.
            Defaults to ``mmdet.CrossEntropyLoss``.
        init_cfg (dict, optional): Initialisation config of mmengine. Defaults to
            Kaiming; with the weights of ``torch.nn.Linear`` the logits hardly
            depend on the image for the first hundred steps.
    """

    def __init__(
        self,
        num_classes: int = 45,
        embed_dims: int = 256,
        hidden_dims: Sequence[int] = (256, 128),
        dropout: float = 0.1,
        loss_cls: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg or dict(type='Kaiming', layer='Linear', a=0.01, mode='fan_in'))
        self.num_classes = num_classes
        widths = [embed_dims, *hidden_dims]
        hidden = [
            nn.Sequential(nn.Linear(width, next_width), nn.LeakyReLU(0.01), nn.Dropout(dropout))
            for width, next_width in pairwise(widths)
        ]
        self.layers = nn.Sequential(*hidden, nn.Linear(widths[-1], num_classes))
        self.loss_cls = MODELS.build(loss_cls or dict(type='mmdet.CrossEntropyLoss'))

    def forward(self, features: Tensor, annotated: Tensor | None = None) -> Tensor:
        """Class logits.

        Args:
            features (Tensor): (bs, embed_dims).
            annotated (Tensor, optional): Bool, (bs, num_classes) or
                (num_classes,), True where the data set of the image annotates
                the class. Defaults to all classes.

        Returns:
            Tensor: float32, (bs, num_classes); minus infinity at classes that
            are not annotated.
        """
        logits = self.layers(features).float()
        return logits if annotated is None else logits.masked_fill(~annotated, float('-inf'))

    def loss(self, features: Tensor, labels: Tensor, annotated: Tensor | None = None) -> Tensor:
        """Classification loss, averaged over the images.

        Args:
            features (Tensor): (bs, embed_dims). An empty batch gives a zero loss
                that still reaches every parameter.
            labels (Tensor): int64, (bs,), in [0, num_classes).
            annotated (Tensor, optional): See :meth:`forward`.

        Returns:
            Tensor: Scalar.
        """
        if not len(labels):
            return self(features).sum() * 0
        return self.loss_cls(self(features, annotated), labels)

    def predict(self, features: Tensor, annotated: Tensor | None = None) -> Tensor:
        """Class probabilities, (bs, num_classes); see :meth:`forward`."""
        return self(features, annotated).softmax(dim=-1)
