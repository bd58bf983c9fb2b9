"""GeoJSON that QuPath opens on the image."""

import json
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from unihema_mm.structures.results import RESEARCH_USE, Cell, ImageResult
from unihema_mm.utils.atomic import write_bytes
from unihema_mm.visualization.class_colours import class_colours

from .base import Writer
from .file_names import relative_path
from .outlines import trace_outlines
from .rounding import confidence, corner_box, pixels


class GeoJsonWriter(Writer):
    """Writes ``geojson/<name>.geojson``: one QuPath detection per cell.

    Its geometry is the outline of the mask along the edges of pixels, so that its area is the number of
    pixels, or the box where there is no mask; in pixels, from the upper left corner of the image.
    """

    format = 'geojson'

    def write(self, result: ImageResult) -> None:
        """Write the file of an image; one on which detection was not asked for has none."""
        if result.cells is None:
            return
        colours = class_colours([*result.classes, *(cell.label for cell in result.cells)])
        content = {
            'type': 'FeatureCollection',
            'note': RESEARCH_USE,
            'image': result.name,
            'features': [
                _feature(number, cell, result.name, list(colours[cell.label]))
                for number, cell in enumerate(result.cells, 1)
            ],
        }
        write_bytes(
            self.folder / relative_path(result.name, '.geojson'), (json.dumps(content) + '\n').encode()
        )


def _feature(number: int, cell: Cell, image: str, colour: list[int]) -> dict[str, Any]:
    x1, y1, x2, y2 = corner_box(cell.bbox)
    measurements = {'Score': confidence(cell.score), 'Box area px^2': pixels((x2 - x1) * (y2 - y1))}
    if cell.mask is not None:
        measurements['Mask area px^2'] = int(cell.mask.pixels.sum())
    if cell.mask_score is not None:
        measurements['Mask score'] = confidence(cell.mask_score)
    for name, score in cell.attribute_scores.items():
        measurements[f'Attribute score: {name}'] = confidence(score)
    properties: dict[str, Any] = {
        'objectType': 'detection',
        'name': str(number),
        'classification': {'name': cell.label, 'color': colour},
        'measurements': measurements,
    }
    if cell.attributes:
        properties['metadata'] = dict(cell.attributes)
    return {
        'type': 'Feature',
        'id': str(uuid5(NAMESPACE_URL, f'{image.encode(errors="surrogatepass")!r}#{number}')),
        'geometry': _geometry(cell),
        'properties': properties,
    }


def _geometry(cell: Cell) -> dict[str, Any]:
    polygons = [] if cell.mask is None else trace_outlines(cell.mask.pixels, cell.mask.x, cell.mask.y)
    if len(polygons) > 1:
        return {'type': 'MultiPolygon', 'coordinates': polygons}
    if polygons:
        return {'type': 'Polygon', 'coordinates': polygons[0]}
    x1, y1, x2, y2 = corner_box(cell.bbox)
    return {'type': 'Polygon', 'coordinates': [[[x1, y1], [x2, y1], [x2, y2], [x1, y2], [x1, y1]]]}
