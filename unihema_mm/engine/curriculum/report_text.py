"""The Markdown of a report."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from .progress import clock

_MIB = 1 << 20


def report_text(content: Mapping[str, Any]) -> str:
    """Write a report as Markdown.

    Args:
        content: That of ``report.json``.
    """
    stages = content['stages']
    lines = ['# Curriculum', '', content['use'], '']
    lines += [f'{len(stages)} of {content["stages_of_family"]} stages are finished.', '']
    lines += _overview(stages)
    lines += ['', '## Every task after every stage', '']
    lines += _matrix(content['every_task_after_every_stage'], stages)
    if content['results']:
        lines += _results(content['results'])
    for stage in stages:
        lines += _stage(stage)
    return '\n'.join(lines) + '\n'


def _overview(stages: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [
        [
            f'{stage["number"]}: {stage["name"]}',
            ', '.join(f'{task} {count}' for task, count in stage['tasks'].items()),
            _steps(stage),
            clock(stage['train_seconds']),
            clock(stage['test_seconds']),
            f'{stage["peak_bytes"] / _MIB:,.0f}',
        ]
        for stage in stages
    ]
    total = [clock(sum(stage[key] for stage in stages)) for key in ('train_seconds', 'test_seconds')]
    rows.append(['all', '', '', *total, ''])
    header = ['stage', 'samples in a step', 'steps', 'training', 'test', 'peak memory, MiB']
    return [
        *_table(header, rows),
        '',
        'Times are h:mm:ss, with the steps that an interrupted run repeated. Memory is the largest resident '
        'set of one process.',
    ]


def _matrix(rows: Sequence[Mapping[str, Any]], stages: Sequence[Mapping[str, Any]]) -> list[str]:
    numbers = [str(stage['number']) for stage in stages]
    table = []
    for row in rows:
        cells = [_cell(row['values'].get(number), row['changes'].get(number)) for number in numbers]
        table.append([row['set'], row['metric'], *cells])
    return [
        *_table(['set', 'metric', *(f'stage {key}' for key in numbers)], table),
        '',
        'Percent; in brackets the points gained or lost since the last stage before that tested the set. '
        '-: not tested.',
    ]


def _results(results: Mapping[str, Any]) -> list[str]:
    lines = ['', f'## Results after stage {results["after_stage"]}, beside {results["paper"]}', '']
    lines.append(
        'Percent. The figures of the paper are of its full-size model on its own splits, no baseline '
        'of this run. -: not tested here, or not in the paper.'
    )
    for group in results['groups']:
        rows = [
            [row['name'], _number(row['ours']), *(_number(value) for value in row['paper'])]
            for row in group['rows']
        ]
        header = ['set', 'this run', *(f'{name} (paper)' for name in group['models'])]
        lines += ['', f'### {group["title"]}', '', *_table(header, rows)]
        if group['note']:
            lines += ['', group['note']]
    return lines


def _stage(stage: Mapping[str, Any]) -> list[str]:
    lines = ['', f'## Stage {stage["number"]}: {stage["name"]}', '']
    lines.append(f'- trains {", ".join(stage["trains"])}')
    lines.append(f'- on {", ".join(stage["sets"])}')
    if stage['loss']:
        lines.append(f'- loss {stage["loss"]["first"]:.3g} at first, {stage["loss"]["last"]:.3g} at the end')
    lines.append(f'- {_end(stage)}')
    code = stage['code']
    lines.append(f'- code: unihema_mm {code["version"]}, commit {code["commit"] or "unknown"}')
    lines.append(f'- {stage["processes"]} process(es), {stage["runs"]} run(s) from start to end')
    lines.append(f'- checkpoint: {stage["checkpoint"]}, SHA-256 {stage["checkpoint_sha256"]}')
    if stage['gpu_memory_mb'] is not None:
        lines.append(f'- peak memory on the GPU: {stage["gpu_memory_mb"]:,} MB')
    lines += ['', *_parameters(stage['parameters']), '', *_loaded(stage['loaded'])]
    if stage['curves']:
        lines += ['', f'![losses of stage {stage["number"]}]({stage["curves"]})']
    rows = [
        [item['set'], item['dataset'], key, _number(value)]
        for item in stage['results']
        for key, value in item['percent'].items()
    ]
    return [
        *lines,
        '',
        *(_table(['set', 'data set', 'metric', 'percent'], rows) if rows else ['Not tested.']),
    ]


def _steps(stage: Mapping[str, Any]) -> str:
    moved_on = stage['moved_on']
    if moved_on:
        return f'{moved_on["steps"]} of {moved_on["planned"]}'
    return str(stage['steps'] or stage['logged_steps'])


def _end(stage: Mapping[str, Any]) -> str:
    """After how many steps the stage has moved on, and why."""
    moved_on = stage['moved_on']
    if moved_on is None:
        return 'fixed schedule: it has reached its planned length'
    checks = moved_on['checks']
    step, score = max(checks, key=lambda check: check[1])
    return (
        f'moved on after {moved_on["steps"]} of {moved_on["planned"]} steps: {moved_on["reason"]}; '
        f'{len(checks)} checks, the best score {score:.1f} % after {step} steps, whose checkpoint it gives'
    )


def _parameters(parameters: Mapping[str, Mapping[str, int]]) -> list[str]:
    rows = [[name, f'{item["trained"]:,}', f'{item["frozen"]:,}'] for name, item in parameters.items()]
    total = [f'{sum(item[key] for item in parameters.values()):,}' for key in ('trained', 'frozen')]
    return _table(['module', 'trained parameters', 'frozen'], [*rows, ['all', *total]])


def _loaded(parts: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [
        [part['part'], _source(part), f'{part["tensors"]:,}', f'{part["parameters"]:,}'] for part in parts
    ]
    return _table(['module', 'starts from', 'tensors', 'parameters'], rows)


def _source(part: Mapping[str, Any]) -> str:
    if part['source'] is None:
        return f'initialised{" (" + part["pretrained"] + ")" if part.get("pretrained") else ""}'
    return '/'.join(PurePath(part['source']).parts[-2:])


def _cell(value: float | None, change: float | None) -> str:
    # Adding zero makes -0.0 positive.
    return _number(value) if change is None else f'{_number(value)} ({round(change, 1) + 0:+.1f})'


def _number(value: float | None) -> str:
    return '-' if value is None else f'{value:.1f}'


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    cells = [header, ['---'] * len(header), *rows]
    return ['| ' + ' | '.join(str(cell).replace('|', '/') for cell in row) + ' |' for row in cells]
