"""Write a trained model to a folder for others: ``... publish.py CHECKPOINT --config CFG --out FOLDER``."""

import argparse
import json
from pathlib import Path

from unihema_mm.engine.launch import ConfigOptions, load_config
from unihema_mm.engine.publishing import publish
from unihema_mm.engine.stages import apply_stage
from unihema_mm.engine.testing import METRICS_FILE
from unihema_mm.utils.errors import InputError, exit_on_input_error


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Write weights, config, tokenizer and a model card to a folder. '
        'It is tested by: tools/test.py FOLDER/config.py FOLDER/model.safetensors'
    )
    parser.add_argument('checkpoint', type=Path, help='checkpoint file (.pth or .safetensors)')
    parser.add_argument(
        '--config',
        required=True,
        help='config file that it was trained with, best the one in its work folder',
    )
    parser.add_argument('--out', required=True, type=Path, metavar='FOLDER', help='folder to write')
    parser.add_argument(
        '--metrics',
        type=Path,
        metavar='FILE',
        help=f'results of its test (default: {METRICS_FILE} beside the checkpoint, unless it is older)',
    )
    parser.add_argument('--force', action='store_true', help='replace an earlier published model')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=ConfigOptions,
        metavar='KEY=VALUE',
        help='the same options that it was trained with',
    )
    return parser.parse_args()


def read_metrics(given: Path | None, checkpoint: Path) -> dict[str, float] | None:
    """Results of the test of a checkpoint, None where there are none."""
    path = given or checkpoint.parent / METRICS_FILE
    if given is None:
        if not path.is_file() or not checkpoint.is_file():
            return None
        if path.stat().st_mtime < checkpoint.stat().st_mtime:
            print(
                f'{path} is older than the checkpoint and is left out; give it with --metrics if it is meant'
            )
            return None
    try:
        metrics = json.loads(path.read_text())
        return {str(key): float(value) for key, value in metrics.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        mend = f'give the {METRICS_FILE} that tools/test.py has written'
        raise InputError(f'{path}: metrics cannot be read ({error}); {mend}') from None


def main() -> None:
    args = parse_args()
    with exit_on_input_error(OSError):
        cfg = load_config(args.config, args.cfg_options)
        apply_stage(cfg)
        metrics = read_metrics(args.metrics, args.checkpoint)
        card = publish(cfg, args.checkpoint, args.out, metrics, force=args.force)
    absent = [item['annotations'] for item in card['data'] if item['sha256'] is None]
    print(
        f'{args.out}: {sum(path.stat().st_size for path in args.out.rglob("*") if path.is_file()):,} bytes, '
        f'{len(card["data"])} annotation files, {len(card["metrics"] or ())} metrics'
    )
    if absent:
        print(f'no hash, for these annotation files are absent: {", ".join(absent)}')


if __name__ == '__main__':
    main()
