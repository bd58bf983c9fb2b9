"""Base of the datasets that have no boxes."""

from mmengine.dataset import BaseDataset

from .records import SmearRecordsMixin
from .texts import TextsMixin


class SmearImageDataset(TextsMixin, SmearRecordsMixin, BaseDataset):
    """Records of the annotation schema on mmengine's ``BaseDataset``.

    Args:
        backend_args: Storage backend of :mod:`mmengine.fileio` for the annotation file.
        **kwargs: Arguments of :class:`TextsMixin`, :class:`SmearRecordsMixin` and mmengine's ``BaseDataset``.
    """

    def __init__(self, *args, backend_args: dict | None = None, **kwargs) -> None:
        self.backend_args = backend_args
        super().__init__(*args, **kwargs)
