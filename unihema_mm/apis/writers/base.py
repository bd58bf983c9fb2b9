"""What every writer of predictions has in common."""

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from unihema_mm.structures.results import FailedImage, ImageResult

RECORDS_FOLDER = '.unihema'


class Writer(ABC):
    """Writes predictions in one format into ``<out_folder>/<format>``.

    A writer that is opened again on its folder continues there. An image that is written again replaces what
    was written of it before.

    Args:
        out_folder: Folder of a run; other formats may stand there as well.

    Attributes:
        format: Name of the format, and of its folder.
        rereads_image: Whether it reads the image file again, which may be gone by now. Such writers go first,
            so that nothing is left of an image that one of them cannot write.

    Example:
        >>> with CsvWriter('out') as writer:
        ...     for result in results:
        ...         writer.write(result)
    """

    format: ClassVar[str]
    rereads_image: ClassVar[bool] = False

    def __init__(self, out_folder: str | os.PathLike) -> None:
        self.folder = Path(out_folder) / self.format
        self.folder.mkdir(parents=True, exist_ok=True)

    def check(self, result: ImageResult) -> None:  # noqa: B027
        """Check that the result has what the format is for, before any format is written.

        Raises:
            InputError: It lacks that.
        """

    @abstractmethod
    def write(self, result: ImageResult) -> None:
        """Write one image; its files are whole when this returns.

        Raises:
            InputError: The result lacks what the format is for, or its image cannot be read again.
        """

    def write_failed(self, failure: FailedImage) -> None:  # noqa: B027
        """Account for an image that failed; a format that has no place for it leaves it out."""

    def close(self) -> None:  # noqa: B027
        """Write the files that collect all images, those of earlier runs into the folder included."""

    def __enter__(self) -> 'Writer':
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @classmethod
    def records_file(cls, out_folder: str | os.PathLike) -> Path:
        """File of the records that the collecting files are assembled from."""
        return Path(out_folder) / RECORDS_FOLDER / f'{cls.format}.jsonl'
