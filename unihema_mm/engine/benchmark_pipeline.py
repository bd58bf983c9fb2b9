"""Images per second of a training pipeline, and where its time goes."""

import time
from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset, pseudo_collate, worker_init_fn
from torch.utils.data import DataLoader, Dataset

from unihema_mm.datasets.packing import pack_images
from unihema_mm.datasets.transforms import LoadSmearImage
from unihema_mm.datasets.transforms.loading import read_image_file
from unihema_mm.engine.data_paths import dataset_configs
from unihema_mm.engine.hooks.exact_resume_hook import seed_generators
from unihema_mm.engine.unwrap import leaf_datasets
from unihema_mm.registry import DATASETS

FOLDER, LMDB = 'folder', 'LMDB'


def build_both(cfg: Config, folder: Path) -> dict[str, Dataset]:
    """Build the training data of a config twice: from folders, and from LMDB files packed of them.

    Args:
        cfg: Config with ``train_dataloader``.
        folder: Where to put the LMDB files.

    Returns:
        'folder' and 'LMDB' -> dataset.
    """
    packed = deepcopy(cfg.train_dataloader.dataset)
    files: dict[str, str] = {}
    for config in dataset_configs(packed):
        root = str(config['data_root'])
        if root not in files:
            files[root] = str(pack_images(root, (folder / f'{len(files)}.lmdb').absolute()).path)
        config['image_lmdb'] = files[root]
    return {FOLDER: DATASETS.build(cfg.train_dataloader.dataset), LMDB: DATASETS.build(packed)}


def images_per_second(
    datasets: dict[str, Dataset], images: int, batch_size: int, workers: Sequence[int], turns: int
) -> dict[str, dict]:
    """Time a loader of each dataset with each number of worker processes, in turns.

    A loader starts anew in every turn; its clock starts behind the first batch of each worker.

    Args:
        datasets: Name -> dataset.
        images: Number of random images that are timed.
        batch_size: Images per batch.
        workers: Numbers of workers; 0 loads in this process.
        turns: Number of turns, the order changing every turn.

    Returns:
        Number of workers -> name -> ``per_second`` and ``per_second_and_worker`` (medians), and ``ratio``,
        the median of the ratios of each turn to the first dataset.
    """
    results: dict[str, dict] = {}
    names = list(datasets)
    for count in workers:
        rates: dict[str, list[float]] = {name: [] for name in names}
        for turn in range(turns):
            for name in names if turn % 2 == 0 else reversed(names):
                rates[name].append(_rate(datasets[name], images, batch_size, count, turn))
        results[str(count)] = {
            name: dict(
                per_second=float(np.median(rates[name])),
                per_second_and_worker=float(np.median(rates[name])) / max(count, 1),
                ratio=float(np.median(np.divide(rates[name], rates[names[0]]))),
            )
            for name in names
        }
    return results


def time_shares(datasets: dict[str, Dataset], images: int, turns: int) -> dict[str, dict]:
    """Time each transform of each data set in this process, reading and decoding of the image apart.

    The images were read once before, so that reading means reading from the memory of the system.

    Args:
        datasets: Name -> dataset, the same data in the same order.
        images: Number of random images of each set of the dataset.
        turns: Number of turns.

    Returns:
        Set -> name -> ``milliseconds`` per image (median of the turns) and ``shares``, step -> part of it.
    """
    leaves = {name: list(leaf_datasets(dataset)) for name, dataset in datasets.items()}
    results: dict[str, dict] = {}
    for number, first in enumerate(next(iter(leaves.values()))):
        times: dict[str, list[Counter]] = {name: [] for name in leaves}
        for turn in range(1 + turns):
            for name, own in leaves.items():
                seed_generators(turn)
                times[name].append(_times(own[number], images))
        label = f'{number}: {Path(first.ann_file).parent.parent.name}, {first.task}'
        results[label] = {name: _summary(counters[1:]) for name, counters in times.items()}
    return results


def _rate(dataset: Dataset, images: int, batch_size: int, workers: int, seed: int) -> float:
    seed_generators(seed)
    warmup = max(workers, 1)
    batches = -(-images // batch_size)
    chosen = np.random.default_rng(seed).integers(0, len(dataset), (batches + warmup, batch_size)).tolist()
    loader = DataLoader(
        dataset,
        batch_sampler=chosen,
        num_workers=workers,
        collate_fn=pseudo_collate,
        worker_init_fn=_init_worker if workers else None,
    )
    start = 0.0
    for number, _ in enumerate(loader, 1):
        if number == warmup:
            start = time.perf_counter()
    return batches * batch_size / (time.perf_counter() - start)


def _init_worker(number: int) -> None:
    worker_init_fn(number, num_workers=1, rank=0, seed=0)
    torch.set_num_threads(1)


def _times(dataset: BaseDataset, images: int) -> Counter:
    seconds: Counter = Counter()
    for index in np.random.randint(0, len(dataset), images):
        start = time.perf_counter()
        record = dataset.get_data_info(int(index))
        seconds['record'] += time.perf_counter() - start
        for transform in dataset.pipeline.transforms:
            step, reading = type(transform).__name__, 0.0
            if isinstance(transform, LoadSmearImage) and 'fill_colour' not in record:
                start = time.perf_counter()
                read_image_file(record['img_path'], record, transform.backend_args)
                reading = time.perf_counter() - start
                seconds['read image'] += reading
                step = 'decode image'
            start = time.perf_counter()
            record = transform(record)
            seconds[step] += max(time.perf_counter() - start - reading, 0)
            if record is None:
                break
    return Counter({step: spent / images for step, spent in seconds.items()})


def _summary(turns: Sequence[Counter]) -> dict:
    steps = {step: float(np.median([turn[step] for turn in turns])) for step in turns[0]}
    total = sum(steps.values())
    return dict(milliseconds=1000 * total, shares={step: spent / total for step, spent in steps.items()})
