"""The main job in small: draw a corpus, train a tiny model, test and publish it, use it on new pictures.

``make demo`` calls it. Each step is one of the project's own commands, printed before it
runs. A second call continues where the first one stopped.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

CONFIG = Path('configs/uni_hema/tiny/demo.py')
DATA = Path('data/synthetic')
QUESTION = 'What is this smear consistent with?'


def run_tool(*command: str | Path) -> None:
    """Run one of the tools; leave with its exit code where it fails."""
    run('python', [], command)


def run_unihema(*command: str | Path) -> None:
    """Run a command of the command line; leave with its exit code where it fails."""
    run('unihema', ['-m', 'unihema_mm'], command)


def run(name: str, options: list[str], command: tuple[str | Path, ...]) -> None:
    """Print a command, run it with this interpreter; leave with its exit code where it fails."""
    words = [str(word) for word in command]
    print(f'\n$ {name} {" ".join(map(quoted, words))}', flush=True)
    code = subprocess.run([sys.executable, *options, *words]).returncode
    if code:
        raise SystemExit(code)


def quoted(word: str) -> str:
    """A word as a shell takes it."""
    return f'"{word}"' if ' ' in word else word


def newest(folder: Path, pattern: str) -> Path:
    """The file or folder below ``folder`` that was changed last."""
    found = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime)
    if not found:
        raise SystemExit(f'{folder}: no {pattern}; delete the folder and start again')
    return found[-1]


def copy_test_fields(folder: Path) -> Path:
    """Copy the fields that no training has seen, as a user's own pictures; return the first."""
    folder.mkdir(parents=True, exist_ok=True)
    images = json.loads((DATA / 'annotations/test.json').read_text())['images']
    fields = [DATA / image['file_name'] for image in images if 'det' in image['tasks']]
    for field in fields:
        shutil.copy(field, folder)
    return folder / fields[0].name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/demo'))
    parser.add_argument('--epochs', type=int, help='epochs of the training (default: those of the config)')
    parser.add_argument('--steps', type=int, help='steps of an epoch (default: those of the config)')
    args = parser.parse_args()
    start = time.monotonic()
    given = {'train_cfg.max_epochs': args.epochs, 'train_dataloader.batch_sampler.steps': args.steps}
    options = [f'{key}={value}' for key, value in given.items() if value is not None]
    options = ['--cfg-options', *options] if options else []

    if not (DATA / 'tokenizer/tokenizer.json').exists():
        run_tool('tools/prepare_data.py', 'synthetic', '--out', DATA, '--num', '200', '--seed', '0')
    run_tool('tools/train.py', CONFIG, '--work-dir', args.work_dir, '--resume', *options)
    checkpoint = Path((args.work_dir / 'last_checkpoint').read_text().strip())
    run_tool('tools/test.py', CONFIG, checkpoint, '--work-dir', args.work_dir, '--show-dir', 'overlays')
    model = args.work_dir / 'published'
    own_config = args.work_dir / CONFIG.name
    publish = 'tools/model_converters/publish.py'
    run_tool(publish, checkpoint, '--config', own_config, '--out', model, '--force')

    pictures, predictions, report = (args.work_dir / name for name in ('pictures', 'predictions', 'report'))
    for folder in (pictures, predictions, report):  # those of an earlier call are of an earlier model
        shutil.rmtree(folder, ignore_errors=True)
    picture = copy_test_fields(pictures)
    run_unihema('predict', pictures, '--model', model, '--out', predictions)
    run_unihema('ask', picture, QUESTION, '--model', model)
    run_unihema('report', pictures, '--model', model, '--out', report, '--wbc-per-ul', '8000')

    print(f'\nDone in {(time.monotonic() - start) / 60:.1f} minutes.')
    print(f'Model:       {model}')
    print(f'Test:        {newest(args.work_dir, "*/overlays")} (truth left, predictions right)')
    print(f'Predictions: {predictions / "overlay"}, {predictions / "csv" / "cells.csv"}')
    print(f'Report:      {report / "report.html"}')
    print(f'Web page:    unihema serve {model} --samples {pictures}')
    print('unihema is short for: "$(make -s python)" -m unihema_mm')
    print('For research use only. Not a medical device.')


if __name__ == '__main__':
    main()
