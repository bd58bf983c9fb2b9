"""Denoising queries of Mask DINO."""

import torch
from mmdet.models.layers import CdnQueryGenerator, inverse_sigmoid
from mmdet.structures import SampleList
from mmdet.structures.bbox import bbox_xyxy_to_cxcywh
from torch import Tensor


class MaskDenoising(CdnQueryGenerator):
    """Queries made of noisy ground truth, which are trained to return the clean class, box and mask.

    Unlike DINO's contrastive denoising there are no negative queries, a batch without objects or with more
    than ``num_dn_queries`` in one image has none, and noise moves the centre and scales the size of a box.
    Arguments are those of :class:`mmdet.models.layers.CdnQueryGenerator`.
    """

    def __call__(
        self, batch_data_samples: SampleList, num_queries: int
    ) -> tuple[Tensor, Tensor, Tensor, dict[str, int]]:
        """Make the denoising queries of one batch.

        Slot ``g * max_objects + j`` of an image holds object ``j`` in group ``g``. Slots that an image with
        fewer objects does not fill have content 0 and the box (0.5, 0.5, 0.5, 0.5).

        Args:
            batch_data_samples (list[:obj:`DetDataSample`]): bs samples with ``gt_instances`` (``labels``,
                ``bboxes`` as pixel xyxy).
            num_queries (int): Matching queries, which follow the denoising queries.

        Returns:
            tuple[Tensor, Tensor, Tensor, dict[str, int]]: Content (bs, num_dn, dim); boxes before sigmoid
            (bs, num_dn, 4); blocked pairs, bool (num_dn + num_queries, num_dn + num_queries); and
            ``num_denoising_queries`` with ``num_denoising_groups``, both 0 where there are none.
        """
        weight = self.label_embedding.weight
        counts = [len(sample.gt_instances) for sample in batch_data_samples]
        max_objects = max(counts)
        num_groups = self.get_num_groups(max_objects)

        labels = torch.cat([sample.gt_instances.labels for sample in batch_data_samples])
        boxes = torch.cat([_normalised_boxes(sample) for sample in batch_data_samples])
        image = torch.repeat_interleave(
            torch.arange(len(counts), device=weight.device), torch.tensor(counts, device=weight.device)
        )
        place = torch.cat([torch.arange(count, device=weight.device) for count in counts])
        first = max_objects * torch.arange(num_groups, device=weight.device)
        slot = (image.repeat(num_groups), (first[:, None] + place).flatten())

        num_dn = num_groups * max_objects
        query = weight.new_zeros(len(counts), num_dn, self.embed_dims)
        reference = weight.new_zeros(len(counts), num_dn, 4)
        query[slot] = self.label_embedding(self.noisy_labels(labels.repeat(num_groups)))
        reference[slot] = inverse_sigmoid(self.noisy_boxes(boxes.repeat(num_groups, 1)))
        blocked = self.attention_mask(max_objects, num_groups, num_queries)
        dn_meta = dict(num_denoising_queries=num_dn, num_denoising_groups=num_groups)
        # Without denoising queries the embedding still takes part, or distributed training would wait for it.
        return query + 0 * weight.sum(), reference, blocked, dn_meta

    def get_num_groups(self, max_num_target: int | None = None) -> int:
        """Number of groups; 0 without objects or where not even one group fits.

        Args:
            max_num_target (int, optional): Objects of the fullest image.

        Returns:
            int: ``num_dn_queries // max_num_target``, or the fixed number of groups.
        """
        if not max_num_target:
            return 0
        return self.num_dn_queries // max_num_target if self.dynamic_dn_groups else self.num_groups

    def noisy_labels(self, labels: Tensor) -> Tensor:
        """Replace a part ``label_noise_scale / 2`` of the labels by random ones.

        Args:
            labels (Tensor): (n, ).

        Returns:
            Tensor: (n, ).
        """
        if self.label_noise_scale <= 0:
            return labels
        chosen = torch.rand_like(labels, dtype=torch.float) < self.label_noise_scale / 2
        return torch.where(chosen, torch.randint_like(labels, self.num_classes), labels)

    def noisy_boxes(self, boxes: Tensor) -> Tensor:
        """Move centres by up to half a box and change sizes by up to one, times ``box_noise_scale``.

        Args:
            boxes (Tensor): (n, 4) as normalised (cx, cy, w, h).

        Returns:
            Tensor: (n, 4), clipped to [0, 1].
        """
        if self.box_noise_scale <= 0:
            return boxes
        size = boxes[:, 2:]
        reach = torch.cat([size / 2, size], dim=1)
        return (boxes + self.box_noise_scale * (2 * torch.rand_like(boxes) - 1) * reach).clamp(0, 1)

    def attention_mask(self, max_objects: int, num_groups: int, num_queries: int) -> Tensor:
        """Which pairs of queries are blocked in self-attention.

        Denoising queries see their own group and the matching queries; these see only each other.

        Args:
            max_objects (int): Denoising queries of one group.
            num_groups (int): Groups.
            num_queries (int): Matching queries.

        Returns:
            Tensor: Bool, square, True where the row does not see the column.
        """
        device = self.label_embedding.weight.device
        group = torch.arange(num_groups, device=device).repeat_interleave(max_objects)
        group = torch.cat([group, group.new_full((num_queries,), -1)])
        return (group >= 0) & (group[:, None] != group)


def _normalised_boxes(sample) -> Tensor:
    height, width = sample.img_shape
    boxes = sample.gt_instances.bboxes
    return bbox_xyxy_to_cxcywh(boxes / boxes.new_tensor([width, height, width, height]))
