"""What a curriculum has done, as JSON and as Markdown."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unihema_mm.engine.model_card import USE
from unihema_mm.utils.atomic import write_bytes, write_json

from .curves import CURVES_FILE, draw_curves
from .evaluated import EvaluatedSet, keys_of, percent
from .family import PlannedStage
from .paper_table import paper_results, result_groups
from .report_text import report_text
from .scalars import read_losses
from .stage_folder import StageFolder

REPORT_JSON, REPORT_TEXT = 'report.json', 'report.md'


def write_report(work_dir: Path, planned: Sequence[PlannedStage]) -> None:
    """Write ``report.json`` and ``report.md`` about the finished stages of a work folder.

    Args:
        work_dir: Work folder of the curriculum.
        planned: All stages of the family.
    """
    done = [(StageFolder(stage.folder), result) for stage in planned if (result := _result(stage))]
    stages = [_stage_facts(folder, result) for folder, result in done]
    last = done[-1][1] if done else None
    content = {
        'use': USE,
        'stages_of_family': len(planned),
        'stages': stages,
        'every_task_after_every_stage': task_matrix([result for _, result in done]),
        'results': last
        and {
            'after_stage': last['number'],
            'paper': paper_results()['source'],
            'groups': result_groups(_sets(last), last['metrics']),
        },
    }
    write_json(work_dir / REPORT_JSON, content)
    write_bytes(work_dir / REPORT_TEXT, report_text(content).encode())


def task_matrix(results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The main metric of every evaluated set after every stage.

    Args:
        results: ``stage.json`` of the finished stages, in order.

    Returns:
        A row per set: ``set``, ``metric``, ``values`` (number of the stage -> percent), and ``changes``
        (number of the stage -> points gained or lost against the last stage before it that has evaluated the
        set).
    """
    rows: dict[str, dict[str, Any]] = {}
    for result in results:
        for item in _sets(result):
            key = next(iter(keys_of(item.task, result['metrics'], item.name)), None)
            value = None if key is None else percent(result['metrics'], item, key)
            if value is None:
                continue
            row = rows.setdefault(item.name, {'set': item.name, 'metric': key, 'values': {}, 'changes': {}})
            before = [*row['values'].values()]
            if before:
                row['changes'][str(result['number'])] = round(value - before[-1], 4)
            row['values'][str(result['number'])] = round(value, 4)
    return [*rows.values()]


def _result(stage: PlannedStage) -> dict[str, Any] | None:
    return StageFolder(stage.folder).result()


def _sets(result: Mapping[str, Any]) -> list[EvaluatedSet]:
    return [EvaluatedSet(**item) for item in result['evaluated']]


def _stage_facts(folder: StageFolder, result: dict[str, Any]) -> dict[str, Any]:
    title = f'Stage {result["number"]}: {result["name"]}'
    moved_on = folder.moved_on()
    drawn = draw_curves(folder.path, title, moved_on['checks'] if moved_on else ())
    curves = f'{folder.path.name}/{CURVES_FILE}' if drawn else None
    lines = read_losses(folder.path)
    memory = [line['memory'] for line in lines if 'memory' in line]
    starts = folder.starts() or {}
    return {
        **{key: value for key, value in result.items() if key not in ('fingerprint', 'evaluated')},
        'parameters': folder.trained(),
        'moved_on': moved_on,
        'loaded': starts.get('parts', []),
        'started_from': starts.get('starts', []),
        'curves': curves,
        'logged_steps': lines[-1]['step'] if lines else 0,
        'loss': {'first': lines[0]['loss'], 'last': lines[-1]['loss']} if lines else None,
        'gpu_memory_mb': max(memory, default=None),
        'results': [
            {
                'set': item.name,
                'dataset': item.dataset,
                'percent': {
                    key: percent(result['metrics'], item, key)
                    for key in keys_of(item.task, result['metrics'], item.name)
                },
            }
            for item in _sets(result)
        ],
    }
