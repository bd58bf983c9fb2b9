"""Writers by the names of their formats."""

import os

from unihema_mm.utils.errors import InputError
from unihema_mm.utils.names import nearest_names

from .base import Writer
from .coco import CocoWriter
from .csv_tables import CsvWriter
from .geojson import GeoJsonWriter
from .json_files import JsonWriter
from .labels import LabelWriter
from .overlay import OverlayWriter
from .yolo import YoloWriter

WRITERS: dict[str, type[Writer]] = {
    writer.format: writer
    for writer in (JsonWriter, CsvWriter, CocoWriter, YoloWriter, GeoJsonWriter, LabelWriter, OverlayWriter)
}


def find_writer(name: str) -> type[Writer]:
    """Find the writer of a format.

    Raises:
        InputError: There is no such format.
    """
    if name not in WRITERS:
        raise InputError(f'formats: {name!r} is not known ({nearest_names(name, list(WRITERS))})')
    return WRITERS[name]


def make_writer(name: str, out_folder: str | os.PathLike) -> Writer:
    """Open the writer of a format.

    Args:
        name: One of :data:`WRITERS`.
        out_folder: Folder of the run.

    Raises:
        InputError: There is no such format.
    """
    return find_writer(name)(out_folder)
