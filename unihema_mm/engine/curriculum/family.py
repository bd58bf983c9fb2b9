"""The stages of a family of configs, ready to be trained in turn."""

import contextlib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from unihema_mm.engine.launch import load_config
from unihema_mm.engine.stages import Stage, apply_stage, read_stage
from unihema_mm.utils.errors import InputError

_STAGE_FILE = re.compile(r'stage(\d+)\.py')


@dataclass(frozen=True, eq=False)
class PlannedStage:
    """A stage as it is to be trained.

    Attributes:
        declared: What its config says about it.
        cfg: Its config after :func:`apply_stage`, complete in itself.
        folder: Its work folder.
        facts: Which data sets are there and which are missing, as text.
    """

    declared: Stage
    cfg: Config
    folder: Path
    facts: str

    @property
    def title(self) -> str:
        """Number and name."""
        return f'stage {self.declared.number}, {self.declared.name}'

    @property
    def steps(self) -> int | None:
        """Number of its training steps, None where it depends on the data."""
        train_cfg = self.cfg.train_cfg
        if train_cfg.get('max_iters') is not None:
            return train_cfg.max_iters
        length = self.declared.steps
        return length * train_cfg.max_epochs if isinstance(length, int) else None


def find_stages(family: Path) -> list[Path]:
    """Find the configs ``stage1.py``, ``stage2.py``, ... of a folder.

    Returns:
        Their paths in the order of the numbers.

    Raises:
        InputError: There are none, or a number is missing.
    """
    found = {
        int(match.group(1)): path
        for path in (family.iterdir() if family.is_dir() else ())
        if (match := _STAGE_FILE.fullmatch(path.name))
    }
    if not found:
        raise InputError(
            f'{family}: holds no stage1.py, stage2.py, ...; give a folder such as configs/uni_hema/tiny'
        )
    missing = [f'stage{number}.py' for number in range(1, max(found) + 1) if number not in found]
    if missing:
        raise InputError(f'{family}: lacks {", ".join(missing)}; number the stages from 1 without a gap')
    return [found[number] for number in sorted(found)]


def plan_stages(family: Path, work_dir: Path, options: Mapping | None = None) -> list[PlannedStage]:
    """Read all stages of a family and complete them from the prepared data.

    Args:
        family: Folder of the configs.
        work_dir: Folder of the curriculum; stage k works in ``stage<k>`` below it.
        options: Values that replace those of every config, ``{'a.b': value}``.

    Raises:
        InputError: A config is no stage, has another number than its file, or cannot be completed; see
            :func:`find_stages` and :func:`apply_stage`.
    """
    return [
        _plan(path, number, work_dir / f'stage{number}', options)
        for number, path in enumerate(find_stages(family), start=1)
    ]


def _plan(path: Path, number: int, folder: Path, options: Mapping | None) -> PlannedStage:
    cfg = load_config(str(path), dict(options or {}), str(folder))
    declared = read_stage(cfg)
    if declared is None:
        raise InputError(f'{path}: has no stage=dict(...); see docs/how_to/train_stages.md')
    if declared.number != number:
        raise InputError(f'{path}: stage.number: is {declared.number}; write {number}, as in the file name')
    checkpoint = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    if checkpoint.get('out_dir') is not None:
        raise InputError(
            f'{path}: default_hooks.checkpoint.out_dir: is {checkpoint["out_dir"]!r}; the checkpoints of a '
            'curriculum lie in its work folder, leave it out'
        )
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            apply_stage(cfg)
    except InputError:
        print(said.getvalue(), end='', flush=True)
        raise
    return PlannedStage(declared, cfg, folder, said.getvalue())
