"""Which columns of a table hold the image, the class and the box."""

from enum import Enum

from ..schema import DataError, Fault
from .tables import Column, Table

_HEADINGS = {
    'file': ('file', 'filename', 'file_name', 'image', 'image_name', 'image_path', 'image_file', 'img_name'),
    'class': ('class', 'class_name', 'label', 'label_name', 'category', 'cell_type'),
    'xmin': ('xmin', 'x_min', 'x1', 'left'),
    'ymin': ('ymin', 'y_min', 'y1', 'top'),
    'xmax': ('xmax', 'x_max', 'x2', 'right'),
    'ymax': ('ymax', 'y_max', 'y2', 'bottom'),
    'width': ('width', 'w', 'box_width', 'bbox_width'),
    'height': ('height', 'h', 'box_height', 'bbox_height'),
}
_CORNER = {'x': ('x', 'xmin', 'x_min', 'left', 'bbox_x'), 'y': ('y', 'ymin', 'y_min', 'top', 'bbox_y')}
_CENTRE = {
    'x': ('x', 'cx', 'x_center', 'x_centre', 'center_x', 'centre_x'),
    'y': ('y', 'cy', 'y_center', 'y_centre', 'center_y', 'centre_y'),
}


class BoxKind(Enum):
    """What four numbers of a box are."""

    CORNERS = 'corners'
    SIZE = 'size'
    CENTRE = 'centre'

    @property
    def headings(self) -> dict[str, tuple[str, ...]]:
        """Role of each of the four numbers, in their order -> the headings it usually has."""
        if self is BoxKind.CORNERS:
            return {role: _HEADINGS[role] for role in ('xmin', 'ymin', 'xmax', 'ymax')}
        place = _CORNER if self is BoxKind.SIZE else _CENTRE
        return {**place, **{role: _HEADINGS[role] for role in ('width', 'height')}}


def find_columns(table: Table, given: dict[str, Column], kind: BoxKind) -> dict[str, int]:
    """Find the columns of image, class and box.

    Args:
        table: The table.
        given: ``file``, ``class`` or a number of the box -> heading or number of its column. What is not
            given is looked for under its usual headings; case does not matter.
        kind: What the four numbers are.

    Returns:
        ``file``, ``class`` and the four numbers in their order -> place in a row.

    Raises:
        DataError: A column is missing, two could be meant, one is meant twice, or ``given`` has another name.
    """
    usual = {'file': _HEADINGS['file'], 'class': _HEADINGS['class'], **kind.headings}
    if not isinstance(given, dict):
        mend = 'write file: HEADING or its number, and so on'
        raise DataError(Fault('entry', 'parameters', 'columns', f'is {given!r}', mend))
    for role in given:
        if role not in usual:
            what = f'{role!r} is not a column of box: {kind.value}'
            raise DataError(Fault('entry', 'parameters', 'columns', what, f'use {", ".join(usual)}'))
    places = {
        role: table.find(given[role]) if role in given else _look_for(role, names, table)
        for role, names in usual.items()
    }
    roles = {place: role for role, place in places.items()}
    for role, place in places.items():
        if roles[place] != role:
            what = f'{role} and {roles[place]} are both column {place + 1}'
            raise DataError(Fault(str(table.path), 'line 1', 'columns', what, 'give each its own column'))
    return places


def _look_for(role: str, names: tuple[str, ...], table: Table) -> int:
    fitting = [heading for heading in table.headings if heading.lower().replace(' ', '_') in names]
    if len(fitting) == 1:
        return table.find(fitting[0])
    found = ', '.join(fitting)
    listed = ', '.join(table.headings) or f'no headings, {table.width} columns'
    what = f'{role} could be {found}' if fitting else f'no column is {role}; it has {listed}'
    mend = f'name it in columns, {role}: HEADING or its number, and check that box is what they are'
    raise DataError(Fault(str(table.path), 'line 1', 'columns', what, mend))


def to_corners(
    numbers: tuple[float, float, float, float], kind: str, scale: tuple[float, float]
) -> tuple[float, float, float, float]:
    """Make corner points of the four numbers of a box.

    Args:
        numbers: In the order of :attr:`BoxKind.headings`.
        kind: What they are, a value of :class:`BoxKind`.
        scale: What x and y are multiplied with.

    Returns:
        ``x1, y1, x2, y2``.
    """
    x, y, right, bottom = (value * scale[index % 2] for index, value in enumerate(numbers))
    if kind == BoxKind.CORNERS.value:
        return x, y, right, bottom
    if kind == BoxKind.CENTRE.value:
        return x - right / 2, y - bottom / 2, x + right / 2, y + bottom / 2
    return x, y, x + right, y + bottom
