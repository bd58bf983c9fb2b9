"""Time and memory of reading data: ``python tools/analysis_tools/benchmark_data.py CONFIG ...``."""

import argparse
import os
import tempfile
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.utils.dl_utils import set_multi_processing

from unihema_mm.engine.benchmark import environment
from unihema_mm.engine.benchmark_index import measure_index
from unihema_mm.engine.benchmark_pipeline import build_both, images_per_second, time_shares
from unihema_mm.engine.data_paths import check_data_paths
from unihema_mm.engine.launch import ConfigOptions, load_config
from unihema_mm.engine.stages import apply_stage
from unihema_mm.utils.atomic import write_json
from unihema_mm.utils.errors import exit_on_input_error


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Load a generated index beside other readers; then run the training pipelines of '
        'configs, from folders and from LMDB files in turns, and tell where their time goes.'
    )
    parser.add_argument('configs', nargs='*', metavar='CONFIG', help='configs whose pipelines are measured')
    parser.add_argument('--boxes', type=int, default=1_000_000, help='boxes of the index; 0 leaves it out')
    parser.add_argument('--fields', type=int, default=100_000, help='images with these boxes')
    parser.add_argument('--cells', type=int, default=700_000, help='single cells; 0 leaves them out')
    parser.add_argument('--images', type=int, default=200, help='images that are timed in each turn')
    parser.add_argument('--batch-size', type=int, default=8)
    parser.add_argument('--workers', type=int, nargs='+', default=(0, 1, 2), help='numbers of workers')
    parser.add_argument('--turns', type=int, default=5, help='turns of which medians are taken')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/benchmark_data.json'), help='JSON file')
    parser.add_argument('--cfg-options', nargs='+', action=ConfigOptions, metavar='KEY=VALUE',
                        help='replace values of the configs')  # fmt: skip
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    MMLogger.get_instance('benchmark', log_level='WARNING')
    torch.set_num_threads(1)
    results: dict[str, dict] = {}
    with exit_on_input_error():
        configs = {path: load_config(path, args.cfg_options) for path in args.configs}
        for cfg in configs.values():
            apply_stage(cfg)
            check_data_paths(cfg, ['train'])
        if args.boxes or args.cells:
            results['index'] = measure_index(args.fields, args.boxes, args.cells, args.turns)
            print_index(results['index'])
        for path, cfg in configs.items():
            results[path] = measure_pipeline(args, cfg)
            print_pipeline(path, results[path])
    facts = dict(
        environment(torch.device('cpu')),
        cores=os.cpu_count(),
        load=os.getloadavg()[0],
        **{key: getattr(args, key) for key in ('images', 'batch_size', 'turns')},
    )
    print(', '.join(f'{key} {value}' for key, value in facts.items()))
    write_json(args.out, dict(environment=facts, results=results))


def measure_pipeline(args: argparse.Namespace, cfg: Config) -> dict:
    """Rates and shares of the training pipeline of one config."""
    init_default_scope(cfg.get('default_scope', 'unihema_mm'))
    set_multi_processing(**cfg.get('env_cfg', {}).get('mp_cfg', {}))
    with tempfile.TemporaryDirectory() as folder:
        datasets = build_both(cfg, Path(folder))
        return dict(
            rates=images_per_second(datasets, args.images, args.batch_size, args.workers, args.turns),
            shares=time_shares(datasets, args.images, args.turns),
        )


def print_index(results: dict) -> None:
    """A Markdown table for each index."""
    for index, readers in results.items():
        print(f'\n{index}\n\n| reader | seconds | peak | kept | worker: resident, shared in part, its own |')
        print('|---|---|---|---|---|')
        for reader, row in readers.items():
            worker = ', '.join(f'{row[f"worker_{kind}mib"]:.0f}' for kind in ('', 'pss_', 'private_'))
            print(
                f'| {reader} | {row["seconds"]:.1f} | {row["peak_mib"]:.0f} MiB | '
                f'{row["kept_mib"]:.0f} MiB | {worker} MiB |'
            )
        for reader, ratios in next(iter(readers.values()))['ratios'].items():
            text = ', '.join(f'{key.removesuffix("_mib")} {ratio:.2f}' for key, ratio in ratios.items())
            print(f'ratios to {reader}: {text}', flush=True)


def print_pipeline(path: str, results: dict) -> None:
    """Markdown tables of the pipeline of one config."""
    print(f'\n{path}\n\n| workers | source | images/s | per worker | ratio |\n|---|---|---|---|---|')
    for workers, sources in results['rates'].items():
        for source, row in sources.items():
            print(
                f'| {workers} | {source} | {row["per_second"]:.0f} | '
                f'{row["per_second_and_worker"]:.0f} | {row["ratio"]:.2f} |'
            )
    print('\n| set | source | ms per image | shares |\n|---|---|---|---|')
    for label, sources in results['shares'].items():
        for source, row in sources.items():
            shares = ', '.join(f'{step} {share:.0%}' for step, share in row['shares'].items())
            print(f'| {label} | {source} | {row["milliseconds"]:.1f} | {shares} |', flush=True)


if __name__ == '__main__':
    main()
