"""Whole, half-built or foreign: what an environment's folder holds, and the lock around changing it."""

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from .layout import Layout
from .report import SetupError


def write_json(path: Path, content: dict) -> None:
    """Write atomically: a reader sees the old file or the new one, never half of one."""
    temporary = path.with_name(f'{path.name}.{os.getpid()}.tmp')
    with temporary.open('w', encoding='utf-8') as file:
        json.dump(content, file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def read_json(path: Path) -> dict:
    """Return the file's object, empty where it is absent or unreadable."""
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def is_ready(layout: Layout) -> bool:
    """Tell whether the environment is whole, of these requirements, at this place, with an interpreter."""
    marker = read_json(layout.marker)
    fits = marker.get('key') == layout.key and marker.get('env') == str(layout.env)
    return fits and os.access(layout.python, os.X_OK)


def mark_ready(layout: Layout, versions: dict) -> None:
    write_json(layout.marker, {'key': layout.key, 'env': str(layout.env), 'versions': versions})


@contextlib.contextmanager
def locked(path: Path, say: Callable[[str], None]) -> Iterator[int]:
    """Hold an exclusive lock on ``path`` and yield its file descriptor.

    The kernel releases the lock when the last process that holds the descriptor ends, however it ends.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode(errors='replace').strip() or 'unknown'
            say(f'process {holder} is setting up the same environment; waiting for it')
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def rebuild_reason(layout: Layout, writing_steps: set[str]) -> str | None:
    """Return why a half-built or damaged environment cannot be continued, None where it can.

    A step that was cut off (killed, power loss) while it wrote into the environment may have left half a
    package behind, which pip takes for installed. A step that failed and said so, or that writes elsewhere,
    is only repeated.

    Raises:
        SetupError: If the user named a folder that holds something else.
    """
    state = read_json(layout.state)
    if not layout.env.is_dir() or not any(layout.env.iterdir()):
        return None
    if not state and layout.custom:
        raise SetupError(
            f'UNIHEMA_ENV_DIR={layout.env}',
            'the folder is not empty and was not made by this project',
            'name an empty or new folder, or empty this one yourself',
        )
    if not state:
        return 'an environment of unknown state lies here'
    if state.get('key') != layout.key:
        return 'the environment was built for other requirements'
    if state.get('running') in writing_steps:
        return f'the last set-up was cut off while "{state["running"]}" was running'
    if layout.marker.exists():
        return 'the environment is damaged: it was finished, and has no working interpreter'
    return None


class Progress:
    """The steps already done in a half-built environment, kept in a file.

    Args:
        layout: Paths of the environment; its folder is created.
    """

    def __init__(self, layout: Layout):
        self.path, self.key = layout.state, layout.key
        self.done = list(read_json(layout.state).get('done', []))
        layout.env.mkdir(parents=True, exist_ok=True)
        self._write(None)

    def _write(self, running: str | None) -> None:
        write_json(self.path, {'key': self.key, 'done': self.done, 'running': running})

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Record that ``name`` runs, and that it is done or has failed in good order."""
        self._write(name)
        try:
            yield
        except SetupError:
            self._write(None)
            raise
        self.done.append(name)
        self._write(None)


def remove_environment(folder: Path) -> None:
    """Move the folder away first: a removal that is cut off leaves no half environment at the old name."""
    old = folder.with_name(f'{folder.name}.old-{os.getpid()}')
    os.replace(folder, old)
    shutil.rmtree(old, ignore_errors=True)
