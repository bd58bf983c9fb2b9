"""What an evaluation reads: one data set, or several by name."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mmengine.evaluator import Evaluator
from mmengine.runner import BaseLoop
from torch.utils.data import ConcatDataset, DataLoader, Dataset


class EvaluationSet(NamedTuple):
    """A data set with its loader and its metrics.

    Attributes:
        name: Name in the config; None in a loop of a single data set.
        dataloader: Loader.
        evaluator: Metrics.
    """

    name: str | None
    dataloader: DataLoader
    evaluator: Evaluator

    @property
    def dataset(self) -> Dataset:
        """Data set of the loader."""
        return self.dataloader.dataset

    @property
    def left_out_prefix(self) -> str | None:
        """Prefix of metrics that the name of the data set replaces; see :class:`MultiSetLoop`."""
        first = self.evaluator.metrics[0]
        return None if self.name is None or first.prefix != first.default_prefix else first.prefix


class NamedDatasets(ConcatDataset):
    """Several data sets one after the other; they may differ in classes and kind.

    Attributes:
        datasets: The data sets.
        names: Their names.
        metainfo: Empty: they have none in common.
    """

    def __init__(self, datasets: Mapping[str, Dataset]) -> None:
        super().__init__(datasets.values())
        self.names = tuple(datasets)
        self.metainfo: dict = {}


class MultiSetLoader:
    """The loaders of several data sets, in the places where mmengine's hooks read a single one.

    Args:
        loaders: Loader by name of the data set.

    Attributes:
        dataset: All data sets, :class:`NamedDatasets`.
    """

    def __init__(self, loaders: Mapping[str, DataLoader]) -> None:
        self.loaders = dict(loaders)
        self.dataset = NamedDatasets({name: loader.dataset for name, loader in self.loaders.items()})

    def __len__(self) -> int:
        """Number of batches of all data sets."""
        return sum(map(len, self.loaders.values()))

    def __iter__(self) -> Iterator[Any]:
        """Batches of all data sets, one after the other."""
        for loader in self.loaders.values():
            yield from loader


def evaluation_sets(loop: BaseLoop) -> list[EvaluationSet]:
    """Data sets of a validation or test loop, whether it has one or several.

    Args:
        loop: mmengine's ``ValLoop`` or ``TestLoop``, or a loop over several data sets.
    """
    sets = getattr(loop, 'sets', None)
    return [EvaluationSet(None, loop.dataloader, loop.evaluator)] if sets is None else list(sets.values())
