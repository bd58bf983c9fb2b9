"""Cost of the text branch: ``python tools/analysis_tools/benchmark.py CONFIG``."""

import argparse
from pathlib import Path

import torch
from mmengine.logging import MMLogger

from unihema_mm.engine.benchmark import build_pair, compare, environment, steps, synthetic_batch
from unihema_mm.engine.launch import ConfigOptions, load_config
from unihema_mm.utils.atomic import write_json
from unihema_mm.utils.baseline import dino_baseline
from unihema_mm.utils.errors import exit_on_input_error


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Time UniHema against DINO of the same size, in turns, on noise images with random boxes.'
    )
    parser.add_argument('config', help='config of a UniHema')
    parser.add_argument(
        '--baseline', metavar='CONFIG', help='the other model (default: DINO of the same size)'
    )
    parser.add_argument('--mode', choices=('train', 'predict', 'both'), default='both')
    parser.add_argument('--iters', type=int, default=20, help='turns that count')
    parser.add_argument('--warmup', type=int, default=3, help='turns before them')
    parser.add_argument('--batch-size', type=int, default=4)
    parser.add_argument('--size', type=int, nargs=2, default=(240, 320), metavar=('H', 'W'), help='pixels')
    parser.add_argument('--objects', type=int, nargs='+', default=(15, 60), help='objects per image, in turn')
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/benchmark.json'), help='JSON file')
    parser.add_argument('--cfg-options', nargs='+', action=ConfigOptions, metavar='KEY=VALUE',
                        help='replace values of the config')  # fmt: skip
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    device = torch.device(args.device)
    objects = [args.objects[number % len(args.objects)] for number in range(args.batch_size)]
    MMLogger.get_instance('benchmark', log_level='WARNING')  # or every initialised weight is printed
    with exit_on_input_error():
        cfg = load_config(args.config, args.cfg_options)
        baseline = load_config(args.baseline) if args.baseline else dino_baseline(cfg)
        pair = build_pair(cfg, baseline, device)
    batch = synthetic_batch(tuple(args.size), objects, cfg.model.bbox_head.num_classes)
    facts = dict(
        environment(device),
        dtype='float32',
        config=args.config,
        baseline=args.baseline or 'mmdet DINO',
        size=list(args.size),
        objects=objects,
        iters=args.iters,
        warmup=args.warmup,
    )
    results = {}
    for mode in ('train', 'predict') if args.mode == 'both' else (args.mode,):
        first, second = (
            steps(model, config, batch, mode) for model, config in zip(pair, (cfg, baseline), strict=True)
        )
        results[mode] = result = compare(first, second, args.iters, args.warmup, device)
        low, high = result['ratio_quartiles']
        print(f'{mode}: ratio {result["ratio"]:.3f} (quartiles {low:.3f} to {high:.3f}), '
              f'{result["seconds"]:.4f} s against {result["baseline_seconds"]:.4f} s')  # fmt: skip
    print(', '.join(f'{key} {value}' for key, value in facts.items()))
    write_json(args.out, dict(environment=facts, results=results))


if __name__ == '__main__':
    main()
