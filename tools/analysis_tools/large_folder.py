"""A large folder, killed and continued: ``python tools/analysis_tools/large_folder.py MODEL IMAGES``."""

import argparse
import csv
import itertools
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil

from unihema_mm.apis.sources import ImageSources
from unihema_mm.structures.results import RESEARCH_USE
from unihema_mm.utils.atomic import write_json
from unihema_mm.utils.errors import InputError, exit_on_input_error

MIB = 2**20
PAUSE = 0.2  # seconds between two looks at the process


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Run unihema predict on a folder of links to the given images, kill it (SIGKILL) on the '
        'way, repeat the command, and check that each image stands in the tables once. Notes memory and time.'
    )
    parser.add_argument('model', help='published folder, work folder or checkpoint')
    parser.add_argument('images', help='image, folder or pattern; they are repeated')
    parser.add_argument('--number', type=int, default=2000, help='images of the folder')
    parser.add_argument('--kill-at', type=int, help='images that are done when it is killed, default: half')
    parser.add_argument('--formats', default='json,csv', help='as of unihema predict')
    parser.add_argument('--tasks', help='as of unihema predict')
    parser.add_argument('--every', type=int, default=100, help='images between two readings of the memory')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/large_folder'), help='new folder')
    return parser.parse_args()


def link_images(images: str, number: int, folder: Path) -> list[str]:
    """Make a folder of ``number`` images; return their names."""
    folder.mkdir(parents=True)
    files = [Path(source.path).resolve() for source in ImageSources(images)]
    names = []
    for place, file in zip(range(number), itertools.cycle(files), strict=False):
        names.append(f'{place:06}{file.suffix}')
        (folder / names[-1]).symlink_to(file)
    return names


def watch(command: list[str], journal: Path, every: int, kill_at: int | None = None) -> dict:
    """Run the command to its end, or until ``kill_at`` images are done."""
    before = done = count_lines(journal)
    readings, next_reading = [], 0
    start = first = time.perf_counter()
    process = subprocess.Popen(command)
    memory = psutil.Process(process.pid)
    try:
        while process.poll() is None and (kill_at is None or done < kill_at):
            time.sleep(PAUSE)
            done = count_lines(journal)
            if done == before:
                first = time.perf_counter()
            if done - before >= max(next_reading, 1):
                try:
                    resident = round(memory.memory_info().rss / MIB, 1)
                except psutil.NoSuchProcess:
                    break
                readings.append(dict(images=done, resident_mib=resident))
                next_reading = (done - before) // every * every + every
        end = time.perf_counter()
        if kill_at is not None:
            process.send_signal(signal.SIGKILL)
    except BaseException:
        process.kill()
        raise
    finally:
        process.wait()
    done = count_lines(journal)
    settled = [reading['resident_mib'] for reading in readings[len(readings) // 4 :]] or [None]
    return dict(
        exit_code=process.returncode,
        images=done - before,
        seconds_until_first_image=round(first - start, 1),
        seconds_per_image=round((end - first) / max(1, done - before), 4),
        growth_after_first_quarter_mib=settled[0] and round(settled[-1] - settled[0], 1),
        resident=readings,
    )


def count_lines(journal: Path) -> int:
    """Images whose files are all written."""
    return journal.read_bytes().count(b'\n') if journal.is_file() else 0


def read_column(path: Path, name: str) -> list[str]:
    """A column of a table."""
    with path.open(newline='', encoding='utf-8') as file:
        return [row[name] for row in csv.DictReader(file)]


def main() -> None:
    args = parse_args()
    with exit_on_input_error():
        if args.out.exists():
            raise InputError(f'{args.out}: is there already; choose another folder')
        names = link_images(args.images, args.number, args.out / 'images')
    predictions = args.out / 'predictions'
    command = [sys.executable, '-m', 'unihema_mm', 'predict', str(args.out / 'images'), '--model', args.model,
               '--out', str(predictions), '--formats', args.formats]  # fmt: skip
    command += ['--tasks', args.tasks] if args.tasks else []
    journal = predictions / '.unihema/journal.jsonl'
    kill_at = args.number // 2 if args.kill_at is None else args.kill_at
    killed = watch(command, journal, args.every, kill_at)
    if killed['exit_code'] != -signal.SIGKILL:
        sys.exit(f'the run ended before it was killed, with exit code {killed["exit_code"]}')
    continued = watch(command, journal, args.every)

    tables = predictions / 'csv'
    names_told, cells_told = (read_column(tables / 'images.csv', name) for name in ('image', 'cells'))
    rows, cells = Counter(names_told), Counter(read_column(tables / 'cells.csv', 'image'))
    told = dict(zip(names_told, cells_told, strict=True))
    once = rows == Counter(names) and all(cells[name] == int(told[name] or 0) for name in names)
    runs = dict(killed=killed, continued=continued)
    settings = dict(images=args.number, formats=args.formats, threads=os.environ.get('OMP_NUM_THREADS'))
    write_json(
        args.out / 'large_folder.json', dict(notice=RESEARCH_USE, **settings, **runs, each_image_once=once)
    )
    for name, run in runs.items():
        memory = [reading['resident_mib'] for reading in run['resident']] or [0]
        print(
            f'{name}: exit code {run["exit_code"]}, {run["images"]} images, '
            f'{run["seconds_per_image"]:.3f} s each; memory {memory[0]:.0f} MiB at first, '
            f'{max(memory):.0f} at most, {memory[-1]:.0f} at the end'
        )
    print(f'{len(rows)} images in images.csv, each once with all its cells: {"yes" if once else "NO"}')
    sys.exit(0 if once and continued['exit_code'] == 0 else 1)


if __name__ == '__main__':
    main()
