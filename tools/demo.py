"""The main job in small: draw a corpus, train the tiny detector, test it, draw its detections.

``make demo`` calls it. Each step is one of the project's own commands, printed before it
runs. A second call continues where the first one stopped.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

CONFIG = 'configs/uni_hema/tiny/detector.py'
DATA = Path('data/synthetic')


def run(*command: str | Path) -> None:
    """Run one command of the project; leave with its exit code where it fails."""
    words = [str(word) for word in command]
    print(f'\n$ python {" ".join(words)}', flush=True)
    code = subprocess.run([sys.executable, *words]).returncode
    if code:
        raise SystemExit(code)


def newest(folder: Path, pattern: str) -> Path:
    """The file or folder below ``folder`` that was changed last."""
    found = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime)
    if not found:
        raise SystemExit(f'{folder}: no {pattern}; delete the folder and start again')
    return found[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/demo'))
    parser.add_argument('--epochs', type=int, help='epochs of the training (default: those of the config)')
    args = parser.parse_args()
    start = time.monotonic()
    options = [] if args.epochs is None else ['--cfg-options', f'train_cfg.max_epochs={args.epochs}']

    if not (DATA / 'tokenizer/tokenizer.json').exists():
        run('tools/prepare_data.py', 'synthetic', '--out', DATA, '--num', '200', '--seed', '0')
    run('tools/train.py', CONFIG, '--work-dir', args.work_dir, '--resume', *options)
    checkpoint = Path((args.work_dir / 'last_checkpoint').read_text().strip())
    run('tools/test.py', CONFIG, checkpoint, '--work-dir', args.work_dir, '--show-dir', 'overlays')
    overlays = newest(args.work_dir, '*/overlays')
    minutes = (time.monotonic() - start) / 60
    print(f'\nDone in {minutes:.1f} minutes. Checkpoint: {checkpoint}')
    print(f'Pictures (truth left, detections right): {overlays}')
    print('For research use only.')


if __name__ == '__main__':
    main()
