"""Boxes and classes of cells."""

from mmdet.structures import SampleList
from torch import Tensor

from unihema_mm.models.object_queries import ObjectQueries
from unihema_mm.models.tasks.base import Task
from unihema_mm.registry import MODELS


@MODELS.register_module()
class DetectionTask(Task):
    """Detect cells with the model's box head, as mmdet's DINO does.

    The layers are those of ``model.bbox_head``, under the names they have in DINO.

    Args:
        embed_dims (int): Width of the object queries; every task gets it.
        denoising (bool): Whether training adds denoising queries. Defaults to True. Without them freeze
            ``dn_query_generator``, whose weights get no gradient.
        **kwargs: See :class:`Task`.
    """

    reads = ('objects',)

    def __init__(self, embed_dims: int = 256, denoising: bool = True, **kwargs) -> None:
        super().__init__(**kwargs)
        self.denoising = denoising

    def loss(self, samples: SampleList, objects: ObjectQueries) -> dict[str, Tensor]:
        """Losses of :meth:`mmdet.models.DINOHead.loss`; see :class:`Task`."""
        return objects.head.loss_by_feat(
            *objects.predictions,
            objects.enc_outputs_class,
            objects.enc_outputs_coord,
            [sample.gt_instances for sample in samples],
            [sample.metainfo for sample in samples],
            objects.dn_meta,
        )

    def predict(self, samples: SampleList, objects: ObjectQueries, rescale: bool = True) -> None:
        """Write ``pred_instances``; see :class:`Task`."""
        for sample, detections in zip(samples, objects.detections(rescale), strict=True):
            sample.pred_instances = detections
