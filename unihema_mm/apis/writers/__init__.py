"""Files of predictions that other programs read; see docs/reference/prediction_files.md."""

from .base import Writer
from .coco import CocoWriter
from .csv_tables import CsvWriter
from .geojson import GeoJsonWriter
from .json_files import JsonWriter
from .labels import LabelWriter, draw_labels
from .overlay import OverlayWriter
from .predictions import PredictionWriter, done_names, write_predictions
from .registry import WRITERS, make_writer
from .yolo import YoloWriter

__all__ = [
    'WRITERS',
    'CocoWriter',
    'CsvWriter',
    'GeoJsonWriter',
    'JsonWriter',
    'LabelWriter',
    'OverlayWriter',
    'PredictionWriter',
    'Writer',
    'YoloWriter',
    'done_names',
    'draw_labels',
    'make_writer',
    'write_predictions',
]
