"""Convert the checkpoint of the released Uni-Hema: ``... uni_hema_released.py IN.pth OUT.safetensors``."""

import argparse
import io
from collections import Counter
from pathlib import Path

import torch
from torch import Tensor

from unihema_mm.models.released_weights import convert_released
from unihema_mm.utils.atomic import write_bytes
from unihema_mm.utils.checkpoint import read_checkpoint
from unihema_mm.utils.errors import InputError, exit_on_input_error
from unihema_mm.utils.weights_file import safetensors_bytes


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Rename the weights of the released Uni-Hema for configs/uni_hema/released. '
        'The file is read without running code from it.'
    )
    parser.add_argument('source', type=Path, help='checkpoint of the authors, .pth or .safetensors')
    parser.add_argument('target', type=Path, help='file to write, .pth or .safetensors')
    return parser.parse_args()


def read_weights(path: Path) -> dict[str, Tensor]:
    """Weights of a checkpoint of the released training code, or of a bare state dict."""
    # The released training code stores its command line, which is plain data.
    with torch.serialization.safe_globals([argparse.Namespace]):
        checkpoint = read_checkpoint(path)
    for key in ('model', 'state_dict'):
        if isinstance(checkpoint.get(key), dict):
            checkpoint = checkpoint[key]
            break
    wrong = [name for name, value in checkpoint.items() if not isinstance(value, Tensor)]
    if wrong:
        raise InputError(
            f"{path}: {wrong[0]} is no tensor; give a state dict, or a checkpoint that holds it as 'model'"
        )
    return checkpoint


def write_weights(path: Path, weights: dict[str, Tensor]) -> None:
    """Write a state dict; the file is whole or absent."""
    if path.suffix == '.safetensors':
        write_bytes(path, safetensors_bytes(weights))
        return
    buffer = io.BytesIO()
    torch.save({'state_dict': weights}, buffer)
    write_bytes(path, buffer.getbuffer())


def main() -> None:
    args = parse_args()
    with exit_on_input_error(OSError):
        if args.target.suffix not in ('.pth', '.safetensors'):
            raise InputError(f'{args.target}: the name must end in .pth or .safetensors')
        weights = read_weights(args.source)
        converted = convert_released(weights, str(args.source))
        write_weights(args.target, converted.state_dict)
    print(f'{len(weights)} entries read, {len(converted.state_dict)} written to {args.target}')
    kinds = Counter(name.rpartition('.')[2] for name in converted.added)
    print('added: ' + ', '.join(f'{count} {kind}' for kind, count in kinds.items()))
    print(f'dropped, for no output depends on them: {len(converted.dropped)}')
    for name, what in converted.dropped.items():
        print(f'  {name} ({what})')


if __name__ == '__main__':
    main()
