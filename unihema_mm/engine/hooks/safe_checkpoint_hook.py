"""Checkpoints that survive a kill while they are written, and are read without running code."""

from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from unihema_mm.registry import HOOKS
from unihema_mm.utils.atomic import remove_leftovers, write_bytes
from unihema_mm.utils.checkpoint import RESULT_POINTER, enable_safe_checkpoints

_BACKEND = 'atomic_local'
_WRITTEN = ('*.pth', 'last_checkpoint', RESULT_POINTER)


class AtomicLocalBackend(LocalBackend):
    """Local files, each written beside its place and then moved there."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write ``obj`` to ``filepath``."""
        write_bytes(filepath, obj)

    def put_text(self, obj: str, filepath: str | Path, encoding: str = 'utf-8') -> None:
        """Write the text ``obj`` to ``filepath``."""
        write_bytes(filepath, obj.encode(encoding))


register_backend(_BACKEND, AtomicLocalBackend, force=True)


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook`` with other order and other files.

    The new checkpoint is written first and whole, then ``last_checkpoint`` is moved to it, then the
    oldest one is removed. (mmengine removes first and writes in place: a kill between
    leaves nothing to resume from.) The hook also closes mmengine's fallback to the unsafe unpickler.

    What a finished run gives to tests and later stages is its last checkpoint, or the best one:
    :func:`~unihema_mm.utils.checkpoint.find_result_checkpoint`.

    Args:
        result: 'last' or, where ``save_best`` names one metric, 'best'.
        backend_args: Storage backend; by default local files, written atomically.
        **kwargs: Arguments of :class:`mmengine.hooks.CheckpointHook`.
    """

    def __init__(self, *args, result: str = 'last', backend_args: dict | None = None, **kwargs) -> None:
        self.result = result
        super().__init__(*args, backend_args=backend_args or {'backend': _BACKEND}, **kwargs)

    def before_run(self, runner: Runner) -> None:
        """Read checkpoints safely from here on."""
        enable_safe_checkpoints()

    def before_train(self, runner: Runner) -> None:
        """Remove what an earlier run left half written, and its result."""
        super().before_train(runner)
        if is_main_process():
            Path(runner.work_dir, RESULT_POINTER).unlink(missing_ok=True)
            for name in _WRITTEN:  # others, such as a curriculum, write into the folder at the same time
                remove_leftovers(runner.work_dir, f'{name}.*')

    def after_train(self, runner: Runner) -> None:
        """Name the best checkpoint as the result, where asked for."""
        super().after_train(runner)
        if self.result == 'best' and self.best_ckpt_path is not None and is_main_process():
            name = Path(self.best_ckpt_path).name
            write_bytes(Path(runner.work_dir) / RESULT_POINTER, name.encode())

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict[str, Any]) -> None:
        outdated = []
        if self.max_keep_ckpts > 0:
            kept = [kept for kept in self.keep_ckpt_ids if kept != step] + [step]
            outdated = kept[: -self.max_keep_ckpts]
            self.keep_ckpt_ids.clear()
            self.keep_ckpt_ids.extend(kept)  # a deque that holds max_keep_ckpts
            runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if not is_main_process():
            return
        write_bytes(Path(runner.work_dir) / 'last_checkpoint', self.last_ckpt.encode())
        for old in outdated:
            path = self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(old))
            if self.file_backend.isfile(path):
                self.file_backend.remove(path)
