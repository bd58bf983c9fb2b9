"""Training log with one number per task on the console."""

from mmengine.runner import LogProcessor, Runner

from unihema_mm.engine.unwrap import unwrapped
from unihema_mm.registry import LOG_PROCESSORS


@LOG_PROCESSORS.register_module()
class TaskLogProcessor(LogProcessor):
    """mmengine's ``LogProcessor`` with the sum of each task's losses, ``<task>.loss``.

    A model with all tasks has some fifty losses. The text log shows the sums in their place; JSON,
    TensorBoard and other backends get both. As for every loss, the value is the mean over the last
    ``window_size`` steps that had the task. A model without tasks is logged as by mmengine.
    """

    def get_log_after_iter(self, runner: Runner, batch_idx: int, mode: str) -> tuple[dict, str]:
        """Format the log after an iteration; see mmengine's ``LogProcessor.get_log_after_iter``.

        Returns:
            tuple[dict, str]: Values for the backends, and the line of the text log.
        """
        tag, line = super().get_log_after_iter(runner, batch_idx, mode)
        if mode != 'train':
            return tag, line
        prefix = f'{mode}/' if self.log_with_hierarchy else ''
        for task in getattr(unwrapped(runner.model), 'tasks', ()):
            losses = {
                name: value
                for name, value in tag.items()
                if name.startswith(f'{prefix}{task}.') and 'loss' in name
            }
            if losses:
                tag[f'{prefix}{task}.loss'] = total = sum(losses.values())
                line = _without(line, {name.removeprefix(prefix) for name in losses})
                line += f'  {task}.loss: {total:.{self.num_digits}f}'
        return tag, line


def _without(line: str, names: set[str]) -> str:
    """Line without the items ``name: value``, which mmengine separates by two spaces."""
    return '  '.join(item for item in line.split('  ') if item.partition(': ')[0] not in names)
