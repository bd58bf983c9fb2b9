"""Binary segmentation dataset."""

import os.path as osp

from unihema_mm.registry import DATASETS

from .image_dataset import SmearImageDataset
from .prompted import PromptedMixin


@DATASETS.register_module()
class SmearMaskDataset(PromptedMixin, SmearImageDataset):
    """One sample per mask target, each with its prompt.

    The targets of an image are those of its ``masks``, a list of ``{"prompt": str, "file": str}``; without
    it, its ``mask_file``; without that, the union of the masks of its objects, crowds included. The pipeline
    needs ``LoadCellMask``.

    Args:
        task: Records are used whose ``tasks`` name it.
        data_prefix: Folder of the images as ``img`` and of the mask files as ``mask``, by default
            ``data_root`` itself, as in the schema.
        **kwargs: Arguments of :class:`PromptedMixin` and :class:`SmearImageDataset`.
    """

    def __init__(self, *args, task: str = 'seg', data_prefix: dict | None = None, **kwargs) -> None:
        data_prefix = {'img': '', 'mask': '', **(data_prefix or {})}
        super().__init__(*args, task=task, data_prefix=data_prefix, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Read and check the annotation file.

        Returns:
            One record per mask target.

        Raises:
            DataError: See :class:`SmearRecordsMixin`; or a mask file is missing, or an object has no mask.
        """
        data_list = super().load_data_list()
        names = [record.pop('mask_name') for record in data_list if 'mask_name' in record]
        self._check_files('mask', 'mask_file, masks', names)
        return data_list

    def parse_data_info(self, raw_data_info: dict) -> list[dict]:
        """Make the records of one image.

        Args:
            raw_data_info: ``raw_img_info`` and ``raw_ann_info`` of one image.

        Returns:
            Records with ``text`` and ``mask_path`` or ``segmentations``.
        """
        image, objects = raw_data_info['raw_img_info'], raw_data_info['raw_ann_info']
        where = f'image {image["id"]}'
        targets = self._file_targets(image, where)
        if targets is None:
            targets = [(image.get('prompt'), {'segmentations': self._segmentations(objects, where)})]
        common = self._common(image)
        return [{**common, **target, **self._prompt_fields(prompt, where)} for prompt, target in targets]

    def _file_targets(self, image: dict, where: str) -> list[tuple[object, dict]] | None:
        masks = image.get('masks')
        if masks is None:
            if image.get('mask_file') is None:
                return None
            return [(image.get('prompt'), self._file_target(image['mask_file'], where, 'mask_file'))]
        if not isinstance(masks, list) or not masks or not all(isinstance(item, dict) for item in masks):
            mend = 'write a list of {"prompt": ..., "file": ...}, at least one, or leave it out'
            raise self._error(where, 'masks', f'is {masks!r}', mend)
        return [
            (item.get('prompt'), self._file_target(item.get('file'), where, f'masks[{index}].file'))
            for index, item in enumerate(masks)
        ]

    def _file_target(self, name: object, where: str, field: str) -> dict:
        if not isinstance(name, str) or not name:
            raise self._error(where, field, f'is {name!r}', 'write a path relative to the data root')
        return {'mask_name': name, 'mask_path': osp.join(self.data_prefix['mask'], name)}

    def _segmentations(self, objects: list[dict], where: str) -> list:
        bare = sum(1 for item in objects if not item.get('segmentation'))
        if bare:
            what = f'is missing in {bare} of its {len(objects)} objects'
            raise self._error(where, 'segmentation', what, 'add the masks, or a mask_file of the image')
        return [item['segmentation'] for item in objects]
