"""What the page keeps for its visitors, and for how long."""

import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock

from unihema_mm.structures.results import Answer, ImageResult
from unihema_mm.utils.errors import InputError

CLOSED_AFTER = 60  # seconds that a visitor who left may take to come back, e.g. after a lost connection


@dataclass(frozen=True)
class Picture:
    """One uploaded picture.

    Attributes:
        name: Its name, unique among those of the visitor.
        path: The kept copy.
        result: What was predicted, with all cells from the lowest score on, and the answers so far.
    """

    name: str
    path: Path
    result: ImageResult

    def with_answer(self, answer: Answer) -> 'Picture':
        """The picture with one more answer."""
        return replace(self, result=replace(self.result, answers=(*self.result.answers, answer)))

    def without_answers(self) -> 'Picture':
        """The picture as before the first question."""
        return replace(self, result=replace(self.result, answers=()))


@dataclass
class Visitor:
    """Pictures of one browser tab.

    Attributes:
        folder: Where its files lie.
        pictures: Name -> picture.
        expires: Time from which on all of it may be removed.
    """

    folder: Path
    pictures: dict[str, Picture] = field(default_factory=dict)
    expires: float = 0.0

    def picture(self, name: str | None) -> Picture:
        """Find a picture by its name.

        Raises:
            InputError: There is none, or no longer.
        """
        if name not in self.pictures:
            raise InputError('this picture is no longer kept; run it again')
        return self.pictures[name]


class Visitors:
    """Keeps the pictures of a bounded number of visitors for a bounded time.

    Args:
        folder: Folder for all files; it is the caller's to remove.
        most: Number of visitors; the one idle for longest has to go.
        seconds: How long the files of an idle visitor are kept.
        clock: Seconds of a clock that never goes back.
    """

    def __init__(
        self, folder: Path, most: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._visitors: dict[str, Visitor] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._visitors)

    def get(self, key: str) -> Visitor:
        """The visitor of this key, a new one where there is none, kept for the full time from now on."""
        with self._lock:
            self._remove_expired()
            visitor = self._visitors.pop(key, None)
            if visitor is None:
                while len(self._visitors) >= self._most:
                    self._remove(min(self._visitors, key=lambda name: self._visitors[name].expires))
                visitor = Visitor(Path(tempfile.mkdtemp(prefix='visitor_', dir=self._folder)))
            visitor.expires = self._clock() + self._seconds
            self._visitors[key] = visitor
            return visitor

    def leave(self, key: str) -> None:
        """Keep the files of a visitor who closed the page only for a moment more."""
        with self._lock:
            if key in self._visitors:
                self._visitors[key].expires = self._clock() + min(CLOSED_AFTER, self._seconds)

    def sweep(self) -> None:
        """Remove what has expired."""
        with self._lock:
            self._remove_expired()

    def _remove_expired(self) -> None:
        now = self._clock()
        for key in [key for key, visitor in self._visitors.items() if visitor.expires <= now]:
            self._remove(key)

    def _remove(self, key: str) -> None:
        shutil.rmtree(self._visitors.pop(key).folder, ignore_errors=True)
