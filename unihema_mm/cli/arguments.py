"""Options that several commands share."""

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from unihema_mm.utils.errors import InputError

# Those of unihema_mm.apis.writers.WRITERS, which takes seconds to import.
FORMATS = ('json', 'csv', 'coco', 'yolo', 'geojson', 'labels', 'overlay')
STDIN = '-'


def command_parser(name: str, description: str, epilog: str) -> argparse.ArgumentParser:
    """Parser of a command; line breaks of its texts stay."""
    return argparse.ArgumentParser(
        prog=f'unihema {name}',
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_model(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """Add ``--model`` and what belongs to it."""
    group = parser.add_argument_group('model')
    group.add_argument(
        '--model',
        metavar='M',
        required=required,
        help='published folder, work folder of a training, checkpoint, or name on the Hugging Face Hub',
    )
    add_model_details(group)


def add_model_details(group: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add what decides how a model is loaded."""
    group.add_argument('--config', metavar='FILE', help='config of a checkpoint that has none beside it')
    group.add_argument('--device', help='such as cpu or cuda:0 (default: the GPU where there is one)')
    group.add_argument('--download', action='store_true', help='fetch a name from the Hugging Face Hub')


def add_images(parser: argparse.ArgumentParser) -> None:
    """Add the images, and what is asked of each."""
    parser.add_argument(
        'inputs',
        nargs='+',
        metavar='INPUT',
        help="image, folder with its subfolders, pattern such as 'smears/*.png', or - for names on stdin",
    )
    group = parser.add_argument_group('what is asked')
    group.add_argument('--tasks', type=names, metavar='T,T', help='such as det,morph (default: all but cls)')
    group.add_argument('--prompt', metavar='TEXT', help="disease or cell words such as 'Malaria'")
    group.add_argument(
        '--score', type=share, default=0.3, metavar='S', help='least confidence of a cell (default: 0.3)'
    )
    group.add_argument('--max-cells', type=positive, metavar='N', help='cells per image at most')
    group = parser.add_argument_group('how it is computed')
    group.add_argument(
        '--batch-size', type=positive, default=1, metavar='N', help='images, or tiles, at a time (default: 1)'
    )
    group.add_argument('--tile', type=tile_size, metavar='N|WxH', help='tiles for large images, pixels')
    group.add_argument('--tile-overlap', type=int, metavar='N', help='pixels that tiles share')


def asked_by(args: argparse.Namespace) -> dict[str, Any]:
    """Options of :func:`add_images` that decide results, as arguments of the inferencer."""
    return {
        'tasks': args.tasks,
        'prompt': args.prompt,
        'score_threshold': args.score,
        'max_detections': args.max_cells,
        'tile': args.tile,
        'tile_overlap': args.tile_overlap,
    }


def read_inputs(inputs: Sequence[str], stdin: Iterable[bytes] | None = None) -> str | list[str]:
    """Replace ``-`` by the names on standard input, one per line.

    Args:
        inputs: Paths, folders, patterns and ``-``.
        stdin: Lines, by default those of the process.

    Returns:
        The only name, or all.

    Raises:
        InputError: There is no name.
    """
    found: list[str] = []
    for item in inputs:
        if item == STDIN:
            lines = sys.stdin.buffer if stdin is None else stdin
            found += [os.fsdecode(line.rstrip(b'\r\n')) for line in lines if line.strip()]
        else:
            found.append(item)
    if not found:
        raise InputError('standard input: has no names; give one image or folder per line')
    return found[0] if len(found) == 1 else found


def names(text: str) -> tuple[str, ...]:
    """Names between commas."""
    found = tuple(part.strip() for part in text.split(',') if part.strip())
    if not found:
        raise argparse.ArgumentTypeError('has no name; give names with commas between them')
    return found


def formats(text: str) -> tuple[str, ...]:
    """Names of :data:`FORMATS` between commas."""
    found = names(text)
    unknown = [name for name in found if name not in FORMATS]
    if unknown:
        raise argparse.ArgumentTypeError(f'{unknown[0]!r} is not known; choose from {", ".join(FORMATS)}')
    return found


def share(text: str) -> float:
    """Number from 0 to 1."""
    value = _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f'{text!r} is not a number from 0 to 1')
    return value


def positive(text: str) -> int:
    """Whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text!r} is not a whole number of at least 1')
    return int(text)


def tile_size(text: str) -> int | tuple[int, int]:
    """Side of a tile, or width and height with an x between them."""
    sides = [positive(side) for side in text.lower().split('x')]
    if len(sides) > 2:
        raise argparse.ArgumentTypeError(f'{text!r} is no size; give 1024 or 1024x768')
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f'{text!r} is not a number') from None
