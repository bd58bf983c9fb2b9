"""All files of a run, which may be killed and continued."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from unihema_mm.structures.results import RESEARCH_USE, FailedImage, ImageResult
from unihema_mm.utils.atomic import remove_leftovers, whole_file, write_json
from unihema_mm.utils.errors import InputError
from unihema_mm.utils.folder_lock import folder_lock

from .base import RECORDS_FOLDER
from .records import Records, read_records
from .registry import find_writer

JOURNAL = 'journal.jsonl'
SETTINGS = 'run.json'
README = 'README.txt'


class PredictionWriter:
    """Writes the predictions of a run in several formats, each image exactly once.

    An image is done when all its files are written and its name stands in the journal. A run that was killed
    is continued by opening its folder again with the same settings and formats: images that are done are
    skipped by the caller (:attr:`done`), the others are written, and the collecting files come out as
    they would have without the break. An image that failed is not done; it may be tried again.

    Args:
        out_folder: Folder of the run, made where needed.
        formats: Names of :data:`~unihema_mm.apis.writers.WRITERS`.
        settings: What decides the predictions, e.g. the hash of the model, thresholds, tasks; plain types.

    Raises:
        InputError: A format is not known, another process writes into the folder, the folder holds
            predictions made with other settings, or files of another origin that would be replaced.

    Example:
        >>> with PredictionWriter('out', ['csv', 'geojson'], {'model': model_hash}) as writer:
        ...     for item in inferencer([path for path in paths if path not in writer.done]):
        ...         writer.write(item)
    """

    def __init__(
        self, out_folder: str | os.PathLike, formats: Sequence[str], settings: Mapping[str, Any] | None = None
    ) -> None:
        self.out_folder = Path(out_folder)
        self._formats = sorted(set(formats))
        if not self._formats:
            raise InputError('formats: there are none; name at least one')
        classes = sorted(map(find_writer, self._formats), key=lambda writer: not writer.rereads_image)
        with ExitStack() as stack:
            stack.enter_context(folder_lock(self.out_folder))
            self._check_settings({'formats': self._formats, **(settings or {})})
            remove_leftovers(self.out_folder)
            for name in (RECORDS_FOLDER, *self._formats):
                for folder, _, _ in os.walk(self.out_folder / name):
                    remove_leftovers(folder)
            self._journal = Records(self.out_folder / RECORDS_FOLDER / JOURNAL)
            stack.callback(self._journal.close)
            self._done = {record['name'] for record in self._journal if record['error'] is None}
            self._writers = [stack.enter_context(writer(self.out_folder)) for writer in classes]
            self._stack = stack.pop_all()

    @property
    def done(self) -> frozenset[str]:
        """Names of the images that need not be predicted again."""
        return frozenset(self._done)

    def write(self, item: ImageResult | FailedImage) -> None:
        """Write one image in all formats.

        Raises:
            InputError: An image of this name is done already, or a format needs what the result lacks.
        """
        if item.name in self._done:
            raise InputError(
                f'{self.out_folder}: {item.name}: name: is written already; give each image a name of its '
                'own, and skip those that are done'
            )
        failed = isinstance(item, FailedImage)
        for writer in () if failed else self._writers:
            writer.check(item)
        for writer in self._writers:
            (writer.write_failed if failed else writer.write)(item)
        self._journal.append({'name': item.name, 'error': item.error if failed else None})
        if not failed:
            self._done.add(item.name)

    def close(self) -> None:
        """Write the files that collect all images, and let go of the folder."""
        with self._stack:
            self._write_readme()

    def __enter__(self) -> 'PredictionWriter':
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _check_settings(self, settings: dict[str, Any]) -> None:
        path = self.out_folder / RECORDS_FOLDER / SETTINGS
        settings = json.loads(json.dumps(settings))
        if not path.exists():
            self._check_strangers()
            write_json(path, {'use': RESEARCH_USE, 'settings': settings})
            return
        known = json.loads(path.read_bytes())['settings']
        for key in {**known, **settings}:
            if known.get(key) != settings.get(key):
                raise InputError(
                    f'{self.out_folder}: {key}: is {json.dumps(settings.get(key))}, but the folder holds '
                    f'predictions made with {json.dumps(known.get(key))}; repeat those settings, or choose '
                    'another folder'
                )

    def _check_strangers(self) -> None:
        for name in (*self._formats, README):
            if os.path.lexists(self.out_folder / name):
                raise InputError(
                    f'{self.out_folder}: {name} is there, but was not written by a run into this folder; '
                    'choose another folder'
                )

    def _write_readme(self) -> None:
        with whole_file(self.out_folder / README) as file:
            lines = [
                RESEARCH_USE,
                '',
                f'Predictions of unihema_mm in the formats {", ".join(self._formats)}.',
                f'Images: {len(self._done)} predicted, {len(self._journal) - len(self._done)} failed.',
            ]
            file.write('\n'.join([*lines, '']).encode())
            for record in self._journal:
                if record['error'] is not None:
                    line = f'failed: {record["name"]!r}: {record["error"]}\n'
                    file.write(line.encode(errors='backslashreplace'))


def write_predictions(
    items: Iterable[ImageResult | FailedImage],
    out_folder: str | os.PathLike,
    formats: Sequence[str],
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write predictions as they come.

    Args:
        items: Results and failures, without those that are done (:func:`done_names`).
        out_folder: As of :class:`PredictionWriter`.
        formats: As of :class:`PredictionWriter`.
        settings: As of :class:`PredictionWriter`.

    Raises:
        InputError: As of :class:`PredictionWriter`.
    """
    with PredictionWriter(out_folder, formats, settings) as writer:
        for item in items:
            writer.write(item)


def written_folders(folder: str | os.PathLike) -> frozenset[str]:
    """Names of the subfolders that a run has written into a folder; none where there is no run in it."""
    try:
        settings = json.loads((Path(folder) / RECORDS_FOLDER / SETTINGS).read_bytes())
        return frozenset(settings['settings']['formats'])
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset()


def done_names(out_folder: str | os.PathLike) -> frozenset[str]:
    """Names of the images that are done in a folder; none where there is no run in it."""
    path = Path(out_folder) / RECORDS_FOLDER / JOURNAL
    if not path.is_file():
        return frozenset()
    last = {record['name']: record['error'] for _, record in read_records(path)}
    return frozenset(name for name, error in last.items() if error is None)
