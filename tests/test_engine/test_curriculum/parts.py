"""Hand-made files of finished stages."""

import json

from mmengine.config import Config

from unihema_mm.engine.curriculum.evaluated import EvaluatedSet
from unihema_mm.engine.curriculum.family import PlannedStage
from unihema_mm.engine.stages import Stage


def planned(folder, number=1, steps=10, **more):
    """A stage without a model and data."""
    declared = Stage(number, f'part {number}', ('encoder',), {'cls': 2}, steps=steps, **more)
    cfg = Config(dict(model=dict(type='UniHema'), train_cfg=dict(max_epochs=2)))
    return PlannedStage(declared, cfg, folder / f'stage{number}', '')


def result(number=1, evaluated=(), metrics=None, **more):
    """Content of ``stage.json``."""
    return {
        'number': number,
        'name': f'part {number}',
        'seconds': 90.0,
        'train_seconds': 60.0,
        'test_seconds': 30.0,
        'runs': 1,
        'peak_bytes': 3 << 20,
        'steps': 20,
        'processes': 1,
        'code': {'version': '1.0', 'commit': None},
        'checkpoint': 'iter_20.pth',
        'checkpoint_sha256': 'abc',
        'trains': ['encoder'],
        'tasks': {'cls': 2},
        'sets': ['cls_cells'],
        'evaluated': [EvaluatedSet(*item)._asdict() for item in evaluated],
        'metrics': metrics or {},
        'fingerprint': {},
        **more,
    }


def write_scalars(folder, run, lines):
    path = folder / run / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text('\n'.join(line if isinstance(line, str) else json.dumps(line) for line in lines))
