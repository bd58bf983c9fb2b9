"""Time and memory of each task: ``python tools/analysis_tools/benchmark.py CONFIG``."""

import argparse
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger

from unihema_mm.engine.benchmark import build_model, build_pair, compare, environment, steps
from unihema_mm.engine.benchmark_batches import synthetic_batch
from unihema_mm.engine.benchmark_memory import peak_memory
from unihema_mm.engine.benchmark_tasks import Setting, jobs, rows
from unihema_mm.engine.launch import ConfigOptions, load_config
from unihema_mm.utils.atomic import write_json
from unihema_mm.utils.baseline import dino_baseline
from unihema_mm.utils.errors import exit_on_input_error

DINO = 'DINO'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Time each task of a UniHema against a baseline, or with --compare the model against '
        'another one; in turns, on noise images with random objects and texts.'
    )
    parser.add_argument('config', help='config of a UniHema')
    parser.add_argument('--compare', nargs='?', const=DINO, metavar='CONFIG',
                        help='compare with this model (without CONFIG: DINO of the same size)')  # fmt: skip
    parser.add_argument('--tasks', nargs='+', metavar='KEY', help='tasks to measure (default: all)')
    parser.add_argument('--mode', choices=('train', 'predict', 'both'), default='both')
    parser.add_argument('--iters', type=int, default=20, help='turns that count')
    parser.add_argument('--warmup', type=int, default=3, help='turns before them')
    parser.add_argument('--batch-size', type=int, default=4)
    parser.add_argument('--size', type=int, nargs=2, default=(240, 320), metavar=('H', 'W'), help='pixels')
    parser.add_argument('--objects', type=int, nargs='+', default=(15, 60), help='objects per image, in turn')
    parser.add_argument('--texts', type=int, default=10, help='texts on one image')
    parser.add_argument('--new-tokens', type=int, default=16, help='length of generated texts')
    parser.add_argument('--no-memory', action='store_true', help='leave out the peak memory of each task')
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/benchmark.json'), help='JSON file')
    parser.add_argument('--cfg-options', nargs='+', action=ConfigOptions, metavar='KEY=VALUE',
                        help='replace values of the config')  # fmt: skip
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    device = torch.device(args.device)
    objects = [args.objects[number % len(args.objects)] for number in range(args.batch_size)]
    modes = ('train', 'predict') if args.mode == 'both' else (args.mode,)
    MMLogger.get_instance('benchmark', log_level='WARNING')  # or every initialised weight is printed
    with exit_on_input_error():
        cfg = load_config(args.config, args.cfg_options)
        measure = compare_models if args.compare else compare_tasks
        results = measure(args, cfg, objects, modes, device)
    facts = dict(
        environment(device),
        dtype='float32',
        config=args.config,
        size=list(args.size),
        objects=objects,
        iters=args.iters,
        warmup=args.warmup,
        **(
            dict(baseline=args.compare)
            if args.compare
            else dict(texts=args.texts, new_tokens=args.new_tokens)
        ),
    )
    print(', '.join(f'{key} {value}' for key, value in facts.items()))
    write_json(args.out, dict(environment=facts, results=results))


def compare_models(
    args: argparse.Namespace, cfg: Config, objects: list[int], modes: tuple[str, ...], device: torch.device
) -> dict:
    """Results of each mode, printed."""
    baseline = dino_baseline(cfg) if args.compare == DINO else load_config(args.compare)
    pair = build_pair(cfg, baseline, device)
    batch = synthetic_batch(tuple(args.size), objects, cfg.model.bbox_head.num_classes)
    results = {}
    for mode in modes:
        first, second = (
            steps(model, config, batch, mode) for model, config in zip(pair, (cfg, baseline), strict=True)
        )
        results[mode] = result = compare(first, second, args.iters, args.warmup, device)
        print(f'{mode}: {_time(result)}')
    return results


def compare_tasks(
    args: argparse.Namespace, cfg: Config, objects: list[int], modes: tuple[str, ...], device: torch.device
) -> dict:
    """Results of each task and mode, printed."""
    setting = Setting(cfg, tuple(args.size), tuple(objects), args.texts, args.new_tokens, args.device)
    model = build_model(cfg, device)
    results: dict[str, dict] = {}
    for row in rows(setting, model, modes, args.tasks):
        result = compare(*jobs(setting, model, row), args.iters, args.warmup, device)
        result.update(against=row.against, limit=row.limit)
        line = f'{row.task} {row.mode}, against {row.against}: {_time(result)}'
        if not args.no_memory:
            first, second = peak_memory(setting, row)
            result.update(mib=first, baseline_mib=second, memory_ratio=first / second)
            line += f'; peak memory {first:.0f} MiB against {second:.0f} MiB, ratio {first / second:.3f}'
        if row.limit is not None:
            line += f'; ratio at most {row.limit}: {"yes" if result["ratio"] <= row.limit else "NO"}'
        print(line, flush=True)
        results.setdefault(row.task, {})[row.mode] = result
    return results


def _time(result: dict) -> str:
    low, high = result['ratio_quartiles']
    return (
        f'ratio {result["ratio"]:.3f} (quartiles {low:.3f} to {high:.3f}), '
        f'{result["seconds"]:.4f} s against {result["baseline_seconds"]:.4f} s'
    )


if __name__ == '__main__':
    main()
