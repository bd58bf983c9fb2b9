"""Several named data sets, of different tasks, as one."""

from collections.abc import Mapping
from itertools import pairwise

from mmengine.dataset import BaseDataset, ConcatDataset

from unihema_mm.registry import DATASETS
from unihema_mm.utils.errors import InputError


@DATASETS.register_module()
class MultiSetDataset(ConcatDataset):
    """Named data sets one after another, for a sampler that draws from each of them.

    Unlike mmengine's ``ConcatDataset``, whose other methods it has, the sets may differ in their metainfo.
    ``metainfo['sets']`` holds the metainfo of each set; beside it are the keys on whose value all sets that
    have them agree.

    Args:
        datasets: Name -> dataset or its config, wrappers such as ``RepeatDataset`` included. A name whose
            value is ``None`` is left out, so that a config can take a set from its base.
        lazy_init: Whether to read the annotation files later, by ``full_init``.

    Attributes:
        names: Names of the sets, in order.
        datasets: The sets, in that order.
    """

    def __init__(self, datasets: Mapping[str, BaseDataset | dict | None], lazy_init: bool = False) -> None:
        # ConcatDataset.__init__ is not called: it refuses sets whose metainfo differs.
        chosen = {name: dataset for name, dataset in datasets.items() if dataset is not None}
        if not chosen:
            raise InputError('MultiSetDataset: datasets: names no data set; write name=dict(type=...)')
        self.names = tuple(chosen)
        self.datasets = [
            DATASETS.build(dataset) if isinstance(dataset, Mapping) else dataset
            for dataset in chosen.values()
        ]
        self.ignore_keys: list[str] = []
        self._fully_initialized = False
        if not lazy_init:
            self.full_init()

    @property
    def metainfo(self) -> dict:
        """Metainfo of each set as ``sets``, and what they have in common."""
        sets = {name: part.metainfo for name, part in zip(self.names, self.datasets, strict=True)}
        common = {}
        for key in dict.fromkeys(key for info in sets.values() for key in info):
            first, *others = (info[key] for info in sets.values() if key in info)
            if all(other == first for other in others):
                common[key] = first
        return {**common, 'sets': sets}

    @property
    def set_ranges(self) -> dict[str, range]:
        """Name -> indices of its samples in the whole."""
        self.full_init()
        bounds = pairwise([0, *self.cumulative_sizes])
        return {name: range(*pair) for name, pair in zip(self.names, bounds, strict=True)}
