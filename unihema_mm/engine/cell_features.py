"""Features of single cells, for a classifier of its own."""

from collections.abc import Iterable

import torch
from mmengine.dataset import BaseDataset
from mmengine.runner import Runner
from torch import Tensor
from torch.utils.data import ConcatDataset
from tqdm import tqdm

from unihema_mm.models import UniHema
from unihema_mm.models.features import SmearFeatures
from unihema_mm.models.tasks.base import truth
from unihema_mm.registry import DATASETS
from unihema_mm.utils.errors import InputError


def build_cells(configs: Iterable[dict], pipeline: list[dict]) -> ConcatDataset:
    """Build data sets of single cells, without augmentation.

    Args:
        configs: Their configs.
        pipeline: Pipeline of a test, which replaces theirs.
    """
    return ConcatDataset(
        [DATASETS.build({**config, 'test_mode': True, 'pipeline': pipeline}) for config in configs]
    )


def check_same_classes(datasets: Iterable[BaseDataset]) -> None:
    """Check that a label means the same in all data sets.

    Raises:
        InputError: Two of them differ in their classes.
    """
    first, *others = datasets
    classes = first.metainfo.get('classes', ())
    for other in others:
        found = other.metainfo.get('classes', ())
        if tuple(found) != tuple(classes):
            raise InputError(
                f'{other.ann_file}: has the classes {", ".join(found)}, but {first.ann_file} has '
                f'{", ".join(classes)}; give both data sets the same argument classes'
            )


def cell_features(
    model: UniHema, task: str, dataset: ConcatDataset, loader: dict, name: str
) -> tuple[Tensor, Tensor]:
    """Compute the feature of each image; neither the class head nor any other task runs.

    Args:
        model: Model, on its device.
        task: Key of its :class:`CellClassificationTask`.
        dataset: Data set of single cells with ``gt_label``.
        loader: Config of the loader, without ``dataset``; the sampler is replaced.
        name: Label of the progress bar.

    Returns:
        Features (n, embed_dims), float32, and labels (n, ), both on the CPU.

    Raises:
        InputError: An image has no class.
    """
    sampler = dict(type='DefaultSampler', shuffle=False)
    batches = Runner.build_dataloader({**loader, 'dataset': dataset, 'sampler': sampler})
    classifier = model.tasks[task]
    model.eval()
    features, labels = [], []
    with torch.no_grad(), tqdm(total=len(dataset), desc=name, unit='image') as bar:
        for batch in batches:
            data = model.data_preprocessor(batch, False)
            samples = data['data_samples']
            shared = SmearFeatures(model, data['inputs'], samples).read(classifier.reads)
            features.append(classifier.vectors(**shared).float().cpu())
            labels += [
                truth(sample, 'gt_label', 'use a data set of single cells').cpu() for sample in samples
            ]
            bar.update(len(samples))
    return torch.cat(features), torch.cat(labels).cpu()
