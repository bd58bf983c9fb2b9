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
from unihema_mm.utils.errors import InputError

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
    oldest one, or the best one so far, is removed. (mmengine removes first and writes in place: a kill
    between leaves nothing to resume from.) A run in a folder that was copied or moved goes on with the files
    of that folder. The hook also closes mmengine's fallback to the unsafe unpickler.

    What a finished run gives to tests and later stages is its last checkpoint, or the best one:
    :func:`~unihema_mm.utils.checkpoint.find_result_checkpoint`.

    Args:
        result: 'last' or, where ``save_best`` names one metric, 'best'.
        backend_args: Storage backend; by default local files, written atomically.
        **kwargs: Arguments of :class:`mmengine.hooks.CheckpointHook`.
    """

    def __init__(self, *args, result: str = 'last', backend_args: dict | None = None, **kwargs) -> None:
        self.result = result
        if result == 'best' and kwargs.get('out_dir') is not None:
            raise InputError(
                f"SafeCheckpointHook: out_dir: is {kwargs['out_dir']!r}; with result='best' checkpoints lie "
                'in the work folder, leave it out'
            )
        super().__init__(*args, backend_args=backend_args or {'backend': _BACKEND}, **kwargs)

    def before_run(self, runner: Runner) -> None:
        """Read checkpoints safely from here on."""
        enable_safe_checkpoints()

    def before_train(self, runner: Runner) -> None:
        """Remove what an earlier run left half written, and its result."""
        super().before_train(runner)
        self._name_own_files(runner)
        if is_main_process():
            Path(runner.work_dir, RESULT_POINTER).unlink(missing_ok=True)
            for name in _WRITTEN:  # others, such as a curriculum, write into the folder at the same time
                remove_leftovers(runner.work_dir, f'{name}.*')

    def after_train(self, runner: Runner) -> None:
        """Name the best checkpoint as the result, where asked for.

        Raises:
            InputError: Its file has gone.
        """
        super().after_train(runner)
        if self.result == 'best' and self.best_ckpt_path is not None and is_main_process():
            best = Path(self.best_ckpt_path)
            if not best.is_file():
                raise InputError(f'{best}: the best checkpoint has gone; copy it back, or train anew')
            write_bytes(Path(runner.work_dir) / RESULT_POINTER, best.name.encode())

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        """Like mmengine's, but the old file goes when the new one and the last one, which names it, exist."""
        if not self.save_best:
            return
        before = self._best_paths
        self._best_paths = dict.fromkeys(before)
        super()._save_best_checkpoint(runner, metrics)
        now = self._best_paths
        self._best_paths = {key: path or before[key] for key, path in now.items()}
        if is_main_process():
            for path in {path for key, path in before.items() if path and now[key]} - {*now.values()}:
                if self.file_backend.isfile(path):
                    self.file_backend.remove(path)

    @property
    def _best_paths(self) -> dict[str, str | None]:
        """Metric -> its best checkpoint."""
        if len(self.key_indicators) == 1:
            return {self.key_indicators[0]: self.best_ckpt_path}
        return dict(self.best_ckpt_path_dict)

    @_best_paths.setter
    def _best_paths(self, paths: dict[str, str | None]) -> None:
        if len(self.key_indicators) == 1:
            (self.best_ckpt_path,) = paths.values()
        else:
            self.best_ckpt_path_dict.update(paths)

    def _name_own_files(self, runner: Runner) -> None:
        """Take the checkpoints that a resumed run remembers by name from its own folder."""
        info = runner.message_hub.runtime_info
        if 'last_ckpt' in info:
            self.last_ckpt = self._own(info['last_ckpt'])
        if self.save_best:
            self._best_paths = {key: path and self._own(path) for key, path in self._best_paths.items()}
        for key in [key for key in info if key.startswith('best_ckpt') and info[key]]:
            runner.message_hub.update_info(key, self._own(info[key]))

    def _own(self, path: str) -> str:
        return self.file_backend.join_path(self.out_dir, Path(path).name)

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
