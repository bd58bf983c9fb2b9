"""Pictures of the predictions on several data sets."""

import os.path as osp
from collections import Counter
from collections.abc import Sequence

from mmdet.engine.hooks import DetVisualizationHook
from mmdet.structures import DetDataSample
from mmengine.runner import Runner

from unihema_mm.registry import HOOKS
from unihema_mm.utils.palette import colour_blind_palette

_DRAWN_BY_MMDET = ('pred_instances', 'pred_sem_seg')
_MASK_CLASSES = ('background', 'foreground')


@HOOKS.register_module()
class SetVisualizationHook(DetVisualizationHook):
    """mmdet's ``DetVisualizationHook`` for a test of several data sets.

    The pictures of each data set are in a folder of its name, so that one does not replace another; further
    pictures of one file name, such as those of other prompts, are in folders ``2``, ``3``, ... below (counted
    in each process). Samples of whose predictions the visualizer draws none, such as answers with mmdet's,
    are left out; the log says so once per data set.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._left_out: set[str] = set()
        self._pictures: Counter[tuple[str, str]] = Counter()

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict, outputs: Sequence[DetDataSample]
    ) -> None:
        """Draw the predictions of one batch."""
        if not self.draw:
            return
        name = runner.test_loop.current
        fields = getattr(self._visualizer, 'drawn_fields', _DRAWN_BY_MMDET)
        drawn = [sample for sample in outputs if any(field in sample for field in fields)]
        if len(drawn) < len(outputs) and name not in self._left_out:
            self._left_out.add(name)
            runner.logger.info(f'test: data set {name}: the visualizer draws none of some predictions')
        meta = self._visualizer.dataset_meta or {}
        if 'classes' not in meta:
            palette = colour_blind_palette(len(_MASK_CLASSES))
            self._visualizer.dataset_meta = {**meta, 'classes': _MASK_CLASSES, 'palette': palette}
        folder = self.test_out_dir
        try:
            for sample in drawn:
                picture = name, osp.basename(sample.img_path)
                self._pictures[picture] += 1
                number = self._pictures[picture]
                if folder is not None:
                    self.test_out_dir = osp.join(folder, name, *([str(number)] if number > 1 else []))
                super().after_test_iter(runner, batch_idx, data_batch, [sample])
        finally:
            self.test_out_dir = folder
