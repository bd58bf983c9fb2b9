"""One UniHema beside single-task models: ``python tools/analysis_tools/compare_single_task.py``."""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from unihema_mm.datasets.prompts import DETECTION_TEMPLATE
from unihema_mm.engine.comparison import COST_FILE, train_and_test
from unihema_mm.engine.data_paths import check_data_paths
from unihema_mm.engine.launch import ConfigOptions, load_config
from unihema_mm.engine.testing import METRICS_FILE
from unihema_mm.utils.atomic import write_bytes, write_json
from unihema_mm.utils.errors import InputError, exit_on_input_error

TOOLS = Path(__file__).resolve().parents[1]
CONFIGS = TOOLS.parent / 'configs'
_PROMPT = DETECTION_TEMPLATE.split('{prompt}')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Train one UniHema on several data sets and a model of another library on each of them, '
        'with the same number of samples of each set; test all, and write one table of results and costs. '
        'A second call continues where the first one stopped.'
    )
    parser.add_argument(
        'config',
        nargs='?',
        type=Path,
        default=CONFIGS / 'uni_hema/tiny/real_cells.py',
        help='config of the UniHema (default: %(default)s)',
    )
    parser.add_argument(
        '--baselines',
        nargs='+',
        type=Path,
        default=sorted((CONFIGS / 'baselines/real_cells').glob('*.py')),
        help='configs of the other models (default: those in configs/baselines/real_cells)',
    )
    parser.add_argument('--work-dir', type=Path, help='default: work_dirs/<config stem>_vs_single_task')
    parser.add_argument('--only', nargs='+', metavar='NAME', help='train only these models (config stems)')
    parser.add_argument('--epochs', type=int, help='replace the number of epochs of all models')
    parser.add_argument(
        '--rounds',
        type=int,
        help='replace the rounds of an epoch; in a round each step of the composition of the sampler is '
        'trained once',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=ConfigOptions,
        metavar='KEY=VALUE',
        help='replace values of all configs',
    )
    return parser.parse_args()


def load(path: Path, args: argparse.Namespace) -> Config:
    """Config of one model with the budget of the command line."""
    cfg = load_config(str(path), args.cfg_options)
    if args.epochs is not None:
        cfg.train_cfg.update(max_epochs=args.epochs, val_interval=args.epochs)
    sampler = cfg.train_dataloader.batch_sampler
    if args.rounds is not None:
        sampler.steps = args.rounds * len(sampler.composition)
    if not isinstance(sampler.steps, int):
        raise InputError(
            f'{path}: batch_sampler.steps: is {sampler.steps!r}; write a number, or give --rounds'
        )
    return cfg


def samples_seen(cfg: Config) -> dict[str, int]:
    """Number of samples of each data set that a training draws."""
    sampler, seen = cfg.train_dataloader.batch_sampler, {}
    for step in range(sampler.steps):
        for name, count in sampler.composition[step % len(sampler.composition)].items():
            seen[name] = seen.get(name, 0) + count * cfg.train_cfg.max_epochs
    return seen


def check_budgets(ours: Config, baselines: dict[str, Config]) -> None:
    """Refuse a baseline that draws another number of samples of a set than the UniHema."""
    allowed = samples_seen(ours)
    for name, cfg in baselines.items():
        for part, seen in samples_seen(cfg).items():
            if seen != allowed.get(part):
                raise InputError(
                    f'{name}: draws {seen} samples of {part}, the UniHema {allowed.get(part, 0)}; '
                    'correct batch_sampler.composition or steps'
                )


def count_parameters(cfg: Config) -> int:
    """Number of parameters of a model."""
    init_default_scope(cfg.default_scope)
    return sum(parameter.numel() for parameter in MODELS.build(cfg.model).parameters())


def describe(cfg: Config, folder: Path) -> dict:
    """Results and costs of a model that is done."""
    return dict(
        parameters=count_parameters(cfg),
        samples=samples_seen(cfg),
        cost=json.loads((folder / COST_FILE).read_text()),
        metrics=json.loads((folder / METRICS_FILE).read_text()),
    )


def results_rows(ours: str, results: dict[str, dict]) -> Iterable[str]:
    """Markdown rows, one per metric of a baseline, values in percent."""
    yield f'| metric | {ours} | single task | difference | model |'
    yield '|---|---|---|---|---|'
    for name, result in results.items():
        if name == ours:
            continue
        for key, theirs in result['metrics'].items():
            mine = results.get(ours, {'metrics': {}})['metrics'].get(key)
            pair = '- | ' if mine is None else f'{100 * mine:.1f} | '
            difference = '-' if mine is None else f'{100 * (mine - theirs):+.1f}'
            yield f'| {without_template(key)} | {pair}{100 * theirs:.1f} | {difference} | {name} |'


def cost_rows(results: dict[str, dict]) -> Iterable[str]:
    """Markdown rows, one per model."""
    yield '| model | parameters | samples seen | training, CPU min | test, CPU min |'
    yield '|---|---|---|---|---|'
    for name, result in results.items():
        samples = ', '.join(f'{part} {count}' for part, count in result['samples'].items())
        minutes = [_minutes(result['cost'].get(f'{part}_cpu_seconds')) for part in ('train', 'test')]
        yield f'| {name} | {result["parameters"] / 1e6:.2f} M | {samples} | {" | ".join(minutes)} |'


def without_template(key: str) -> str:
    """Name of a metric with the words of the prompt alone."""
    head, found, rest = key.partition(_PROMPT[0])
    return head + rest.removesuffix(_PROMPT[1]) if found else key


def _minutes(seconds: float | None) -> str:
    return '-' if seconds is None else f'{seconds / 60:.1f}'


def main() -> None:
    args = parse_args()
    with exit_on_input_error():
        ours = args.config.stem
        configs = {path.stem: load(path, args) for path in (args.config, *args.baselines)}
        unknown = [name for name in args.only or () if name not in configs]
        if unknown:
            raise InputError(f'--only {unknown[0]}: no such model; use some of {", ".join(configs)}')
        check_budgets(configs[ours], {name: cfg for name, cfg in configs.items() if name != ours})
        work_dir = args.work_dir or Path('work_dirs') / f'{ours}_vs_single_task'
        for name in args.only or configs:
            check_data_paths(configs[name], ['train', 'val', 'test'])
            train_and_test(configs[name], work_dir / name, TOOLS)
        results = {
            name: describe(cfg, work_dir / name)
            for name, cfg in configs.items()
            if (work_dir / name / METRICS_FILE).exists()
        }
    table = '\n'.join([*results_rows(ours, results), '', *cost_rows(results), ''])
    write_json(work_dir / 'comparison.json', results)
    write_bytes(work_dir / 'comparison.md', table.encode())
    print(f'{table}\nwritten to {work_dir / "comparison.md"}')


if __name__ == '__main__':
    main()
