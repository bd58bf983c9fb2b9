"""Memory and time of prediction: ``python tools/analysis_tools/benchmark_inference.py MODEL IMAGES ...``."""

import argparse
import itertools
import statistics
import time
from pathlib import Path

import psutil
import torch

from unihema_mm.apis import FailedImage, UniHemaInferencer
from unihema_mm.apis.sources import ImageSources
from unihema_mm.engine.benchmark import environment
from unihema_mm.utils.atomic import write_json
from unihema_mm.utils.errors import exit_on_input_error

MIB = 2**20


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Predict a folder of images again and again, and note the resident memory of the process '
        'on the way. No result is kept.'
    )
    parser.add_argument('model', help='published folder, work folder or checkpoint')
    parser.add_argument('images', help='image, folder or pattern')
    parser.add_argument('--config', help='config of a checkpoint without one beside it')
    parser.add_argument('--number', type=int, default=2000, help='images; those of the folder are repeated')
    parser.add_argument('--every', type=int, default=100, help='images between two readings of the memory')
    parser.add_argument('--tasks', nargs='+', help='tasks (default: all that need no text)')
    parser.add_argument('--batch-size', type=int, default=1)
    parser.add_argument('--device', help='such as cuda:0 (default: the GPU where there is one)')
    parser.add_argument(
        '--out', type=Path, default=Path('work_dirs/benchmark_inference.json'), help='JSON file'
    )
    return parser.parse_args()


def measure(inferencer: UniHemaInferencer, args: argparse.Namespace) -> dict:
    """Predict, and read memory and time on the way."""
    files = [source.path for source in ImageSources(args.images)]
    inputs = itertools.islice(itertools.cycle(files), args.number)
    process = psutil.Process()
    readings, seconds, failed = [], [], 0
    start = time.perf_counter()
    results = inferencer(inputs, tasks=args.tasks, batch_size=args.batch_size)
    for number, result in enumerate(results, start=1):
        if isinstance(result, FailedImage):
            failed += 1
        else:
            seconds.append(result.seconds)
        if number % args.every == 0 or number == args.number:
            readings.append(dict(images=number, resident_mib=round(process.memory_info().rss / MIB, 1)))
    wall = time.perf_counter() - start
    settled = [reading['resident_mib'] for reading in readings if reading['images'] > args.number // 4]
    return dict(
        images=number,
        files=len(files),
        failed=failed,
        tasks=args.tasks or 'all that need no text',
        batch_size=args.batch_size,
        wall_seconds_per_image=wall / number,
        median_model_seconds_per_image=statistics.median(seconds) if seconds else None,
        growth_after_first_quarter_mib=round(settled[-1] - settled[0], 1),
        resident=readings,
    )


def main() -> None:
    args = parse_args()
    with exit_on_input_error():
        inferencer = UniHemaInferencer(args.model, args.config, args.device)
        result = measure(inferencer, args)
    facts = environment(inferencer.loaded.device)
    write_json(args.out, dict(environment=dict(facts, threads=torch.get_num_threads()), **result))
    first, last = result['resident'][0], result['resident'][-1]
    print(
        f'{result["images"]} images, {result["failed"]} of them failed: '
        f'{result["wall_seconds_per_image"]:.3f} s each; memory {first["resident_mib"]:.0f} MiB after '
        f'{first["images"]}, {last["resident_mib"]:.0f} MiB at the end; written to {args.out}'
    )


if __name__ == '__main__':
    main()
