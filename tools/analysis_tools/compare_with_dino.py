"""UniHema beside DINO: ``python tools/analysis_tools/compare_with_dino.py CONFIG``."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from mmengine.config import Config

from unihema_mm.engine.launch import ConfigOptions, load_config
from unihema_mm.engine.testing import METRICS_FILE
from unihema_mm.utils.atomic import write_bytes, write_json
from unihema_mm.utils.baseline import dino_baseline
from unihema_mm.utils.checkpoint import find_resume_checkpoint
from unihema_mm.utils.errors import InputError, exit_on_input_error

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


def run_one(cfg: Config, folder: Path) -> dict:
    """Train and test one config in ``folder``, unless this is done; returns the metrics."""
    config, metrics = folder / 'config.py', folder / METRICS_FILE
    cfg.work_dir = str(folder)
    if not config.exists():
        write_bytes(config, cfg.pretty_text.encode())
    elif config.read_text() != cfg.pretty_text:
        raise InputError(
            f'{config}: differs from the config given now; delete {folder} or choose another --work-dir'
        )
    if not metrics.exists():
        run('train.py', config, '--work-dir', folder, '--resume')
        run('test.py', config, find_resume_checkpoint(folder), '--work-dir', folder)
    return json.loads(metrics.read_text())


def run(tool: str, *arguments: str | Path) -> None:
    code = subprocess.run([sys.executable, TOOLS / tool, *map(str, arguments)]).returncode
    if code:
        raise InputError(f'{tool} {arguments[0]}: ended with exit code {code}, see above')


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
            'UniHema': run_one(cfg, work_dir / 'uni_hema'),
            'DINO': run_one(baseline, work_dir / 'dino'),
        }
    write_json(work_dir / 'comparison.json', results)
    write_bytes(work_dir / 'comparison.md', table(results).encode())
    print(table(results) + f'\nwritten to {work_dir / "comparison.md"}')


if __name__ == '__main__':
    main()
