"""Masks and texts of the authors' JSON, brought to the schema's form."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..image_files import UnreadableImageError, decode_mask
from ..schema import DataError, Fault
from .source import Note

# Training puts these before the texts itself.
_PREFIX = re.compile(r'^\s*(q|a|mask)\s*:\s*', re.IGNORECASE)
_YES_OR_NO = re.compile(r'\s*(yes|no)\b', re.IGNORECASE)
_FOREGROUND = 128


def questions_of(records: list[dict], generated: bool, notes: list[Note]) -> list[dict]:
    """Make the questions of an image record.

    Args:
        records: Annotations with ``Question`` and ``Answer``.
        generated: Whether a language model wrote them.
        notes: Grows by what was dropped or repaired.

    Returns:
        Each question with its answer once. An answer that begins with yes or no makes it a closed one; the
        files do not tell.
    """
    return [
        {
            'question': question,
            'answer': answer,
            'answer_type': 'closed' if _YES_OR_NO.match(answer) else 'open',
            'generated': generated,
        }
        for question, answer in _pairs(records, 'Question', 'Answer', notes)
    ]


def sentences_of(records: list[dict], generated: bool, notes: list[Note]) -> list[dict]:
    """Make the sentences of an image record, each once.

    Args:
        records: Annotations with ``masked_comment`` and ``completed_text``.
        generated: Whether a language model wrote them.
        notes: Grows by what was dropped or repaired.
    """
    return [
        {'masked': masked, 'completed': completed, 'generated': generated}
        for masked, completed in _pairs(records, 'masked_comment', 'completed_text', notes)
    ]


def _pairs(records: list[dict], key: str, other: str, notes: list[Note]) -> Iterator[tuple[str, str]]:
    seen = set()
    for record in records:
        where = ': '.join(record['where'])
        texts = tuple(_PREFIX.sub('', record[name]).strip() for name in (key, other))
        for name, text in zip((key, other), texts, strict=True):
            if not text:
                raise DataError(Fault(*record['where'], name, f'is {record[name]!r}', 'write a text'))
            if text != record[name].strip():
                notes.append(Note('text_prefix', f'{where}: {name}'))
        if texts in seen:
            notes.append(Note('duplicate_text', f'{where}: {texts[0]}'))
            continue
        seen.add(texts)
        yield texts


def read_mask(source: Path, name: str, size: tuple[int, int]) -> tuple[np.ndarray, list[Note]]:
    """Read a binary mask.

    Args:
        source: The source folder.
        name: The mask image, relative to it.
        size: Width and height of its image.

    Returns:
        The foreground, bool, of shape (height, width), levels from 128 on; and notes about other levels than
        0 and 255 and about a mask without foreground.

    Raises:
        DataError: It cannot be read, has another size or colours, or levels of which none reaches 128.
    """
    try:
        levels = decode_mask(source / name, three_channels=True)
    except UnreadableImageError as fault:
        raise DataError(Fault(name, 'file', 'mask', fault.reason, 'make it an 8-bit grey image')) from None
    if levels.shape[::-1] != size:
        what = f'is {levels.shape[1]}x{levels.shape[0]}, its image {size[0]}x{size[1]}'
        raise DataError(Fault(name, 'file', 'size', what, 'check that mask and image belong together'))
    foreground = levels >= _FOREGROUND
    if levels.any() and not foreground.any():
        what = f'has levels up to {levels.max()}, none is foreground'
        raise DataError(Fault(name, 'file', 'levels', what, 'write foreground as 255'))
    notes = []
    between = int(np.count_nonzero((levels > 0) & (levels < 255)))
    if between:
        notes.append(Note('quantised_mask', f'{name}: {between} pixels of levels between 0 and 255'))
    if not foreground.any():
        notes.append(Note('empty_mask', name))
    return foreground, notes
