"""UniHema beside DINO: ``python tools/analysis_tools/compare_with_dino.py CONFIG``."""

import argparse
from pathlib import Path

from unihema_mm.engine.comparison import train_and_test
from unihema_mm.engine.launch import ConfigOptions, load_config
from unihema_mm.utils.atomic import write_bytes, write_json
from unihema_mm.utils.baseline import dino_baseline
from unihema_mm.utils.errors import exit_on_input_error

TOOLS = Path(__file__).resolve().parents[1]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Train UniHema and mmdet's DINO of the same size in turn, test both, and write one "
        'table. A second call continues where the first one stopped.')  # fmt: skip
    parser.add_argument('config', help='config of a UniHema')
    parser.add_argument('--work-dir', type=Path, help='default: work_dirs/<config stem>_vs_dino')
    parser.add_argument('--cfg-options', nargs='+', action=ConfigOptions, metavar='KEY=VALUE',
                        help='replace values of both configs')  # fmt: skip
    return parser.parse_args()


def table(results: dict[str, dict]) -> str:
    """Markdown table, one row per metric, values in percent; '-' where there is no ground truth."""
    ours, theirs = results.values()
    lines = ['| metric | ' + ' | '.join(results) + ' | difference |', '|---|---|---|---|']
    for key in ours:
        pair = ours[key], theirs.get(key, -1)
        cells = ['-' if value < 0 else f'{100 * value:.1f}' for value in pair]
        difference = '-' if min(pair) < 0 else f'{100 * (pair[0] - pair[1]):+.1f}'
        lines.append(f'| {key.removeprefix("coco/bbox_")} | {cells[0]} | {cells[1]} | {difference} |')
    return '\n'.join(lines) + '\n'


def main() -> None:
    args = parse_args()
    with exit_on_input_error():
        cfg = load_config(args.config, args.cfg_options)
        work_dir = args.work_dir or Path('work_dirs') / f'{Path(args.config).stem}_vs_dino'
        baseline = dino_baseline(cfg)
        results = {
            'UniHema': train_and_test(cfg, work_dir / 'uni_hema', TOOLS),
            'DINO': train_and_test(baseline, work_dir / 'dino', TOOLS),
        }
    write_json(work_dir / 'comparison.json', results)
    write_bytes(work_dir / 'comparison.md', table(results).encode())
    print(table(results) + f'\nwritten to {work_dir / "comparison.md"}')


if __name__ == '__main__':
    main()
