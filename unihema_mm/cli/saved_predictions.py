"""Predictions that ``unihema predict`` has written, read again."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unihema_mm.utils.errors import InputError

if TYPE_CHECKING:
    from unihema_mm.apis import FailedImage, ImageResult


def saved_settings(folder: Path) -> dict[str, Any]:
    """Settings that the predictions of a folder were made with.

    Raises:
        InputError: It is not the folder of a run with JSON files.
    """
    from unihema_mm.apis.writers.base import RECORDS_FOLDER
    from unihema_mm.apis.writers.predictions import SETTINGS

    path = folder / RECORDS_FOLDER / SETTINGS
    if not path.is_file():
        raise InputError(
            f'{folder}: holds no predictions; give --model to predict on its images, or a folder that '
            'unihema predict has written'
        )
    settings = json.loads(path.read_bytes())['settings']
    if 'json' not in settings['formats']:
        raise InputError(
            f'{folder}: formats: are {", ".join(settings["formats"])}; a report is made from json, predict '
            'with --formats json too'
        )
    return settings


def saved_predictions(folder: Path) -> Iterator['ImageResult | FailedImage']:
    """Predictions of a folder in the order of their images.

    Raises:
        InputError: A file is not what :class:`~unihema_mm.apis.writers.JsonWriter` writes.
    """
    from unihema_mm.apis import FailedImage, ImageResult
    from unihema_mm.apis.writers.base import RECORDS_FOLDER
    from unihema_mm.apis.writers.file_names import relative_path
    from unihema_mm.apis.writers.predictions import JOURNAL
    from unihema_mm.apis.writers.records import read_records

    journal = folder / RECORDS_FOLDER / JOURNAL
    for name in dict.fromkeys(record['name'] for _, record in read_records(journal)):
        content = json.loads((folder / 'json' / relative_path(name, '.json')).read_bytes())
        if 'error' in content:
            yield FailedImage(content['name'], content['path'], content['error'])
        else:
            yield ImageResult.from_dict(content)
