"""A pipeline that names the image and the transform that fail, and skips unreadable training images."""

from collections import Counter

import cv2

from unihema_mm.utils.errors import InputError

from ..image_files import UnreadableImageError
from .warning import warn


class GuardedPipelineMixin:
    """Runs the pipeline of a mmengine ``BaseDataset`` transform by transform.

    - An image that cannot be read (needs :class:`LoadSmearImage`): in training another one is drawn, each
      file is reported once per worker process and all are counted; an error in test mode, and where none
      can be read.
    - An image whose size is not that of its record (needs :class:`LoadSmearImage`): error.
    - An image that a transform cannot process, e.g. one so thin that resizing leaves it less than one pixel:
      error that names the image and the transform.

    Attributes:
        unreadable: Path -> how often reading failed in this process.
    """

    def __init__(self, *args, **kwargs) -> None:
        self.unreadable: Counter = Counter()
        self._failures = 0
        super().__init__(*args, **kwargs)

    def prepare_data(self, idx: int) -> dict | None:
        """Run the pipeline; ``None`` makes mmengine draw another training image.

        Args:
            idx: Index of the record.

        Returns:
            The packed sample, or ``None`` where the image of a training record cannot be read.

        Raises:
            UnreadableImageError: The image of a test record cannot be read.
            InputError: A record does not fit its image, a transform cannot process the image, or no
                readable training image was found in ``max_refetch`` further tries.
            RuntimeError: A transform fails for another reason, which is the cause of this error.
        """
        try:
            sample = self._run_pipeline(self.get_data_info(idx))
        except UnreadableImageError as fault:
            if self.test_mode:
                raise
            self._count_unreadable(fault)
            return None
        self._failures = 0
        return sample

    def _run_pipeline(self, record: dict) -> dict | None:
        where = f'{record["img_path"]}: image of {record["width"]}x{record["height"]} pixels'
        for transform in self.pipeline.transforms:
            name = type(transform).__name__
            try:
                record = transform(record)
            except InputError:
                raise
            except cv2.error as fault:
                raise InputError(
                    f'{where}: {name}: cannot process it ({fault.func}: {fault.err}); '
                    'crop or pad the image, remove its record, or change the pipeline'
                ) from fault
            except Exception as fault:
                raise RuntimeError(f'{where}: {name}: failed ({type(fault).__name__}: {fault})') from fault
            if record is None:
                break
        return record

    def _count_unreadable(self, fault: UnreadableImageError) -> None:
        self.unreadable[fault.path] += 1
        self._failures += 1
        if self.unreadable[fault.path] == 1:
            warn(f'{fault} (skipped; {len(self.unreadable)} unreadable images in this process so far)')
        if self._failures > self.max_refetch:
            first = next(iter(self.unreadable))
            raise InputError(
                f'{self.ann_file}: images: file_name: no image could be read in {self._failures} tries, '
                f'{len(self.unreadable)} of {len(self)} files are unreadable, first {first}; '
                'copy the images again, tools/prepare_data.py check --images names the faulty ones'
            ) from fault
