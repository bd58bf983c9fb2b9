"""Find, make, convert and check data; ``python tools/prepare_data.py --help`` lists the commands."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from signal import SIGINT, SIGTERM, default_int_handler, signal

from unihema_mm.datasets.catalogue import (
    CatalogueEntry,
    describe_entry,
    entry_names,
    list_entries,
    load_entry,
)
from unihema_mm.datasets.converters import OWN_FORMATS, convert, counts_table, own_entry
from unihema_mm.datasets.prompts import DEFAULT_PROMPT
from unihema_mm.datasets.schema import TASKS, DataError
from unihema_mm.datasets.texts import collect_texts
from unihema_mm.datasets.validation import RepeatSummary, check_path, check_paths
from unihema_mm.utils.errors import InputError, exit_on_input_error

VOCAB_SIZE = 1024
EXIT_INTERRUPTED = 128 + SIGINT


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Find, make, convert and check data; see docs/how_to/prepare_data.md.'
    )
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument('--workers', type=_positive, default=os.cpu_count() or 1, help='number of processes')
    common.add_argument('--quiet', action='store_true', help='no progress bar')
    _add_catalogue(commands)
    _add_synthetic(commands, common)
    _add_convert(commands, common)
    _add_check(commands, common)
    _add_lmdb(commands)
    counts = commands.add_parser('counts', help='print what converted data folders hold, as a Markdown table')
    counts.add_argument('paths', nargs='+', type=Path, metavar='PATH', help='converted data folder')
    counts.set_defaults(run=run_counts)
    _add_texts(commands)
    tokenizer = commands.add_parser('tokenizer', help='train a tokenizer on the texts of data folders')
    tokenizer.add_argument('roots', nargs='+', type=Path, metavar='ROOT', help='data folder')
    tokenizer.add_argument('--out', required=True, type=Path, help='folder to write')
    tokenizer.add_argument('--vocab-size', type=_positive, default=VOCAB_SIZE)
    tokenizer.set_defaults(run=run_tokenizer)
    return parser.parse_args(argv)


def run_list(args: argparse.Namespace) -> int:
    entries = [load_entry(name) for name in entry_names()]
    entries = [entry for entry in entries if args.task is None or args.task in entry.tasks]
    print('\n'.join(list_entries(entries, args.data)))
    print(f'{len(entries)} sets, {sum(entry.has_converter for entry in entries)} of them with a converter')
    return 0


def run_show(args: argparse.Namespace) -> int:
    print('\n'.join(describe_entry(load_entry(args.name))))
    return 0


def run_synthetic(args: argparse.Namespace) -> int:
    from unihema_mm.datasets.synthetic import generate_corpus

    with _input_errors(ValueError, FileExistsError):
        summary = generate_corpus(
            args.out,
            num=args.num,
            seed=args.seed,
            workers=args.workers,
            cells=args.cells,
            progress=not args.quiet,
        )
    print(f'synthetic: seed {args.seed}, {summary["seconds"]:.1f} s')
    for split, fields in summary['fields'].items():
        objects = summary['objects'][split]
        print(
            f'  {split:5} {fields:6} fields, {summary["cells"][split]:6} single cells, '
            f'{sum(objects.values()):7} objects, {summary["questions"][split]:7} questions'
        )
        print('        ' + ', '.join(f'{name} {count}' for name, count in objects.items()))
    return _finish(args.out)


def run_convert(args: argparse.Namespace) -> int:
    report = convert(
        _entry(args), args.src, args.out, workers=args.workers, images=args.images, progress=not args.quiet
    )
    print('\n'.join(report.lines()))
    print(f'  everything dropped or repaired is listed in {args.out / "conversion_report.json"}')
    return _finish(args.out)


def run_texts(args: argparse.Namespace) -> int:
    from unihema_mm.datasets.text_generation import LocalModelRewriter, add_texts

    rewriter = args.rewriter and LocalModelRewriter(args.rewriter)
    report = add_texts(args.root, seed=args.seed, questions_per_image=args.questions, rewriter=rewriter)
    print('\n'.join(report.lines()))
    return _finish(args.root)


def run_check(args: argparse.Namespace) -> int:
    summary = check_paths(
        args.paths,
        decode=args.images,
        compare=args.repeats,
        workers=args.workers,
        progress=not args.quiet,
    )
    for fault in summary.faults:
        print(fault)
    print(
        f'{len(summary.faults)} faults in {summary.files} files with {summary.images} images '
        f'({summary.decoded} decoded) and {summary.objects} objects'
    )
    if summary.repeats:
        _print_repeats(summary.repeats)
    return 1 if summary.faults else 0


def run_counts(args: argparse.Namespace) -> int:
    print('\n'.join(counts_table(args.paths)))
    return 0


def run_lmdb(args: argparse.Namespace) -> int:
    from unihema_mm.datasets.packing import pack_images

    summary = pack_images(args.root, args.out, progress=not args.quiet)
    print(f'lmdb: {summary.files} images and masks, {summary.bytes / 2**20:.1f} MiB in {summary.path}')
    return 0


def run_tokenizer(args: argparse.Namespace) -> int:
    _train_tokenizer(args.roots, args.out, args.vocab_size)
    return 0


def _add_catalogue(commands) -> None:
    table = commands.add_parser('list', help='list the public data sets of the catalogue')
    table.add_argument('--task', choices=TASKS, help='only sets for this task')
    table.add_argument(
        '--data', type=Path, default=Path('data'), help='folder of the converted sets (default: data)'
    )
    table.set_defaults(run=run_list)
    show = commands.add_parser('show', help='show what is known about a data set, and how to get it')
    show.add_argument('name', help='data set of the catalogue')
    show.set_defaults(run=run_show)


def _add_synthetic(commands, common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser('synthetic', parents=[common], help='draw a corpus of synthetic smears')
    parser.add_argument('--out', required=True, type=Path, help='data folder to make, e.g. data/synthetic')
    parser.add_argument('--num', type=_positive, default=200, help='number of fields of view')
    parser.add_argument(
        '--cells', type=int, help='number of single-cell pictures (default: as many as fields)'
    )
    parser.add_argument('--seed', type=int, default=0, help='the same seed gives the same bytes')
    parser.set_defaults(run=run_synthetic)


def _add_convert(commands, common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser('convert', parents=[common], help='convert public data or your own')
    parser.add_argument(
        'name',
        help='data set of the catalogue (the command list names them), path of a catalogue entry of your own '
        f'(.yaml), or the format of your own data ({", ".join(OWN_FORMATS)})',
    )
    parser.add_argument(
        '--src',
        required=True,
        type=Path,
        help='folder in the original layout, never changed; the folder around them for a set of several',
    )
    parser.add_argument('--out', required=True, type=Path, help='data folder to make, e.g. data/bccd')
    parser.add_argument(
        '--images', choices=['copy', 'symlink', 'hardlink'], default='copy', help='how they are placed'
    )
    own = parser.add_argument_group(f'your own data ({", ".join(OWN_FORMATS)})')
    own.add_argument('--classes', nargs='+', metavar='NAME', help='class names; OLD=NEW renames one')
    own.add_argument(
        '--split',
        nargs='+',
        metavar='SPLIT=VALUE',
        help='voc, kitti: a list file or * for all; '
        'yolo: an image folder; coco, uni_hema_json: JSON or JSON:IMAGE_FOLDER; '
        'box_csv: a csv file; class_folders: a folder name; relative to --src',
    )
    own.add_argument('--prompt', help=f'disease or cell words of the prompt (default: {DEFAULT_PROMPT})')
    own.add_argument('--licence', help='licence of the data (default: unknown)')
    own.add_argument('--annotations', help='voc, kitti: folder of the label files')
    own.add_argument(
        '--image-folder',
        help='voc, kitti, box_csv: folder of the images; '
        'class_folders: their pattern, e.g. {split}/{class}/*',
    )
    own.add_argument('--coordinates', choices=['corners', 'inclusive'], help='voc: meaning of xmin ... ymax')
    own.add_argument('--data', help='yolo: path of data.yaml')
    own.add_argument(
        '--columns',
        nargs='+',
        metavar='NAME=COLUMN',
        help='box_csv: heading or number from 1 of file, class and the numbers of --box, '
        'where they have no usual headings',
    )
    own.add_argument(
        '--box',
        choices=['corners', 'size', 'centre'],
        help='box_csv: xmin ymin xmax ymax, or x y width height from the corner or the centre',
    )
    own.add_argument('--normalised', action='store_true', help='box_csv: numbers are fractions of the image')
    own.add_argument('--no-header', action='store_true', help='box_csv: the first line holds no headings')
    own.add_argument('--delimiter', help='box_csv: what separates the values (default: a comma)')
    own.add_argument(
        '--hold-out',
        nargs='+',
        metavar='SPLIT=AMOUNT',
        help='images of train to move there, a number or a share, e.g. val=0.15 test=0.15',
    )
    own.add_argument(
        '--group',
        metavar='REGEX',
        help='what --hold-out moves as a whole, e.g. (?P<group>patient_[0-9]+) in the image paths',
    )
    own.add_argument('--unpaired', choices=['error', 'skip'], help='labels without image')
    own.add_argument('--unlabelled', choices=['error', 'skip', 'background'], help='images without label')
    parser.set_defaults(run=run_convert)


def _add_texts(commands) -> None:
    parser = commands.add_parser(
        'texts', help='add generated questions and masked sentences to a data folder'
    )
    parser.add_argument('root', type=Path, metavar='ROOT', help='data folder, e.g. data/pbc_wbcatt')
    parser.add_argument('--seed', type=int, default=0, help='the same seed gives the same texts')
    parser.add_argument(
        '--questions', type=float, default=10, help='mean number of questions per image at most (default: 10)'
    )
    parser.add_argument(
        '--rewriter', type=Path, metavar='PATH', help='folder of a local language model that words texts anew'
    )
    parser.set_defaults(run=run_texts)


def _add_check(commands, common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser('check', parents=[common], help='check data against the annotation schema')
    parser.add_argument(
        'paths', nargs='+', type=Path, metavar='PATH', help='data folder or one annotation file'
    )
    parser.add_argument('--images', action='store_true', help='also decode every image and mask')
    parser.add_argument(
        '--no-repeats',
        dest='repeats',
        action='store_false',
        help='do not look for images that stand in two splits, under any names and in any of the PATHs',
    )
    parser.set_defaults(run=run_check)


def _add_lmdb(commands) -> None:
    parser = commands.add_parser('lmdb', help='pack the images and masks of a data folder into one LMDB file')
    parser.add_argument('root', type=Path, metavar='ROOT', help='data folder, never changed')
    parser.add_argument('--out', type=Path, help='file to write (default: images.lmdb in the data folder)')
    parser.add_argument('--quiet', action='store_true', help='no progress bar')
    parser.set_defaults(run=run_lmdb)


def _entry(args: argparse.Namespace) -> CatalogueEntry:
    policies = {'unpaired': args.unpaired, 'unlabelled': args.unlabelled}
    layout = {
        'annotations': args.annotations,
        'images': args.image_folder,
        'coordinates': args.coordinates,
        'data': args.data,
        'columns': dict(_column(text) for text in args.columns or ()),
        'box': args.box,
        'normalised': args.normalised,
        'delimiter': args.delimiter,
        'splits': dict(_pair(text, '--split', required=True) for text in args.split or ()),
        'hold_out': dict(_amount(text) for text in args.hold_out or ()),
        'group': args.group,
    }
    texts = {'prompt': args.prompt, 'licence': args.licence}
    classes = dict(_pair(text, '--classes') for text in args.classes or ())
    policies, layout, texts = (_given(options) for options in (policies, layout, texts))
    if 'group' in layout and 'hold_out' not in layout:
        raise InputError('--group: it says what --hold-out moves as a whole; add --hold-out val=0.15')
    layout |= {'header': False} if args.no_header else {}
    if args.name in OWN_FORMATS:
        return own_entry(args.name, args.src, args.out.name, {**layout, **policies}, classes=classes, **texts)
    if layout or texts or classes:
        raise InputError(
            f'{args.name}: the catalogue says how to read it; '
            f'options of your own data go with {", ".join(OWN_FORMATS)}'
        )
    entry = load_entry(args.name)
    return replace(entry, parameters={**entry.parameters, **policies})


def _print_repeats(repeats: RepeatSummary) -> None:
    for line in repeats.known:
        print(f'known: {line}')
    identical, near = repeats.within
    print(
        f'{repeats.images} images compared: {identical} identical and {near} near-identical pairs within one '
        f'split, {len(repeats.known)} known pairs in two splits'
    )


def _given(options: dict) -> dict:
    return {name: value for name, value in options.items() if value}


def _finish(out: Path) -> int:
    summary = check_path(out)
    if summary.faults:
        raise DataError(summary.faults)
    _train_tokenizer([out], out / 'tokenizer', VOCAB_SIZE)
    return 0


def _train_tokenizer(roots: list[Path], out: Path, vocab_size: int) -> None:
    from unihema_mm.models.text.tokenizer import train_tokenizer

    texts = collect_texts(roots)
    with _input_errors(ValueError):
        tokenizer = train_tokenizer(texts, out, vocab_size)
    print(f'tokenizer: {len(tokenizer)} tokens from {len(texts)} texts in {out}')


@contextmanager
def _all_faults() -> Iterator[None]:
    """Print the faults that the one line of a :class:`DataError` only counts."""
    try:
        yield
    except DataError as error:
        for fault in error.faults[1:]:
            print(fault, file=sys.stderr)
        raise


@contextmanager
def _input_errors(*kinds: type[Exception]) -> Iterator[None]:
    try:
        yield
    except kinds as error:
        raise InputError(str(error)) from error


def _pair(text: str, option: str, required: bool = False) -> tuple[str, str]:
    name, sign, value = text.partition('=')
    if not name or (sign and not value) or (required and not sign):
        raise InputError(f'{option} {text!r}: write NAME=VALUE')
    return name, value or name


def _column(text: str) -> tuple[str, str | int]:
    name, value = _pair(text, '--columns', required=True)
    return name, int(value) if value.isdecimal() else value


def _amount(text: str) -> tuple[str, float]:
    name, value = _pair(text, '--hold-out', required=True)
    try:
        return name, int(value) if value.isdecimal() else float(value)
    except ValueError:
        raise InputError(f'--hold-out {text!r}: write SPLIT=NUMBER or SPLIT=SHARE, e.g. val=0.15') from None


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f'{text} must be at least 1')
    return value


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    signal(SIGTERM, default_int_handler)
    try:
        with exit_on_input_error(), _all_faults():
            return args.run(args)
    except KeyboardInterrupt:
        print('interrupted; the same command continues', file=sys.stderr)
        return EXIT_INTERRUPTED


if __name__ == '__main__':
    sys.exit(main())
