"""``python -m tools.setup``: create or check the environment and print its interpreter."""

import signal
import sys

from .layout import Layout, find_layout
from .process import Runner
from .report import Screen, SetupError
from .state import Progress, is_ready, locked, mark_ready, rebuild_reason, remove_environment
from .steps import STEPS, Recipe, Step


def build(layout: Layout, screen: Screen, lock: int, steps: tuple[Step, ...] = STEPS) -> None:
    """Run the steps that are not done yet, and write the marker after the last."""
    reason = rebuild_reason(layout, {step.name for step in steps if step.writes})
    if reason:
        screen.say(f'{reason}; building it anew')
        remove_environment(layout.env)
    progress = Progress(layout)
    screen.say(f'environment: {layout.env}')
    recipe = Recipe(layout, Runner(screen, layout.logs, lock), screen)
    for number, step in enumerate(steps, 1):
        title = f'[{number}/{len(steps)}] {step.text}'
        if step.name in progress.done:
            screen.say(f'{title}: done before')
            continue
        screen.say(title)
        with progress.step(step.name):
            step.action(recipe, title)
    mark_ready(layout, recipe.versions)
    screen.say('the environment is ready')


def ensure(layout: Layout, screen: Screen) -> None:
    """Return at once where the environment is whole; else build it while no other process can."""
    if is_ready(layout):
        return
    with locked(layout.lock, screen.say) as lock:
        # Another process may have finished it while this one waited.
        if not is_ready(layout):
            build(layout, screen, lock)


def main() -> int:
    # A plain kill shall end the running compiler too, and leave the state in order.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        layout = find_layout()
        ensure(layout, Screen())
    except (SetupError, ValueError) as error:
        print(error if isinstance(error, SetupError) else f'error: {error}', file=sys.stderr)
        return 1
    except OSError as error:
        mend = 'make the folder writable, or use another one: XDG_CACHE_HOME=/path or UNIHEMA_ENV_DIR=/path'
        print(SetupError('the environment cannot be written', str(error), mend), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\nstopped; the same command continues where it can', file=sys.stderr)
        return 130
    print(layout.python)
    return 0


if __name__ == '__main__':
    sys.exit(main())
