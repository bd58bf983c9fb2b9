"""Classification dataset of single-cell images."""

from unihema_mm.registry import DATASETS
from unihema_mm.utils.names import nearest_names

from .cell_labels import CellLabelsMixin
from .image_dataset import SmearImageDataset


@DATASETS.register_module()
class SmearCellDataset(CellLabelsMixin, SmearImageDataset):
    """One class, and attributes where there are any, per single-cell image.

    ``class_name`` of an image record becomes ``gt_label``, its place in the label space: ``classes``, or the
    categories of the file. ``attributes`` of the image record become ``gt_attributes``, a list of labels, -1
    where not annotated.

    Args:
        task: Records are used whose ``tasks`` name it.
        **kwargs: Arguments of :class:`CellLabelsMixin` and :class:`SmearImageDataset`.
    """

    def __init__(self, *args, task: str = 'cls', **kwargs) -> None:
        super().__init__(*args, task=task, **kwargs)

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """Make the record of one image.

        Args:
            raw_data_info: ``raw_img_info`` and ``raw_ann_info`` of one image.

        Returns:
            Record with ``gt_label`` (int) and, where there is a schema, ``gt_attributes`` (list of int).

        Raises:
            DataError: The image has no class, or one that is not in the label space.
        """
        image = raw_data_info['raw_img_info']
        where = f'image {image["id"]}'
        record = self._common(image)
        record['gt_label'] = self._label(image.get('class_name'), where)
        if self.attribute_schema is not None:
            values = image.get('attributes')
            record['gt_attributes'] = self._encode_attributes(values, record['gt_label'], where)
        return record

    def get_cat_ids(self, idx: int) -> list[int]:
        """Label of one image, as the class-balancing wrappers ask for it.

        Args:
            idx: Index of the record.

        Returns:
            The label, in a list.
        """
        return [self.get_data_info(idx)['gt_label']]

    def _label(self, name: object, where: str) -> int:
        if not isinstance(name, str):
            what = 'is missing' if name is None else f'is {name!r}'
            raise self._error(where, 'class_name', what, 'write the class of the whole image')
        label = self._label_of(name)
        if label is None:
            raise self._error(
                where,
                'class_name',
                f'{name!r} is not a class ({nearest_names(name, self._metainfo["classes"])})',
                'correct the name, or add it to the categories (and to classes, where the dataset has them)',
            )
        return label
