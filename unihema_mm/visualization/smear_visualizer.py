"""Pictures of training and testing, for mmengine's backends."""

import cv2
import mmcv
import numpy as np
from mmdet.structures import DetDataSample
from mmdet.visualization import DetLocalVisualizer
from mmengine.dist import master_only

from unihema_mm.registry import VISUALIZERS

from .panel import WHITE
from .result_picture import draw_result
from .sample_results import annotated_result, predicted_result


@VISUALIZERS.register_module()
class SmearVisualizer(DetLocalVisualizer):
    """mmdet's visualizer with the pictures of :func:`~unihema_mm.visualization.draw_result`.

    All tasks are drawn: boxes, masks, attributes, the class of a single cell, answers and sentences. With
    annotations and predictions, the annotated picture is on the left. They go to all ``vis_backends``:
    ``LocalVisBackend``, ``TensorboardVisBackend``, ``WandbVisBackend`` ``MLflowVisBackend``.

    Args:
        name: Name of the instance.
        max_side: Longest side of the image in a picture, in pixels; None for the size of the image.
        max_rows: Most cells whose attributes are listed.
        **kwargs: Arguments of ``mmdet.DetLocalVisualizer``; those for lines and colours have no effect.

    Attributes:
        drawn_fields: Fields of a data sample that are drawn.
    """

    drawn_fields = ('pred_instances', 'pred_sem_seg', 'pred_label', 'pred_answers', 'pred_completed')

    def __init__(
        self, name: str = 'visualizer', max_side: int | None = 1600, max_rows: int = 20, **kwargs
    ) -> None:
        super().__init__(name, **kwargs)
        self.max_side = max_side
        self.max_rows = max_rows

    @master_only
    def add_datasample(
        self,
        name: str,
        image: np.ndarray,
        data_sample: DetDataSample | None = None,
        draw_gt: bool = True,
        draw_pred: bool = True,
        show: bool = False,
        wait_time: float = 0,
        out_file: str | None = None,
        pred_score_thr: float = 0.3,
        step: int = 0,
    ) -> None:
        """Draw a sample and give it to all backends, or to a window or a file.

        Args:
            name: Name of the picture for the backends.
            image: RGB, 0 to 255, (H, W, 3), of the sample's ``ori_shape``.
            data_sample: Annotations and predictions in original pixels.
            draw_gt: Whether to draw the annotations.
            draw_pred: Whether to draw the predictions.
            show: Whether to open a window.
            wait_time: Seconds that the window stays open; 0 until a key is pressed.
            out_file: File of the picture, instead of the backends.
            pred_score_thr: Lowest score of a detected cell.
            step: Step of the training, for the backends.
        """
        image = np.ascontiguousarray(image.clip(0, 255).astype(np.uint8))
        picture = (
            image
            if data_sample is None
            else self._draw(image, data_sample.cpu(), draw_gt, draw_pred, pred_score_thr)
        )
        self.set_image(picture)
        if show:
            self.show(picture, win_name=name, wait_time=wait_time)
        if out_file is not None:
            mmcv.imwrite(picture[..., ::-1], out_file)
        else:
            self.add_image(name, picture, step)

    def _draw(
        self, image: np.ndarray, sample: DetDataSample, draw_gt: bool, draw_pred: bool, score_thr: float
    ) -> np.ndarray:
        meta = self.dataset_meta or {}
        if 'ori_shape' not in sample:
            sample.set_metainfo(dict(ori_shape=image.shape[:2]))
        truth = annotated_result(sample, meta) if draw_gt else None
        parts = [('Annotated', truth)] if truth is not None else []
        if draw_pred and any(field in sample for field in self.drawn_fields):
            parts.append(('Predicted', predicted_result(sample, meta, score_thr)))
        pictures = [
            draw_result(image, result, title=title, max_side=self.max_side, max_rows=self.max_rows)
            for title, result in parts
        ]
        return _side_by_side(pictures) if pictures else image


def _side_by_side(pictures: list[np.ndarray]) -> np.ndarray:
    height = max(picture.shape[0] for picture in pictures)
    padded = [
        cv2.copyMakeBorder(picture, 0, height - picture.shape[0], 0, 0, cv2.BORDER_CONSTANT, value=WHITE)
        for picture in pictures
    ]
    return np.hstack(padded)
