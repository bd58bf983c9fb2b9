"""Detection dataset of smear images with text prompts."""

from collections import Counter
from collections.abc import Iterable

import numpy as np
from mmdet.datasets import CocoDataset
from mmengine.dataset import BaseDataset

from unihema_mm.registry import DATASETS

from ..boxes import BoxState, fit_box, is_number
from .cell_labels import CellLabelsMixin
from .prompted import PromptedMixin
from .records import SmearRecordsMixin
from .texts import TextsMixin
from .warning import warn

_MASK_TASKS = {'inst'}


@DATASETS.register_module()
class SmearDetDataset(CellLabelsMixin, PromptedMixin, TextsMixin, SmearRecordsMixin, CocoDataset):
    """Boxes, masks, attributes and prompts of the annotation schema, or of a plain COCO file.

    Class names are read from the file. Category ids become labels 0, 1, 2, ... in file order, or the
    places of the names in ``classes``. Images without objects stay in training unless
    ``filter_cfg=dict(filter_empty_gt=True)``. Each record carries ``text``, its filled prompt, and
    ``instance_attributes``, int64 (n, A), one row per object, where there is a schema of attributes. The
    pipeline needs ``LoadCellAnnotations`` and ``PackSmearInputs`` to hand them on.

    What happens with bad input, beside what the base classes say:

    - error when the dataset is built: a class is not in the label space; an attribute or a value is not in
      the schema; an object has no mask while ``tasks`` hold 'inst' (of a crowd its box is the mask).
    - dropped, counted, one warning: objects whose box has no area or lies outside the image (and those
      narrower than one pixel or marked ``ignore``, which mmdet's ``CocoDataset`` drops).
    - clipped, counted, one warning: boxes that reach outside the image.

    Args:
        task: Records are used whose ``tasks`` name it; those without ``tasks`` (plain COCO) are used always.
        **kwargs: Arguments of :class:`CellLabelsMixin`, :class:`PromptedMixin`, :class:`TextsMixin`,
            :class:`SmearRecordsMixin` and mmdet's ``CocoDataset``.

    Attributes:
        repairs: Number of ``clipped``, ``outside``, ``empty``, ``narrow`` and ``ignored`` boxes of the file.
    """

    def __init__(self, *args, task: str = 'det', **kwargs) -> None:
        self.repairs: Counter = Counter()
        super().__init__(*args, task=task, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Read and check the annotation file.

        Returns:
            One record per image of the task.

        Raises:
            DataError: See the class.
        """
        data_list = super().load_data_list()
        self._report_repairs()
        return data_list

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """Add the filled prompt, the tasks and the attributes to mmdet's record.

        Args:
            raw_data_info: ``raw_img_info`` and ``raw_ann_info`` of one image.

        Returns:
            Record of mmdet with ``text`` (str), ``tasks``, ``dataset`` and ``instance_attributes``.
        """
        image, objects = raw_data_info['raw_img_info'], raw_data_info['raw_ann_info']
        data_info = super().parse_data_info(raw_data_info)
        data_info.update(self._common(image))
        data_info.update(self._prompt_fields(image.get('prompt'), f'image {image["id"]}'))
        if self.attribute_schema is not None:
            labels = [
                self._encode_attributes(
                    item.get('attributes'), self.cat2label[item['category_id']], f'annotation {item["id"]}'
                )
                for item in objects
            ]
            data_info['instance_attributes'] = np.array(labels, np.int64).reshape(
                len(data_info['instances']), len(self.attribute_schema)
            )
        for category_id in {item['category_id'] for item in objects}:
            self.cat_img_map[category_id].append(image['id'])
        return data_info

    def _set_up(self, document: dict, info: dict) -> None:
        super()._set_up(document, info)
        self.cat_ids = list(self.cat2label)
        self.cat_img_map = {category_id: [] for category_id in self.cat_ids}

    def _group_objects(self, annotations: list[dict], images: list[dict]) -> dict[int, list[dict]]:
        """Group the objects by image, clip their boxes and leave out those without an area in it."""
        grouped = super()._group_objects(annotations, images)
        if not _MASK_TASKS.isdisjoint(self.tasks):
            grouped = {image_id: list(map(_with_mask, items)) for image_id, items in grouped.items()}
            self._check_masks(grouped)
        for image in images:
            items = grouped[image['id']]
            fitted = (self._fit(item, image['width'], image['height']) for item in items)
            grouped[image['id']] = [item for item in fitted if item is not None]
        return grouped

    def _check_masks(self, objects: dict[int, list[dict]]) -> None:
        bare = [item for items in objects.values() for item in items if not item.get('segmentation')]
        if bare:
            raise self._error(
                f'annotation {bare[0]["id"]}',
                'segmentation',
                f'is missing here and in {len(bare) - 1} more objects',
                f'add the masks, or leave {", ".join(sorted(_MASK_TASKS))} out of the tasks of the dataset',
            )

    def _fit(self, item: dict, width: int, height: int) -> dict | None:
        if item.get('ignore'):
            self.repairs['ignored'] += 1
            return None
        x, y, w, h = item['bbox']
        (x1, y1, x2, y2), state = fit_box((x, y, x + w, y + h), width, height)
        if state in (BoxState.EMPTY, BoxState.OUTSIDE):
            self.repairs[state.value] += 1
            return None
        if min(x2 - x1, y2 - y1) < 1:
            self.repairs['narrow'] += 1
            return None
        if state is BoxState.CLIPPED:
            self.repairs[state.value] += 1
        area = item.get('area')
        area = area if is_number(area) and area > 0 else (x2 - x1) * (y2 - y1)
        item.update(bbox=[x1, y1, x2 - x1, y2 - y1], area=area)
        return item

    def _report_repairs(self) -> None:
        found = [
            f'{self.repairs[key]} boxes {text}'
            for key, text in (
                ('clipped', 'reached outside their image and were clipped'),
                ('outside', 'lay outside their image and were dropped'),
                ('empty', 'had no area and were dropped'),
                ('narrow', 'were narrower than one pixel and were dropped'),
                ('ignored', 'are marked "ignore" and were dropped'),
            )
            if self.repairs[key]
        ]
        if found:
            warn(
                f'{self.ann_file}: {"; ".join(found)}. '
                'tools/prepare_data.py check names those without area or outside.'
            )


def _with_mask(item: dict) -> dict:
    if item.get('segmentation') or not item.get('iscrowd'):
        return item
    x, y, w, h = item['bbox']
    return {**item, 'segmentation': [[x, y, x + w, y, x + w, y + h, x, y + h]]}


def max_objects_per_image(dataset: BaseDataset) -> int:
    """Count the objects of the fullest image; no image is read.

    Args:
        dataset: A dataset, or a wrapper such as ``ConcatDataset``, with ``get_data_info``.

    Returns:
        The number of objects, 0 for a dataset without any.
    """
    return max(_object_counts(dataset), default=0)


def _object_counts(dataset: BaseDataset) -> Iterable[int]:
    return (len(dataset.get_data_info(index).get('instances', ())) for index in range(len(dataset)))
