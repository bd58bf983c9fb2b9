"""Validation and test of one model on several data sets."""

from collections.abc import Mapping, Sequence
from numbers import Real

import torch
from mmengine.evaluator import Evaluator
from mmengine.runner import BaseLoop, Runner, autocast
from torch.utils.data import DataLoader

from unihema_mm.registry import LOOPS
from unihema_mm.utils.errors import InputError
from unihema_mm.visualization.sample_results import meta_for_pictures

from .evaluation_sets import EvaluationSet, MultiSetLoader
from .named_configs import check_gains, check_named_configs


class MultiSetLoop(BaseLoop):
    """Run a model on several data sets, each with a loader and metrics of its own.

    The hooks see one pass: ``before_val`` and ``before_val_epoch`` come once, and ``batch_idx`` counts on
    over the data sets, so that progress, remaining time and mean times are those of the whole. A data set is
    evaluated as soon as its last batch is done.

    The metrics of a data set are ``<name>/<key>``, where the default prefix of its first metric is left
    out: ``det/bbox_mAP_50`` and, of a second metric, ``det/morph/found``. A prefix that the config gives
    stays. Losses that a model returns in validation are not supported.

    Args:
        runner: Runner.
        dataloader: Loader or loader config by name of the data set.
        evaluator: Config of one metric or a list of them, or an evaluator, by name of the data set.
        gains: Name of a data set -> name of that without the images. For every metric of both there is
            ``<name>/image_gain_<key>``, the difference.
        fp16: Whether to run the model in mixed precision, as in mmengine's loops.

    Attributes:
        sets (dict[str, EvaluationSet]): The data sets by name.
        current (str | None): Name of the data set that is run.

    Raises:
        InputError: The names of loaders and evaluators differ or are missing, or a gain names no data set.
    """

    split: str  # part of the names of hooks and of the model's step

    def __init__(
        self,
        runner: Runner,
        dataloader: Mapping[str, DataLoader | dict],
        evaluator: Mapping[str, Evaluator | dict | list],
        gains: Mapping[str, str] | None = None,
        fp16: bool = False,
    ) -> None:
        check_named_configs(self.split, dataloader, evaluator)
        check_gains(self.split, gains or {}, dataloader)
        self.gains = dict(gains or {})
        self.fp16 = fp16
        self.current: str | None = None
        self.sets: dict[str, EvaluationSet] = {}
        for name, config in dataloader.items():
            loader = runner.build_dataloader(
                config, seed=runner.seed, diff_rank_seed=runner._randomness_cfg.get('diff_rank_seed', False)
            )
            self.sets[name] = EvaluationSet(name, loader, _build_evaluator(runner, evaluator[name]))
            self.sets[name].evaluator.dataset_meta = getattr(loader.dataset, 'metainfo', None)
        super().__init__(runner, MultiSetLoader({name: part.dataloader for name, part in self.sets.items()}))
        self.evaluator = {name: part.evaluator for name, part in self.sets.items()}

    def run(self) -> dict[str, float]:
        """Run the model on all data sets.

        Returns:
            The metrics of all data sets, see the class.
        """
        self.runner.call_hook(f'before_{self.split}')
        self.runner.call_hook(f'before_{self.split}_epoch')
        self.runner.model.eval()
        metrics: dict[str, float] = {}
        done = 0
        for number, part in enumerate(self.sets.values(), start=1):
            self._begin(part, number)
            for index, data_batch in enumerate(part.dataloader, start=done):
                self.run_iter(index, data_batch)
            done += len(part.dataloader)
            metrics.update(_evaluate(part))
        self.current = None
        metrics.update(self._image_gains(metrics))
        self.runner.call_hook(f'after_{self.split}_epoch', metrics=metrics)
        self.runner.call_hook(f'after_{self.split}')
        return metrics

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: Sequence[dict] | dict) -> None:
        """Run the model on one batch of the current data set.

        Args:
            idx: Place of the batch in the pass over all data sets.
            data_batch: Batch of the loader.
        """
        self.runner.call_hook(f'before_{self.split}_iter', batch_idx=idx, data_batch=data_batch)
        with autocast(enabled=self.fp16):
            outputs = getattr(self.runner.model, f'{self.split}_step')(data_batch)
        self.sets[self.current].evaluator.process(data_samples=outputs, data_batch=data_batch)
        self.runner.call_hook(
            f'after_{self.split}_iter', batch_idx=idx, data_batch=data_batch, outputs=outputs
        )

    def _begin(self, part: EvaluationSet, number: int) -> None:
        self.current = part.name
        self.runner.visualizer.dataset_meta = meta_for_pictures(part.dataset)
        self.runner.logger.info(
            f'{self.split}: data set {part.name} ({number} of {len(self.sets)}), '
            f'{len(part.dataset)} samples in {len(part.dataloader)} batches'
        )

    def _image_gains(self, metrics: dict[str, float]) -> dict[str, float]:
        return {
            f'{name}/image_gain_{key.removeprefix(f"{name}/")}': value - other
            for name, baseline in self.gains.items()
            for key, value in metrics.items()
            if key.startswith(f'{name}/')
            and isinstance(other := metrics.get(f'{baseline}/{key.removeprefix(f"{name}/")}'), Real)
        }


@LOOPS.register_module()
class MultiSetValLoop(MultiSetLoop):
    """Validation on several data sets; see :class:`MultiSetLoop`."""

    split = 'val'


@LOOPS.register_module()
class MultiSetTestLoop(MultiSetLoop):
    """Test on several data sets; see :class:`MultiSetLoop`."""

    split = 'test'


def _build_evaluator(runner: Runner, config: Evaluator | dict | list | tuple) -> Evaluator:
    return runner.build_evaluator(list(config) if isinstance(config, tuple) else config)


def _evaluate(part: EvaluationSet) -> dict[str, float]:
    metrics: dict[str, float] = {}
    for name, value in part.evaluator.evaluate(len(part.dataset)).items():
        prefix, _, rest = name.partition('/')
        key = f'{part.name}/{rest if rest and prefix == part.left_out_prefix else name}'
        if key in metrics:
            raise InputError(
                f'data set {part.name}: two of its metrics give {key!r}; set prefix of one of them, '
                "such as prefix='own'"
            )
        metrics[key] = value
    return metrics
