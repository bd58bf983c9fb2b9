"""The work folder of one stage: what is done in it, and whether that still holds."""

import json
import os
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from unihema_mm.engine.hooks.move_on_hook import MOVED_ON_FILE
from unihema_mm.engine.hooks.stage_start_hook import REPORT_FILE
from unihema_mm.engine.hooks.trainable_table_hook import COUNTS_FILE
from unihema_mm.utils.atomic import remove_leftovers, write_json
from unihema_mm.utils.file_hash import file_sha256

from .fingerprint import Fingerprint, differences

FINGERPRINT_FILE = 'fingerprint.json'  # written before the first step
SPENT_FILE = 'spent.json'  # written all the time
RESULT_FILE = 'stage.json'  # written last


@dataclass(frozen=True)
class StageFolder:
    """Files of a stage.

    Attributes:
        path: Its work folder.
    """

    path: Path

    def result(self) -> dict[str, Any] | None:
        """What the finished stage has written, None where it is not finished."""
        return self._read(RESULT_FILE)

    def spent(self) -> dict[str, Any]:
        """What the stage has cost until now."""
        return self._read(SPENT_FILE) or {}

    def starts(self) -> dict[str, Any] | None:
        """Report of ``StageStartHook``."""
        return self._read(REPORT_FILE)

    def trained(self) -> dict[str, dict[str, int]]:
        """Module -> number of ``trained`` and ``frozen`` parameters."""
        return self._read(COUNTS_FILE) or {}

    def moved_on(self) -> dict[str, Any] | None:
        """What ``MoveOnHook`` has written, None where the schedule is fixed."""
        return self._read(MOVED_ON_FILE)

    def steps(self) -> int | None:
        """Number of steps after which the stage has moved on, None where the schedule is fixed."""
        moved_on = self.moved_on()
        return None if moved_on is None else moved_on['steps']

    def write_spent(self, spent: dict[str, Any]) -> None:
        """Write what the stage has cost until now."""
        write_json(self.path / SPENT_FILE, spent)

    def write_result(self, result: dict[str, Any]) -> None:
        """Mark the stage as finished."""
        write_json(self.path / RESULT_FILE, result)

    def changes(self, fingerprint: Fingerprint) -> list[str]:
        """What is no longer as it was when the stage began; empty where the stage has not begun."""
        if not self._has_begun():
            return []
        before = self._read(FINGERPRINT_FILE)
        if before is None:
            return ['the folder, which no curriculum has made']
        changed = differences(before, fingerprint)
        result = self.result()
        if not changed and result is not None:
            checkpoint = self.path / result['checkpoint']
            if not checkpoint.is_file() or file_sha256(checkpoint) != result['checkpoint_sha256']:
                changed = [f'its checkpoint ({checkpoint.name})']
        return changed

    def begin(self, fingerprint: Fingerprint) -> None:
        """Make the folder, where needed, and remember what the stage begins with."""
        self.path.mkdir(parents=True, exist_ok=True)
        remove_leftovers(self.path)
        write_json(self.path / FINGERPRINT_FILE, fingerprint)

    def move_aside(self) -> Path:
        """Rename the folder to the first free of ``<name>.1``, ``<name>.2``, ...; returns its new path."""
        target = next(
            place
            for number in count(1)
            if not (place := self.path.with_name(f'{self.path.name}.{number}')).exists()
        )
        os.rename(self.path, target)
        return target

    def _has_begun(self) -> bool:
        return self.path.is_dir() and any(not path.name.startswith('.') for path in self.path.iterdir())

    def _read(self, name: str) -> Any:
        path = self.path / name
        return json.loads(path.read_text()) if path.is_file() else None
