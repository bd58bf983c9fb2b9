"""Dataset of questions and of sentences with gaps."""

import numpy as np

from unihema_mm.registry import DATASETS
from unihema_mm.utils.errors import InputError
from unihema_mm.utils.names import nearest_names

from ..text_fields import TEXT_FIELDS
from ..transforms.loading import LoadSmearImage
from .image_dataset import SmearImageDataset

_MOST_IMAGES_FOR_COLOUR = 200


@DATASETS.register_module()
class SmearTextDataset(SmearImageDataset):
    """Texts of an image, all of them, in file order; a pipeline with ``SampleTexts`` draws some.

    Records of vqa carry the lists ``questions``, ``answers``, ``answer_types``, those of mlm ``masked`` and
    ``completed``.

    Args:
        task: 'vqa' or 'mlm'. Records are used whose ``tasks`` name it.
        text_only: Whether to hide the images: each is filled with the mean colour of the set, so that what a
            model still answers right it knows from the text alone. The colour is the mean of the mean colours
            of at most 200 images, evenly spaced over the set, which are read when the dataset is built.
        **kwargs: Arguments of :class:`SmearImageDataset`.

    Attributes:
        mean_colour: Mean colour of the set (BGR, 0-255) with ``text_only``, else ``None``.
    """

    def __init__(self, *args, task: str = 'vqa', text_only: bool = False, **kwargs) -> None:
        if task not in TEXT_FIELDS:
            raise InputError(
                f'SmearTextDataset: task: {task!r} has no texts ({nearest_names(task, [*TEXT_FIELDS])})'
            )
        self.text_only = text_only
        self.mean_colour: list[int] | None = None
        super().__init__(*args, task=task, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Read and check the annotation file.

        Returns:
            One record per image.

        Raises:
            DataError: See :class:`SmearRecordsMixin`; or a record has no text.
            UnreadableImageError: With ``text_only``, an image cannot be read.
        """
        data_list = super().load_data_list()
        if self.text_only:
            self.mean_colour = self._mean_colour([record['img_path'] for record in data_list])
            for record in data_list:
                record['fill_colour'] = self.mean_colour
        return data_list

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """Make the record of one image.

        Args:
            raw_data_info: ``raw_img_info`` and ``raw_ann_info`` of one image.

        Returns:
            Record with the texts of its tasks.
        """
        return self._common(raw_data_info['raw_img_info'])

    def _mean_colour(self, paths: list[str]) -> list[int]:
        count = min(len(paths), _MOST_IMAGES_FOR_COLOUR)
        places = np.linspace(0, len(paths) - 1, count).round().astype(int)
        load = LoadSmearImage(backend_args=self.image_backend_args or self.backend_args)
        colours = [load({'img_path': paths[place]})['img'].mean(axis=(0, 1)) for place in places]
        return np.mean(colours, axis=0).round().astype(int).tolist()
