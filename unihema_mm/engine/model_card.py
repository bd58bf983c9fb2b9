"""What a published model says about itself."""

import os.path as osp
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from mmengine.config import Config

from unihema_mm.datasets.schema import read_document
from unihema_mm.engine.data_paths import dataset_configs
from unihema_mm.utils.code_version import code_version
from unihema_mm.utils.file_hash import file_sha256

USE = 'For research use only. Not a medical device: it must not decide on diagnosis or treatment.'
LICENCE = (
    'The code is under Apache-2.0. The weights were trained on the data sets above, each under a licence of '
    'its own, and may begin with pretrained weights; some of these licences forbid commercial use or ask for '
    'attribution. Read them before you pass the weights on.'
)


def make_card(
    cfg: Config,
    checkpoint: Mapping[str, Any],
    source: Path,
    weights_sha256: str,
    pretrained: Sequence[str],
    metrics: Mapping[str, float] | None,
    starts: Sequence[Mapping] = (),
) -> dict[str, Any]:
    """Gather the facts of a model card, plain content for a JSON file.

    Args:
        cfg: Config of the training run, with its loaders.
        checkpoint: Whole checkpoint.
        source: Its file.
        weights_sha256: Hash of the published weights.
        pretrained: Names of pretrained weights that the training may have begun with.
        metrics: Results of a test, None where it was not tested.
        starts: ``starts`` of the run's ``start_report.json``.
    """
    meta = checkpoint.get('meta')
    meta = meta if isinstance(meta, Mapping) else {}
    return {
        'use': USE,
        'config': PurePath(cfg.filename or 'config.py').name,
        'stage': cfg.get('stage_name'),
        'code': code_version(),
        'checkpoint': {'file': source.name, 'epoch': meta.get('epoch'), 'iteration': meta.get('iter')},
        'weights_sha256': weights_sha256,
        'starts': [
            {**start, 'checkpoint': '/'.join(PurePath(start['checkpoint']).parts[-2:])} for start in starts
        ],
        'pretrained': list(dict.fromkeys(pretrained)),
        'data': _data(cfg),
        'metrics': None if metrics is None else dict(metrics),
        'licence': LICENCE,
    }


def card_text(card: Mapping[str, Any]) -> str:
    """Write a model card as Markdown."""
    code, checkpoint = card['code'], card['checkpoint']
    lines = [f'# {PurePath(card["config"]).stem}', '', card['use'], '']
    if card['stage']:
        lines.append(f'- stage {card["stage"]}')
    lines += [
        f'- code: unihema_mm {code["version"]}, commit {code["commit"] or "unknown"}',
        f'- checkpoint: {checkpoint["file"]}, epoch {checkpoint["epoch"]}, '
        f'iteration {checkpoint["iteration"]}',
        f'- SHA-256 of model.safetensors: {card["weights_sha256"]}',
    ]
    lines += [f'- started from {start["checkpoint"]}, SHA-256 {start["sha256"]}' for start in card['starts']]
    lines += [f'- pretrained weights: {name}' for name in card['pretrained']]
    lines += ['', 'Test it, from the folder that holds the data:', '']
    lines += ['    python tools/test.py FOLDER/config.py FOLDER/model.safetensors', '', '## Data', '']
    lines += _table(
        ['data set', 'used for', 'annotations', 'licence', 'SHA-256'],
        [
            [
                item['name'],
                ', '.join(item['used_for']),
                item['annotations'],
                item['licence'],
                item['sha256'] or 'file absent when this was written',
            ]
            for item in card['data']
        ],
    )
    lines += ['', '## Licences', '', card['licence'], '', '## Results', '']
    if card['metrics'] is None:
        lines.append('Not tested.')
    else:
        rows = [[key, f'{value:.4f}'] for key, value in card['metrics'].items()]
        lines += _table(['metric', 'value'], rows)
    return '\n'.join(lines) + '\n'


def _data(cfg: Config) -> list[dict[str, Any]]:
    """Annotation files of a run, each once, in the order of the config."""
    found: dict[str, dict[str, Any]] = {}
    for split in ('train', 'val', 'test'):
        for dataset in dataset_configs(cfg.get(f'{split}_dataloader')):
            root, ann_file = (str(dataset.get(key) or '') for key in ('data_root', 'ann_file'))
            path = osp.join(root, ann_file)
            if ann_file and path not in found:
                found[path] = _file_facts(path, root, ann_file)
            if ann_file and split not in found[path]['used_for']:
                found[path]['used_for'].append(split)
    return list(found.values())


def _file_facts(path: str, root: str, ann_file: str) -> dict[str, Any]:
    present = Path(path).is_file()
    info = read_document(path).get('info') if present else None
    info = info if isinstance(info, Mapping) else {}
    folder = PurePath(root).name
    return {
        'name': str(info.get('dataset') or folder or PurePath(ann_file).stem),
        'annotations': str(PurePath(folder) / (PurePath(ann_file).name if osp.isabs(ann_file) else ann_file)),
        'sha256': file_sha256(path) if present else None,
        'licence': str(info.get('licence') or 'unknown'),
        'used_for': [],
    }


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    cells = [header, ['---'] * len(header), *rows]
    return ['| ' + ' | '.join(str(cell).replace('|', '/') for cell in row) + ' |' for row in cells]
