"""What an annotation does not tell must not be taught as background."""

import torch
from torch import Tensor


def known_weights(labels: Tensor, num_classes: int, img_meta: dict) -> Tensor:
    """Weights of the classification loss of one image.

    A class that the data set of the image does not annotate has weight 0 for all queries: its cells may be
    there, without a box. On an image that is labelled in part, a query without an object has weight 0 for
    all classes: it may lie on a cell that has no box.

    Args:
        labels (Tensor): Target of each query, int (n, ); ``num_classes`` is background.
        num_classes (int): Number of classes.
        img_meta (dict): ``annotated``, the labels that the data set annotates, absent where these are all;
            ``partly_labelled``, whether cells of the annotated classes lack a box, absent where not.

    Returns:
        Tensor: Float (n, num_classes), 0 or 1.
    """
    weights = torch.ones(len(labels), num_classes, device=labels.device)
    annotated = img_meta.get('annotated')
    if annotated is not None:
        unknown = torch.ones(num_classes, dtype=torch.bool, device=labels.device)
        unknown[list(annotated)] = False
        weights.masked_fill_(unknown, 0)
    if img_meta.get('partly_labelled'):
        weights.masked_fill_((labels == num_classes)[:, None], 0)
    return weights
