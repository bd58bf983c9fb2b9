"""A stage begins with the weights that its config declares."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from unihema_mm.engine.stages.label_spaces import (
    KEY,
    LabelSpaces,
    find_label_spaces,
    merge_label_spaces,
)
from unihema_mm.engine.stages.starting_weights import load_starts
from unihema_mm.engine.unwrap import built_datasets, unwrapped
from unihema_mm.registry import HOOKS
from unihema_mm.utils.atomic import write_json
from unihema_mm.utils.checkpoint import find_checkpoint, find_result_checkpoint
from unihema_mm.utils.errors import InputError
from unihema_mm.utils.file_hash import file_sha256

REPORT_FILE = 'start_report.json'
PUBLISHED_WEIGHTS = 'model.safetensors'
_FIELDS = {'checkpoint', 'modules'}


@HOOKS.register_module()
class StageStartHook(Hook):
    """Load the weights of a stage before its first step, and remember what their outputs stand for.

    A run that resumes goes on with its own weights and loads nothing. Each process of a distributed run reads
    the files itself. What was loaded is logged as a table and written to ``start_report.json`` in the work
    folder, with the hashes of the files.

    Of heads that the run does not train, every checkpoint gets the label spaces of its starts; those of its
    own data come from :class:`LabelSpacesHook`.

    Args:
        starts: ``dict(checkpoint=PATH, modules=[...])`` each; see
            :func:`~unihema_mm.engine.stages.starting_weights.load_starts`. A work folder means its
            result (last or best checkpoint), a published folder its weights. Without ``modules`` all that the
            checkpoint holds.
        initialised: Names of the modules and parameters that no start gives.

    Raises:
        InputError: A start has an unknown field, or no checkpoint.
    """

    priority = 'HIGHEST'  # other hooks copy the weights or take their checksums in ``before_train``

    def __init__(self, starts: Sequence[Mapping] = (), initialised: Sequence[str] = ()) -> None:
        for start in starts:
            if 'checkpoint' not in start or not set(start) <= _FIELDS:
                raise InputError(
                    f'StageStartHook: starts: has {dict(start)!r}; write dict(checkpoint=PATH, modules=[...])'
                )
        self._starts = [(str(start['checkpoint']), start.get('modules')) for start in starts]
        self._initialised = initialised
        self._label_spaces: LabelSpaces = {}

    def before_train(self, runner: Runner) -> None:
        """Load the starting points of a run that does not resume.

        Raises:
            InputError: A work folder has no checkpoint, the config has ``load_from`` too, data sets name the
                classes of one head differently, or :func:`load_starts` refuses the weights.
        """
        if runner._resume and runner._has_loaded:
            runner.logger.info('The run is resumed; its starting points are not loaded again')
            return
        if runner._load_from is not None and self._starts:
            raise InputError(
                f'{runner._load_from}: load_from is set beside the starting points of the stage; name it in '
                'these with its modules, or leave it out'
            )
        starts = [(_find_weights(place, runner.cfg), modules) for place, modules in self._starts]
        model = unwrapped(runner.model)
        own = find_label_spaces(model, built_datasets(runner, 'train', 'val'))
        report = load_starts(model, starts, self._initialised, own)
        self._label_spaces = report.label_spaces
        runner.logger.info('\n'.join(['Starting weights:', *report.lines()]))
        if is_main_process():
            files = [
                {'checkpoint': name, 'sha256': _sha256(name), 'modules': modules and [*modules]}
                for name, modules in starts
            ]
            content = {'starts': files, 'initialised': [*self._initialised], **report.to_json()}
            write_json(Path(runner.work_dir) / REPORT_FILE, content)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Store the label spaces of the starts."""
        meta = checkpoint['meta']
        meta[KEY] = merge_label_spaces(self._label_spaces, meta.get(KEY, {}))


def find_start_file(place: str) -> str | None:
    """File that a start means, None where its folder has none.

    Args:
        place: Checkpoint or address, which are returned as they are; work folder, or published folder.
    """
    path = Path(place).expanduser()
    if '://' in place or path.is_file() or (path.suffix and not path.is_dir()):
        return place
    found = find_result_checkpoint(path)
    if found is None and (path / PUBLISHED_WEIGHTS).is_file():
        found = str(path / PUBLISHED_WEIGHTS)
    return found


def check_starts(cfg: Config) -> None:
    """Check that the starting points of a run exist, before its model is built and loads weights itself.

    Args:
        cfg: Config of a run that does not resume; without ``StageStartHook`` nothing is checked.

    Raises:
        InputError: A work folder has no checkpoint, or a file does not exist.
    """
    for hook in cfg.get('custom_hooks') or ():
        if isinstance(hook, Mapping) and hook.get('type') in (StageStartHook, StageStartHook.__name__):
            for start in hook.get('starts', ()):
                find_checkpoint(_find_weights(str(start['checkpoint']), cfg))


def _find_weights(place: str, cfg: Config) -> str:
    found = find_start_file(place)
    if found is None:
        raise InputError(
            f'{place}: no checkpoint to start from; train that stage first: '
            f'python tools/train.py {_config_of(Path(place).expanduser(), cfg)} --work-dir {place}'
        )
    return found


def _config_of(folder: Path, cfg: Config) -> str:
    """Config of the stage of a work folder: beside that of the run, with the name of the folder."""
    config = Path(cfg.filename or 'config.py').with_name(f'{folder.name}.py')
    return str(config) if config.is_file() else 'CONFIG'


def _sha256(name: str) -> str | None:
    path = Path(name).expanduser()
    return file_sha256(path) if path.is_file() else None
