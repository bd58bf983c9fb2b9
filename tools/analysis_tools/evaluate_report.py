"""A report beside the labels: ``python tools/analysis_tools/evaluate_report.py ANNOTATIONS MODEL``."""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from unihema_mm.apis import UniHemaInferencer
from unihema_mm.apis.reports import ReportOptions, write_report
from unihema_mm.apis.reports.counts import findings
from unihema_mm.structures.results import RESEARCH_USE, Cell, FailedImage, ImageResult
from unihema_mm.utils.atomic import write_bytes, write_json
from unihema_mm.utils.errors import InputError, exit_on_input_error

CANDIDATES = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6)
TASK = 'det'
LISTED = 0.3  # score from which on boxes are in a report, as unihema report has it
SHOWN = ('white-cell differential', 'parasitaemia', 'sickle share', 'platelets per red cell',
         'nucleated red cells', 'count', 'cells per image')  # fmt: skip


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Predict the images of an annotation file, write a report of the predictions and one of '
        'the labels by the same rules, and compare their numbers.'
    )
    parser.add_argument(
        'annotations', type=Path, help='annotation file, e.g. data/bccd/annotations/test.json'
    )
    parser.add_argument('model', help='published folder, checkpoint or work folder')
    parser.add_argument('--config', help='config of the checkpoint, default: the one beside it')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/report_evaluation'))
    parser.add_argument('--identify', type=float, default=ReportOptions.identify, help='as of the report')
    parser.add_argument(
        '--choose-on',
        type=Path,
        metavar='ANNOTATIONS',
        help='choose --identify on these, of 0.3 to 0.6: that with the least errors of the counts of groups',
    )
    parser.add_argument('--border', default=ReportOptions.border, help='as of the report')
    parser.add_argument('--device', help='e.g. cuda:0')
    return parser.parse_args()


def predictions(
    inferencer: UniHemaInferencer, annotations: Path, document: dict, least: float = LISTED
) -> Iterator[ImageResult | FailedImage]:
    """Predict image by image, each with its own prompt."""
    root = annotations.parents[1]
    names = {str(root / image['file_name']): image['file_name'] for image in document['images']}
    images = defaultdict(list)
    for image in document['images']:
        images[image.get('prompt')].append(str(root / image['file_name']))
    for prompt, paths in images.items():
        for item in inferencer(paths, tasks=TASK, prompt=prompt, score_threshold=least):
            yield replace(item, name=names[item.path])


def labels(annotations: Path, document: dict) -> Iterator[ImageResult]:
    """The labels as predictions without a doubt."""
    root = annotations.parents[1]
    names = tuple(category['name'] for category in document['categories'])
    places = {category['id']: place for place, category in enumerate(document['categories'])}
    cells = defaultdict(list)
    for one in document['annotations']:
        x, y, width, height = one['bbox']
        place = places[one['category_id']]
        cells[one['image_id']].append(Cell((x, y, x + width, y + height), names[place], place, 1.0))
    for image in document['images']:
        path = root / image['file_name']
        size = image['width'], image['height']
        found = tuple(cells[image['id']])
        yield ImageResult(image['file_name'], str(path), *size, (TASK,), classes=names, cells=found)


def counted(results: Iterable[ImageResult | FailedImage], options: ReportOptions) -> Counter:
    """Cells in the counts of a report, by group."""
    read = (one for one in results if isinstance(one, ImageResult))
    return Counter(one.group for result in read for one in findings(result, options) if one.is_counted)


def choose_identify(inferencer: UniHemaInferencer, annotations: Path, options: ReportOptions) -> float:
    """Score from which on cells are identified, so that the counts of groups come next to the labels."""
    document = read_annotations(annotations)
    results = list(predictions(inferencer, annotations, document))
    true = counted(labels(annotations, document), options)

    def error(identify: float) -> float:
        found = counted(results, replace(options, identify=identify))
        return sum(abs(found[group] - number) / number for group, number in true.items())

    return min(CANDIDATES, key=error)


def read_annotations(path: Path) -> dict:
    """Content of an annotation file, without images whose cells have no boxes."""
    if not path.is_file():
        raise InputError(f'{path}: not found; give an annotation file')
    document = json.loads(path.read_text(encoding='utf-8'))
    document['images'] = [one for one in document['images'] if TASK in one.get('tasks', [TASK])]
    if not document['images']:
        raise InputError(f'{path}: images: none is for {TASK}; give a file with boxes of cells')
    return document


def slide_of(folder: Path) -> dict:
    """The one slide of a report."""
    (slide,) = json.loads((folder / 'report.json').read_text(encoding='utf-8'))['slides']
    return slide


