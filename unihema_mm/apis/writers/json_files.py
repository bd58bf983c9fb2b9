"""One JSON file per image."""

import json
from typing import Any

from unihema_mm.structures.results import FailedImage, ImageResult
from unihema_mm.utils.atomic import write_bytes

from .base import Writer
from .file_names import relative_path


class JsonWriter(Writer):
    """Writes ``json/<name>.json``: :meth:`ImageResult.to_dict`, or :meth:`FailedImage.to_dict`.

    ``ImageResult.from_dict`` reads the former; the latter has the key ``error``.
    """

    format = 'json'

    def write(self, result: ImageResult) -> None:
        """Write the file of an image."""
        self._write(result.name, result.to_dict())

    def write_failed(self, failure: FailedImage) -> None:
        """Write the file of an image that failed."""
        self._write(failure.name, failure.to_dict())

    def _write(self, name: str, content: dict[str, Any]) -> None:
        text = json.dumps(content, indent=2, ensure_ascii=False)
        # Python holds bytes of file names that are no UTF-8 as lone surrogates, which UTF-8 has no place for;
        # as \udcXX they are valid JSON.
        write_bytes(
            self.folder / relative_path(name, '.json'), (text + '\n').encode(errors='backslashreplace')
        )
