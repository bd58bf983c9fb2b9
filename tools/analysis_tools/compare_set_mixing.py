"""Ways to mix data sets with different classes: ``python tools/analysis_tools/compare_set_mixing.py``."""

import argparse
from collections.abc import Iterable
from copy import deepcopy
from pathlib import Path

from mmengine.config import Config

from unihema_mm.engine.comparison import train_and_test
from unihema_mm.engine.data_paths import check_data_paths
from unihema_mm.engine.launch import ConfigOptions, load_config
from unihema_mm.utils.atomic import write_bytes, write_json
from unihema_mm.utils.errors import InputError, exit_on_input_error

TOOLS = Path(__file__).resolve().parents[1]
CONFIG = TOOLS.parent / 'configs/uni_hema/tiny/detector_real_sets.py'
MAIN_METRIC = 'bbox_mAP_50'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Train a detector on several data sets with and without ignoring the classes that a set '
        'does not annotate, at each temperature; test all on each set, and write one table. A second call '
        'continues where the first one stopped.'
    )
    parser.add_argument(
        'config', nargs='?', type=Path, default=CONFIG, help='config of a UniHema (default: %(default)s)'
    )
    parser.add_argument('--temperatures', nargs='+', type=float, default=[1.0, 0.5], metavar='T')
    parser.add_argument('--work-dir', type=Path, help='default: work_dirs/<config stem>_mixing')
    parser.add_argument('--only', nargs='+', metavar='NAME', help='train only these variants')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=ConfigOptions,
        metavar='KEY=VALUE',
        help='replace values of all variants',
    )
    return parser.parse_args()


def make_variants(cfg: Config, temperatures: Iterable[float]) -> dict[str, Config]:
    """Configs by name: each way to treat classes without annotation at each temperature of all groups."""
    groups = cfg.train_dataloader.batch_sampler.get('groups')
    if not groups:
        raise InputError(
            f'{cfg.filename}: train_dataloader.batch_sampler.groups: is empty; group the data sets'
        )
    variants = {}
    for ignore in (True, False):
        for temperature in temperatures:
            variant = deepcopy(cfg)
            variant.model.bbox_head.ignore_unannotated = ignore
            for group in variant.train_dataloader.batch_sampler.groups.values():
                group.temperature = temperature
            variants[f'{"ignored" if ignore else "background"}_{temperature:g}'] = variant
    return variants


def rows(results: dict[str, dict[str, float]]) -> Iterable[str]:
    """Markdown rows, one per metric, values in percent; '-' where a metric has no ground truth."""
    keys = list(dict.fromkeys(key for result in results.values() for key in result))
    yield f'| data, metric | {" | ".join(results)} |'
    yield '|---' * (len(results) + 1) + '|'
    for key in keys:
        if key.endswith((MAIN_METRIC, '_AP50')):
            values = [result.get(key, -1) for result in results.values()]
            cells = ['-' if value < 0 else f'{100 * value:.1f}' for value in values]
            yield f'| {key.replace("/bbox_", ", ")} | {" | ".join(cells)} |'


def main() -> None:
    args = parse_args()
    with exit_on_input_error():
        variants = make_variants(load_config(str(args.config), args.cfg_options), args.temperatures)
        unknown = [name for name in args.only or () if name not in variants]
        if unknown:
            raise InputError(f'--only {unknown[0]}: no such variant; use some of {", ".join(variants)}')
        work_dir = args.work_dir or Path('work_dirs') / f'{args.config.stem}_mixing'
        results = {}
        for name in args.only or variants:
            check_data_paths(variants[name], ['train', 'val', 'test'])
            results[name] = train_and_test(variants[name], work_dir / name, TOOLS)
    table = '\n'.join([*rows(results), ''])
    if not args.only:
        write_json(work_dir / 'comparison.json', results)
        write_bytes(work_dir / 'comparison.md', table.encode())
    print(table)


if __name__ == '__main__':
    main()
