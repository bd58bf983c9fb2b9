"""The annotation schema's constants, its file reader, and the form in which faults are named.

The schema itself is described in ``docs/reference/annotation_schema.md``.
"""

import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from mmengine import fileio

from unihema_mm.utils.atomic import write_bytes
from unihema_mm.utils.errors import InputError

SCHEMA_VERSION = '1.0'
TASKS = ('det', 'morph', 'cls', 'seg', 'inst', 'vqa', 'mlm')
PROMPTED_TASKS = ('det', 'morph', 'seg', 'inst')
SPLITS = ('train', 'val', 'test')
ANSWER_TYPES = ('closed', 'open')
MAX_LISTED = 5
_LONGEST_PART = 600


@dataclass(frozen=True)
class Fault:
    """One fault of the data, printed as one line.

    Attributes:
        file: The file that holds the fault.
        record: The record in that file, e.g. ``'image 17'``, ``'file'`` for the file itself.
        field: The key or value at fault.
        what: What is wrong.
        mend: What to do about it.
    """

    file: str
    record: str
    field: str
    what: str
    mend: str

    def __str__(self) -> str:
        file, record, field, what, mend = map(_one_line, astuple(self))
        return f'{file}: {record}: {field}: {what}; {mend}'


class DataError(InputError):
    """Data that cannot be used, told in one line that names file, field and mend.

    Args:
        faults: One or more faults. The message is the first one and the number of the others.
    """

    def __init__(self, faults: Fault | Sequence[Fault]) -> None:
        # A loader process hands its error on as text.
        self.faults = [faults] if isinstance(faults, Fault | str) else list(faults)
        super().__init__(self.faults)

    def __str__(self) -> str:
        more = len(self.faults) - 1
        return f'{self.faults[0]}' + (f' (and {more} more faults of this data)' if more else '')


def _one_line(text: str) -> str:
    """Cut what faulty data can make endless, and escape line breaks and control characters."""
    if len(text) > _LONGEST_PART:
        text = f'{text[:_LONGEST_PART]}...'
    return ''.join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def shorten(values: Sequence, limit: int = MAX_LISTED) -> str:
    """Join values for a message, naming at most ``limit`` of them and the number of the rest."""
    rest = len(values) - limit
    return ', '.join(map(str, values[:limit])) + (f' and {rest} more' if rest > 0 else '')


def mask_targets(image: dict) -> list[tuple[str | None, str]]:
    """List the mask targets of an image record, from ``masks`` or ``mask_file``.

    Args:
        image: Image record without faults.

    Returns:
        Pairs of prompt words and mask file, the file relative to the data root. The prompt of a
        ``mask_file`` is that of the record.
    """
    if 'mask_file' in image:
        return [(image.get('prompt'), image['mask_file'])]
    return [(mask['prompt'], mask['file']) for mask in image.get('masks', ())]


def read_document(path: str, backend_args: dict | None = None) -> dict:
    """Read an annotation file.

    Args:
        path: Path of the JSON file.
        backend_args: Storage backend of :mod:`mmengine.fileio`.

    Returns:
        The parsed JSON object; its content is not checked yet.

    Raises:
        DataError: The file does not exist, is empty or truncated, or does not hold a JSON object.
    """

    def error(what: str, mend: str) -> DataError:
        return DataError(Fault(str(path), 'file', 'content', what, mend))

    try:
        content = fileio.get(path, backend_args=backend_args)
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(
            Fault(
                str(path),
                'file',
                'path',
                'does not exist',
                'check data_root and ann_file, or make the data with tools/prepare_data.py',
            )
        ) from None
    except IsADirectoryError:
        raise DataError(
            Fault(str(path), 'file', 'path', 'is a folder', 'name one of its annotations/*.json files')
        ) from None
    except OSError as fault:
        raise DataError(
            Fault(str(path), 'file', 'path', f'cannot be read ({fault.strerror})', 'copy the file again')
        ) from None
    if not content.strip():
        raise error('is empty', 'make the file again with tools/prepare_data.py')
    try:
        document = json.loads(content)
    except UnicodeDecodeError as fault:
        raise error(
            f'is not UTF-8 text ({fault.reason} at byte {fault.start})', 'save it as UTF-8 JSON'
        ) from None
    except json.JSONDecodeError as fault:
        truncated = fault.pos >= len(fault.doc.rstrip()) - 1 or fault.msg.startswith('Unterminated')
        what = 'is truncated' if truncated else 'is not JSON'
        raise error(
            f'{what} ({fault.msg} at line {fault.lineno} column {fault.colno})',
            'make the file again, or copy it again from its source',
        ) from None
    except (ValueError, RecursionError) as fault:
        # A number of thousands of digits, or thousands of lists in each other.
        raise error(f'cannot be parsed ({fault})', 'make the file again') from None
    if not isinstance(document, dict):
        raise error(
            f'holds a JSON {type(document).__name__}, not an object with images, annotations and categories',
            'see docs/reference/annotation_schema.md',
        )
    return document


def write_document(path: str | Path, document: dict, indent: int | None = None) -> None:
    """Write a JSON file in one step: readers see the old file or the whole new one.

    Args:
        path: Path of the file; its folder is made where needed.
        document: What to write.
        indent: Indentation; ``None`` writes one compact line.
    """
    separators = (',', ':') if indent is None else None
    text = json.dumps(document, ensure_ascii=False, indent=indent, separators=separators, allow_nan=False)
    write_bytes(path, f'{text}\n'.encode())
