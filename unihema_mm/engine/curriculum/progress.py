"""How far a curriculum is, and how long it will take."""

from collections.abc import Callable, Sequence
from pathlib import Path

from .family import PlannedStage
from .scalars import read_losses

_EVERY_SECONDS = 30.0


class Progress:
    """Prints how far a curriculum is.

    The remaining time is that of the finished stages in proportion to the steps; where a stage does not know
    its steps, all count alike. A stage that has ended early counts the steps that it has done; one that may
    end early counts its planned length. The remaining time is told as soon as a stage is finished.

    Args:
        stages: The stages that are to be done, finished ones too.
        say: Prints a line.
        total: Number of stages of the family.
    """

    def __init__(self, stages: Sequence[PlannedStage], say: Callable[[str], None], total: int) -> None:
        self._stages, self._say, self._total = list(stages), say, total
        self._work = [stage.steps for stage in stages]
        self._by_steps = None not in self._work
        if not self._by_steps:
            self._work = [1] * len(self._work)
        self._seconds: dict[int, float] = {}
        self._last = 0.0

    def place(self, stage: PlannedStage) -> str:
        """Which of the stages it is, ``'stage 3 of 6, vision'``."""
        return f'stage {stage.declared.number} of {self._total}, {stage.declared.name}'

    def finish(self, stage: PlannedStage, seconds: float, steps: int | None = None) -> None:
        """Take note of the time of a finished stage, and of its steps where they are not those planned."""
        index = self._index(stage)
        self._seconds[index] = seconds
        if steps is not None and self._by_steps:
            self._work[index] = steps

    def remaining(self, current: float = 0.0) -> float | None:
        """Seconds until the end, None where no stage is finished.

        Args:
            current: Seconds that the current stage has taken.
        """
        done = sum(self._work[index] for index in self._seconds)
        if not done:
            return None
        rate = sum(self._seconds.values()) / done
        first, *later = [work for index, work in enumerate(self._work) if index not in self._seconds] or [0]
        return max(first * rate - current, 0.0) + sum(later) * rate

    def remaining_text(self, current: float = 0.0) -> str:
        """``', about 0:21:00 left'``, empty where it is not known or nothing is left.

        With ``at most`` where a stage may end early.
        """
        seconds = self.remaining(current)
        left = [stage for index, stage in enumerate(self._stages) if index not in self._seconds]
        most = 'at most ' if any(stage.declared.schedule for stage in left) else ''
        return '' if not seconds else f', {most}about {clock(seconds)} left'

    def beat(self, stage: PlannedStage, doing: str, since_start: float, spent: float) -> None:
        """Print a line from time to time.

        Args:
            stage: The current stage.
            doing: 'training' or 'testing'.
            since_start: Seconds since this program of the stage was started.
            spent: Seconds that the stage has taken in all.
        """
        if since_start < self._last:
            self._last = 0.0
        if since_start - self._last < _EVERY_SECONDS:
            return
        self._last = since_start
        state = _state(stage.folder, stage.steps) if doing == 'training' else ''
        self._say(f'{self.place(stage)}: {doing}{state}, {clock(spent)} spent{self.remaining_text(spent)}')

    def _index(self, stage: PlannedStage) -> int:
        return self._stages.index(stage)


def clock(seconds: float) -> str:
    """``h:mm:ss``."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours}:{minutes:02}:{seconds:02}'


def _state(folder: Path, steps: int | None) -> str:
    lines = read_losses(folder)
    if not lines:
        return ''
    of = f' of {steps}' if steps else ''
    return f', step {lines[-1]["step"]}{of}, loss {lines[-1]["loss"]:.3g}'