def numbers(lines: list[dict]) -> dict[tuple[str, str, str], dict]:
    """Numbers by what they are."""
    return {(one['quantity'], one['class'], one['unit']): one for one in lines}


def errors_per_image(predicted: dict, true: dict) -> list[dict]:
    """Errors of the counts of single images: their mean, and their mean size."""
    errors = defaultdict(list)
    for image, lines in true['images'].items():
        found = numbers(predicted['images'].get(image, []))
        for key, label in numbers(lines).items():
            if key[0] == 'count' and key in found:
                errors[key[1]].append(found[key]['value'] - label['value'])
    return [
        {
            'class': name,
            'images': len(values),
            'mean_error': sum(values) / len(values),
            'mean_absolute_error': sum(map(abs, values)) / len(values),
        }
        for name, values in errors.items()
    ]


def compare(predicted: dict, true: dict) -> list[dict]:
    """One row per number that both reports have."""
    rows = []
    for key in predicted.keys() & true.keys():
        found, label = predicted[key], true[key]
        if key[0] not in SHOWN:
            continue
        row = dict(zip(('quantity', 'class', 'unit'), key, strict=True))
        row |= {name: found[name] for name in ('value', 'low', 'high', 'method')} | {'label': label['value']}
        if found['value'] is not None and label['value'] is not None:
            row['error'] = found['value'] - label['value']
            row['relative_error'] = row['error'] / label['value'] if label['value'] else None
            row['covered'] = found['low'] <= label['value'] <= found['high']
        rows.append(row)
    return sorted(rows, key=lambda row: (SHOWN.index(row['quantity']), row['class']))


def table(rows: list[dict]) -> str:
    """Markdown table."""
    lines = ['| quantity | class | unit | predicted | 95 % interval | labels | error | covers the labels |',
             '|---|---|---|---|---|---|---|---|']  # fmt: skip
    for row in rows:
        first = [row['quantity'], row['class'], row['unit']]
        if 'error' not in row:
            lines.append('| ' + ' | '.join([*first, 'undefined', '', '', '', row['method']]) + ' |')
            continue
        relative = '' if row['relative_error'] is None else f' ({100 * row["relative_error"]:+.1f} %)'
        interval = f'{row["low"]:.4g} to {row["high"]:.4g}'
        values = [f'{row["value"]:.4g}', interval, f'{row["label"]:.4g}', f'{row["error"]:+.3g}{relative}']
        lines.append('| ' + ' | '.join([*first, *values, 'yes' if row['covered'] else 'no']) + ' |')
    return '\n'.join(lines) + '\n'


def table_per_image(rows: list[dict]) -> str:
    """Markdown table."""
    lines = ['| count per image | images | mean error | mean absolute error |', '|---|---|---|---|']
    for row in rows:
        values = [f'{row[name]:+.2f}' if name == 'mean_error' else f'{row[name]:.2f}'
                  for name in ('mean_error', 'mean_absolute_error')]  # fmt: skip
        lines.append('| ' + ' | '.join([row['class'], str(row['images']), *values]) + ' |')
    return '\n'.join(lines) + '\n'


def main() -> None:
    args = parse_args()
    with exit_on_input_error():
        document = read_annotations(args.annotations)
        inferencer = UniHemaInferencer(args.model, args.config, args.device)
        model = Path(args.model).name
        options = ReportOptions(identify=args.identify, border=args.border, slide='all', model=model)
        if args.choose_on is not None:
            identify = choose_identify(inferencer, args.choose_on, options)
            options = replace(options, identify=identify)
            print(f'identified from a score of {identify:g}, chosen on {args.choose_on}\n')
        found = predictions(inferencer, args.annotations, document, min(LISTED, options.identify))
        write_report(found, args.out / 'predicted', options)
        write_report(labels(args.annotations, document), args.out / 'labels', options)
    predicted, true = slide_of(args.out / 'predicted'), slide_of(args.out / 'labels')
    rows = compare(numbers(predicted['quantities']), numbers(true['quantities']))
    per_image = errors_per_image(predicted, true)
    content = {
        'notice': RESEARCH_USE,
        'identify': options.identify,
        'numbers': rows,
        'counts_per_image': per_image,
    }
    write_json(args.out / 'comparison.json', content)
    text = f'{table(rows)}\n{table_per_image(per_image)}'
    write_bytes(args.out / 'comparison.md', f'{RESEARCH_USE}\n\n{text}'.encode())
    print(f'{text}\nwritten to {args.out}')


if __name__ == '__main__':
    main()
