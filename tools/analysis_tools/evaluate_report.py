"""A report beside the labels: ``python tools/analysis_tools/evaluate_report.py ANNOTATIONS MODEL``."""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from unihema_mm.apis import UniHemaInferencer
from unihema_mm.apis.reports import ReportOptions, write_report
from unihema_mm.structures.results import RESEARCH_USE, Cell, FailedImage, ImageResult
from unihema_mm.utils.atomic import write_bytes, write_json
from unihema_mm.utils.errors import InputError, exit_on_input_error

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
    parser.add_argument('--border', default=ReportOptions.border, help='as of the report')
    parser.add_argument('--device', help='e.g. cuda:0')
    return parser.parse_args()


def predictions(args: argparse.Namespace, document: dict) -> Iterator[ImageResult | FailedImage]:
    """Predict image by image, each with its own prompt."""
    inferencer = UniHemaInferencer(args.model, args.config, args.device)
    root = args.annotations.parents[1]
    names = {str(root / image['file_name']): image['file_name'] for image in document['images']}
    images = defaultdict(list)
    for image in document['images']:
        images[image.get('prompt')].append(str(root / image['file_name']))
    least = min(LISTED, args.identify)
    for prompt, paths in images.items():
        for item in inferencer(paths, tasks='det', prompt=prompt, score_threshold=least):
            yield replace(item, name=names[item.path])


def labels(args: argparse.Namespace, document: dict) -> Iterator[ImageResult]:
    """The labels as predictions without a doubt."""
    root = args.annotations.parents[1]
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
        yield ImageResult(image['file_name'], str(path), *size, ('det',), classes=names, cells=found)


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
        if not args.annotations.is_file():
            raise InputError(f'{args.annotations}: not found; give an annotation file')
        document = json.loads(args.annotations.read_text(encoding='utf-8'))
        options = ReportOptions(
            identify=args.identify, border=args.border, slide='all', model=Path(args.model).name
        )
        write_report(predictions(args, document), args.out / 'predicted', options)
        write_report(labels(args, document), args.out / 'labels', options)
    predicted, true = slide_of(args.out / 'predicted'), slide_of(args.out / 'labels')
    rows = compare(numbers(predicted['quantities']), numbers(true['quantities']))
    per_image = errors_per_image(predicted, true)
    content = {'notice': RESEARCH_USE, 'numbers': rows, 'counts_per_image': per_image}
    write_json(args.out / 'comparison.json', content)
    text = f'{table(rows)}\n{table_per_image(per_image)}'
    write_bytes(args.out / 'comparison.md', f'{RESEARCH_USE}\n\n{text}'.encode())
    print(f'{text}\nwritten to {args.out}')


if __name__ == '__main__':
    main()
