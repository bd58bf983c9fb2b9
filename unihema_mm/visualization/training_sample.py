"""Pictures of what a pipeline feeds the model."""

import cv2
import numpy as np
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import get_box_tensor
from mmdet.visualization import DetLocalVisualizer

from .class_colours import class_palette

MIN_HEIGHT = 480  # pixels; smaller images are enlarged so that class names can be read
LINE_HEIGHT = 22


def draw_training_sample(packed: dict, metainfo: dict) -> np.ndarray:
    """Draw boxes, class names and the text prompt of one sample.

    Args:
        packed: Output of a pipeline that ends in ``PackDetInputs``: ``inputs`` is a tensor (3, H, W) in BGR,
            0 to 255, ``data_samples`` has ``gt_instances``.
        metainfo: ``classes`` of the dataset.

    Returns:
        RGB picture, uint8, (H', W', 3), with two lines of text above the image.
    """
    sample: DetDataSample = packed['data_samples'].clone()
    image = packed['inputs'].permute(1, 2, 0).numpy()[..., ::-1]
    image = image.clip(0, 255).astype(np.uint8)  # colour distortion leaves the range
    factor = max(1, -(-MIN_HEIGHT // image.shape[0]))
    image = np.ascontiguousarray(image.repeat(factor, 0).repeat(factor, 1))
    sample.gt_instances.bboxes = get_box_tensor(sample.gt_instances.bboxes) * factor
    for name in set(sample.gt_instances.keys()) - {'bboxes', 'labels'}:
        sample.gt_instances.pop(name)

    classes = metainfo['classes']
    visualizer = DetLocalVisualizer(line_width=2, alpha=1.0)
    visualizer.dataset_meta = {
        'classes': classes,
        'palette': class_palette(classes),
    }
    visualizer.add_datasample('sample', image, sample, draw_pred=False)
    facts = f'{sample.get("img_path", "?")}  {len(sample.gt_instances)} objects'
    return _add_lines(visualizer.get_image(), [facts, sample.get('text', '(no prompt)')])


def _add_lines(image: np.ndarray, lines: list[str]) -> np.ndarray:
    banner = np.full((LINE_HEIGHT * len(lines) + 6, image.shape[1], 3), 255, np.uint8)
    longest = image.shape[1] // 9  # characters; the end of a path says more than its start
    for number, line in enumerate(lines, start=1):
        place = (4, LINE_HEIGHT * number - 4)
        cv2.putText(banner, line[-longest:], place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([banner, image])
