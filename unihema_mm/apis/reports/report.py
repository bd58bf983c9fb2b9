"""Writes a report from predictions."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from unihema_mm.structures.results import RESEARCH_USE, FailedImage, ImageResult
from unihema_mm.utils.atomic import write_bytes, write_json
from unihema_mm.utils.errors import InputError
from unihema_mm.version import __version__

from .figures import draw_figures
from .groups import Group
from .html import SlidePage, render
from .options import BORDER_RULES, ReportOptions
from .slides import Slide, Slides
from .summary import summarise
from .tables import CELL_COLUMNS, QUANTITY_COLUMNS, as_json, csv_file, write_cells, write_quantity

REPORT_VERSION = '1.0'
HTML_FILE, JSON_FILE, CSV_FILE, CELLS_FILE = 'report.html', 'report.json', 'report.csv', 'cells.csv'


def write_report(
    results: Iterable[ImageResult | FailedImage], out: str | Path, options: ReportOptions | None = None
) -> Path:
    """Write a report in clinical units: ``report.html``, ``report.csv``, ``report.json`` and ``cells.csv``.

    Predictions are read once, in order; of each only its counts and a few small pictures are kept. A file is
    there as a whole or not at all; the HTML file is written last.

    Args:
        results: Predictions; image files are read again for the pictures of cells.
        out: Folder to write to, made where needed. Files of an earlier report in it are replaced.
        options: Rules.

    Returns:
        Path of the HTML file.

    Raises:
        InputError: There is no prediction at all, cells per microlitre are given for a slide that is not
            there, or ``out`` is a file.
    """
    out, options = Path(out), options or ReportOptions()
    if out.exists() and not out.is_dir():
        raise InputError(f'{out}: is a file; give a folder for the report')
    slides = Slides(options)
    with csv_file(out / CELLS_FILE, CELL_COLUMNS) as cells:
        for item in results:
            counted = slides.add(item)
            if counted is not None:
                slide, tally, found = counted
                write_cells(cells, slide.name, tally.image, found, tally.first_number)
        if not len(slides):
            raise InputError('report: no image was given; give at least one')
        options.check_slides([slide.name for slide in slides])
    pages = _write_numbers(slides, out, options)
    content = render(
        slides=pages, cells=slides.cells, options=options, border=BORDER_RULES[options.border],
        facts=_facts(slides, options), cells_file=CELLS_FILE, csv_file=CSV_FILE, json_file=JSON_FILE,
    )  # fmt: skip
    write_bytes(out / HTML_FILE, content)
    return out / HTML_FILE


def _write_numbers(slides: Slides, out: Path, options: ReportOptions) -> list[SlidePage]:
    """Write CSV and JSON; return what the HTML file shows."""
    pages, documents = [], []
    with csv_file(out / CSV_FILE, QUANTITY_COLUMNS) as file:
        for slide in slides:
            lines = summarise(slide.sample(options)) if slide.tallies else []
            for line in lines:
                write_quantity(file, slide.name, '', line)
            images = {}
            for tally in slide.tallies:
                of_image = summarise(slide.sample(options, tally))
                for line in of_image:
                    write_quantity(file, slide.name, tally.image, line)
                images[tally.image] = [as_json(line) for line in of_image]
            documents.append(_document(slide, lines, images))
            pages.append(_page(slide, lines, options, has_figures=len(pages) < options.max_figures))
    write_json(out / JSON_FILE, {
        'notice': RESEARCH_USE, 'report_version': REPORT_VERSION, 'software': f'unihema_mm {__version__}',
        'options': asdict(options), 'settings': dict(_facts(slides, options)), 'slides': documents,
    })  # fmt: skip
    return pages


def _document(slide: Slide, lines: list, images: dict) -> dict:
    return {
        'slide': slide.name,
        'quantities': [as_json(line) for line in lines],
        'images': images,
        'failed': {one.name: one.error for one in slide.failed},
        'without_cells': slide.without_cells,
        'warnings': {tally.image: tally.warnings for tally in slide.tallies if tally.warnings},
    }


def _page(slide: Slide, lines: list, options: ReportOptions, has_figures: bool) -> SlidePage:
    sample = slide.sample(options)
    groups = [group for group in Group if sample.knows(group) or any(sample.per_image(group))]
    rows = []
    for tally in slide.tallies:
        numbers = [tally.all_red_cells if group is Group.RED else tally.in_group(group) for group in groups]
        span = f'{tally.first_number}-{tally.first_number + tally.detected - 1}' if tally.detected else 'none'
        rows.append([tally.image, *numbers, tally.not_identifiable.total(), tally.border.total(), span])
    columns = ['image', *(group.value for group in groups), 'not identifiable', 'border', 'cell numbers']
    unidentified = sum(tally.not_identifiable.total() for tally in slide.tallies)
    cells = sum(tally.detected - tally.second_boxes - tally.border.total() for tally in slide.tallies)
    warnings = [(tally.image, warning) for tally in slide.tallies for warning in tally.warnings]
    figures = draw_figures(sample, lines) if has_figures and slide.tallies else []
    return SlidePage(slide.name, lines, figures, slide.gallery.sections(), columns, rows, cells, unidentified,
                     slide.failed, slide.without_cells, slide.no_pictures, warnings)  # fmt: skip


def _facts(slides: Slides, options: ReportOptions) -> list[tuple[str, str]]:
    """What the numbers rest on, name and value."""
    facts = [
        ('software', f'unihema_mm {__version__}'),
        ('model', options.model or 'not told'),
        ('hash of its weights', options.model_hash or 'not told'),
        ('prompts', '; '.join(slides.prompts) or 'none'),
    ]
    thresholds = sorted(slides.thresholds.items())
    facts += [(f'listed by the model: {name} from', ', '.join(f'{one:g}' for one in sorted(values)))
              for name, values in thresholds]  # fmt: skip
    return facts
