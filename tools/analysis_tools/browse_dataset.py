"""Show what the pipeline feeds the model: ``python tools/analysis_tools/browse_dataset.py CONFIG``."""

import argparse
from pathlib import Path

import cv2
from mmengine.registry import init_default_scope
from tqdm import tqdm

from unihema_mm.engine.hooks.exact_resume_hook import seed_generators
from unihema_mm.engine.launch import ConfigOptions, load_config
from unihema_mm.engine.stages import apply_stage
from unihema_mm.registry import DATASETS
from unihema_mm.utils.atomic import write_bytes
from unihema_mm.utils.errors import InputError, exit_on_input_error
from unihema_mm.visualization.training_sample import draw_training_sample


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Draw samples after augmentation, with boxes, classes and prompt.'
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('--split', choices=('train', 'val', 'test'), default='train')
    parser.add_argument('--num', type=int, default=16, help='number of samples, from the start of the split')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/browse'), help='folder of the pictures')
    parser.add_argument('--seed', type=int, default=0, help='seed of the augmentation')
    parser.add_argument('--cfg-options', nargs='+', action=ConfigOptions, metavar='KEY=VALUE',
                        help='replace values of the config')  # fmt: skip
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with exit_on_input_error():
        cfg = load_config(args.config, args.cfg_options)
        apply_stage(cfg)
        if cfg.get(f'{args.split}_dataloader') is None:
            raise InputError(f'{args.config}: has no {args.split}_dataloader')
        init_default_scope(cfg.default_scope)
        dataset = DATASETS.build(cfg[f'{args.split}_dataloader'].dataset)
        seed_generators(args.seed)
        for index in tqdm(range(min(args.num, len(dataset))), desc=args.split, unit='image'):
            packed = dataset[index]
            picture = draw_training_sample(packed, dataset.metainfo)
            name = Path(packed['data_samples'].get('img_path', '')).stem
            encoded = cv2.imencode('.png', picture[..., ::-1])[1]
            write_bytes(args.out / f'{args.split}_{index:04d}_{name}.png', encoded.tobytes())
    print(f'{min(args.num, len(dataset))} of {len(dataset)} samples drawn in {args.out}')


if __name__ == '__main__':
    main()
