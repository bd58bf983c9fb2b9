"""All stages of a family in turn."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from unihema_mm.engine.testing import METRICS_FILE
from unihema_mm.utils.atomic import write_bytes, write_json
from unihema_mm.utils.checkpoint import find_result_checkpoint, find_resume_checkpoint
from unihema_mm.utils.code_version import code_version
from unihema_mm.utils.errors import InputError
from unihema_mm.utils.file_hash import file_sha256
from unihema_mm.utils.folder_lock import folder_lock

from .evaluated import evaluated_sets
from .family import PlannedStage, plan_stages
from .fingerprint import Fingerprint, fingerprint_of
from .progress import Progress, clock
from .report import write_report
from .stage_folder import RESULT_FILE, StageFolder
from .tool_run import run_tool

FAMILY_FILE = 'curriculum.json'
CONSOLE_FILE = 'console.log'
_SAVE_SECONDS = 5.0


@dataclass(frozen=True)
class CurriculumOptions:
    """How a curriculum is run.

    Attributes:
        tools: Folder of ``train.py`` and ``test.py``.
        stages: Numbers of the stages to be done, all by default.
        cfg_options: Values that replace those of every config.
        processes: Number of processes on this machine.
        say: Prints a line.
    """

    tools: Path
    stages: Sequence[int] | None = None
    cfg_options: Mapping | None = None
    processes: int = 1
    say: Callable[[str], None] = print


def run_curriculum(family: Path, work_dir: Path, options: CurriculumOptions) -> None:
    """Train and test the stages of a family, as far as this is not done, and write a report after each.

    Stage k works in ``stage<k>`` below the work folder. A finished one is left as it is while its config,
    the code, its data and its starting checkpoints are the same; an unfinished one goes on from its last
    checkpoint. One that has changed begins anew, and its folder is renamed to ``stage<k>.1``.

    Args:
        family: Folder with ``stage1.py``, ``stage2.py``, ...
        work_dir: Work folder of the curriculum.
        options: See the class.

    Raises:
        InputError: The family or its data are not complete, another process uses the work folder or it is of
            another family, a stage starts from one that is not finished, or a program fails.
    """
    planned = plan_stages(family, work_dir, options.cfg_options)
    chosen = _choose(planned, options.stages, family)
    with folder_lock(work_dir):
        _check_family(family, work_dir)
        progress = Progress(chosen, options.say, len(planned))
        for stage in chosen:
            _check_starts(stage, planned)
            fingerprint = fingerprint_of(stage.cfg, options.processes)
            folder = StageFolder(stage.folder)
            if _prepare(stage, folder, fingerprint, progress, options.say):
                _StageRun(stage, folder, fingerprint, progress, options).run()
            else:
                progress.finish(stage, folder.result()['seconds'], folder.steps())
            write_report(work_dir, planned)


def _choose(
    planned: Sequence[PlannedStage], numbers: Sequence[int] | None, family: Path
) -> list[PlannedStage]:
    for number in numbers or ():
        if not 1 <= number <= len(planned):
            raise InputError(f'--stages {number}: {family} has the stages 1 to {len(planned)}')
    return [stage for stage in planned if not numbers or stage.declared.number in numbers]


def _check_family(family: Path, work_dir: Path) -> None:
    """Keep the stages of two families apart."""
    path, name = work_dir / FAMILY_FILE, '/'.join(family.resolve().parts[-2:])
    if not path.exists():
        write_json(path, {'family': name})
    held = json.loads(path.read_text()).get('family')
    if held != name:
        raise InputError(f'{work_dir}: holds the stages of {held}, not of {name}; choose another --work-dir')


def _check_starts(stage: PlannedStage, planned: Sequence[PlannedStage]) -> None:
    """Refuse a start from a stage of this curriculum that is not finished."""
    places = [Path(start.checkpoint) for start in stage.declared.starts_from]
    for other in planned:
        if other.folder in places and not (other.folder / RESULT_FILE).is_file():
            number = other.declared.number
            raise InputError(
                f'{stage.title}: starts from stage {number}, which is not finished in {other.folder}; '
                f'do it first: --stages {number} {stage.declared.number}'
            )


def _prepare(
    stage: PlannedStage,
    folder: StageFolder,
    fingerprint: Fingerprint,
    progress: Progress,
    say: Callable[[str], None],
) -> bool:
    """Make the folder ready; returns whether there is something to do."""
    place, changes = progress.place(stage), folder.changes(fingerprint)
    if changes:
        aside = folder.move_aside()
        say(f'{place}: changed: {"; ".join(changes)}; the former one is kept in {aside}')
    elif folder.result() is not None:
        say(f'{place}: finished, nothing has changed')
        return False
    continued = find_resume_checkpoint(folder.path)
    say(f'{place}: {f"goes on from {Path(continued).name}" if continued else "begins"}')
    say(stage.facts.rstrip())
    folder.begin(fingerprint)
    return True


class _StageRun:
    """Trains and tests one stage."""

    def __init__(
        self,
        stage: PlannedStage,
        folder: StageFolder,
        fingerprint: Fingerprint,
        progress: Progress,
        options: CurriculumOptions,
    ) -> None:
        self._stage, self._folder, self._fingerprint = stage, folder, fingerprint
        self._progress, self._options = progress, options
        nothing = {'train_seconds': 0.0, 'test_seconds': 0.0, 'runs': 0, 'peak_bytes': 0}
        self._spent = {**nothing, **folder.spent()}

    def run(self) -> None:
        """Train, test, and mark the stage as finished.

        Raises:
            InputError: A program fails, or the training leaves no checkpoint.
        """
        stage, folder = self._stage, self._folder.path
        # One file that needs no data to be completed: a continued run reads what the first one has read.
        config = folder.parent / 'configs' / f'{folder.name}.py'
        write_bytes(config, stage.cfg.pretty_text.encode())
        self._spent['runs'] += 1
        if not self._spent.get('trained'):
            self._tool('train', config, '--work-dir', folder, '--resume')
            self._save(trained=True)
        found = find_result_checkpoint(folder)
        if found is None:
            raise InputError(f'{stage.title}: left no checkpoint in {folder}; see default_hooks.checkpoint')
        checkpoint = Path(found)
        metrics: dict[str, float] = {}
        if stage.cfg.get('test_dataloader'):
            self._tool('test', config, checkpoint, '--work-dir', folder)
            metrics = json.loads((folder / METRICS_FILE).read_text())
        spent = self._spent
        seconds = spent['train_seconds'] + spent['test_seconds']
        self._folder.write_result(
            {
                'number': stage.declared.number,
                'name': stage.declared.name,
                'seconds': seconds,
                **{key: spent[key] for key in ('train_seconds', 'test_seconds', 'runs', 'peak_bytes')},
                'steps': stage.steps,
                'processes': self._options.processes,
                'code': code_version(),
                'checkpoint': checkpoint.name,
                'checkpoint_sha256': file_sha256(checkpoint),
                'trains': [*stage.declared.trains],
                'tasks': dict(stage.cfg.train_dataloader.batch_sampler.composition),
                'sets': [*stage.cfg.train_dataloader.dataset.datasets],
                'evaluated': [item._asdict() for item in evaluated_sets(stage.cfg)],
                'metrics': metrics,
                'fingerprint': self._fingerprint,
            }
        )
        self._progress.finish(stage, seconds, self._folder.steps())
        left = self._progress.remaining_text()
        self._options.say(f'{self._progress.place(stage)}: finished in {clock(seconds)}{self._early()}{left}')

    def _early(self) -> str:
        moved_on = self._folder.moved_on()
        if moved_on is None or moved_on['steps'] == moved_on['planned']:
            return ''
        return f' after {moved_on["steps"]} of {moved_on["planned"]} steps'

    def _tool(self, name: str, *arguments: str | Path) -> None:
        key, before, log = f'{name}_seconds', self._spent[f'{name}_seconds'], self._folder.path / CONSOLE_FILE
        saved = 0.0

        def beat(seconds: float) -> None:
            nonlocal saved
            self._spent[key] = round(before + seconds, 1)
            if seconds - saved >= _SAVE_SECONDS:
                saved = seconds
                self._save()
            spent = self._spent['train_seconds'] + self._spent['test_seconds']
            self._progress.beat(self._stage, f'{name}ing', seconds, spent)

        with log.open('a') as file:
            file.write(f'\n{time.strftime("%Y-%m-%d %H:%M:%S")} {name}.py\n')
        command = [self._options.tools / f'{name}.py', *arguments]
        end = run_tool(command, log, self._options.processes, beat)
        self._spent[key] = round(before + end.seconds, 1)
        self._save(peak_bytes=max(self._spent['peak_bytes'], end.peak_bytes))
        if end.code:
            raise InputError(f'{self._stage.title}: {name}.py ended with {_cause(end.code, log)}')

    def _save(self, **more: object) -> None:
        self._spent.update(more)
        self._folder.write_spent(self._spent)


def _cause(code: int, log: Path) -> str:
    """Exit code, log, and the line of the log that tells the reason."""
    lines = [line for line in log.read_text(errors='replace').splitlines() if line.strip()]
    reason = next((line for line in reversed(lines) if line.startswith('error: ')), lines[-1])
    how = f'exit code {code}' if code > 0 else f'signal {-code}'
    return f'{how}, see {log}: {reason.removeprefix("error: ").strip()[:300]}'
