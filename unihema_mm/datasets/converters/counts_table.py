"""The counts of converted sets as a table for the documentation."""

import json
from collections.abc import Iterable
from pathlib import Path

from ..schema import SPLITS, DataError, Fault
from .report import CHANGES, REPORT_FILE

HEADINGS = (
    'set',
    'images',
    'boxes',
    'masks',
    'classes',
    'attributes',
    'dropped or left out',
    'repaired or noted',
)
_LEFT_OUT = ('dropped', 'left out')


def counts_table(folders: Iterable[Path]) -> list[str]:
    """Make a Markdown table of converted data folders, one row each.

    Args:
        folders: Data folders with the report of a complete conversion.

    Returns:
        The lines: headings, rule, rows.

    Raises:
        DataError: A folder has no report, or that of an interrupted conversion.
    """
    rows = [HEADINGS, ('---',) * len(HEADINGS), *(_row(_report(Path(folder))) for folder in folders)]
    return [f'| {" | ".join(row)} |' for row in rows]


def _report(folder: Path) -> dict:
    path = folder / REPORT_FILE
    if not path.is_file():
        mend = 'convert the set with tools/prepare_data.py convert'
        raise DataError(Fault(str(path), 'file', 'report', 'does not exist', mend))
    report = json.loads(path.read_text(encoding='utf-8'))
    if not report['complete']:
        mend = 'repeat its convert command, which continues'
        raise DataError(Fault(str(path), 'file', 'complete', 'the conversion was interrupted', mend))
    return report


def _row(report: dict) -> tuple[str, ...]:
    splits = report['splits']
    images = ', '.join(f'{name} {splits[name]["images"]}' for name in SPLITS if name in splits)
    objects = _sum(split['classes'] for split in splits.values())
    values = [
        sum(count for attribute in split.get('attributes', {}).values() for count in attribute.values())
        for split in splits.values()
    ]
    names = {name for split in splits.values() for name in split.get('attributes', {})}
    changes = {change['code']: change['count'] for change in report['changes']}
    left_out = {code: count for code, count in changes.items() if CHANGES[code].endswith(_LEFT_OUT)}
    noted = {code: count for code, count in changes.items() if code not in left_out}
    return (
        report['dataset'],
        f'{report["images"]}: {images}',
        _total(objects),
        _listed(_sum(split['masks'] for split in splits.values())),
        _listed(_sum(split['image_classes'] for split in splits.values())),
        f'{sum(values)} values of {len(names)}' if names else '-',
        _listed(left_out),
        _listed(noted),
    )


def _sum(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for part in counts:
        for name, number in part.items():
            total[name] = total.get(name, 0) + number
    return total


def _total(counts: dict[str, int]) -> str:
    number = sum(counts.values())
    return f'{number}: {_listed(counts)}' if number else '-'


def _listed(counts: dict[str, int]) -> str:
    return ', '.join(f'{name} {count}' for name, count in counts.items()) or '-'
