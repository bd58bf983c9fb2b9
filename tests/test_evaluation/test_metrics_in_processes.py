"""Metrics over two gloo processes give the numbers of one."""

import multiprocessing

import numpy as np
import pytest
import torch
import torch.distributed as dist

from unihema_mm.evaluation.metrics import BinaryMaskMetric, CellClassMetric, TextMetric


def _samples() -> list[dict]:
    """Samples of three tasks; five, so that one of two processes repeats a sample."""
    rng = np.random.default_rng(4)
    mask = dict(
        gt_sem_seg=dict(sem_seg=rng.integers(0, 2, (1, 4, 4))),
        pred_sem_seg=dict(sem_seg=rng.integers(0, 2, (1, 4, 4))),
    )
    return [
        mask,
        dict(gt_label=torch.tensor([0]), pred_label=torch.tensor([1])),
        dict(questions=['q'], answers=['a b c d'], pred_answers=['a b c'], answer_types=['closed']),
        dict(gt_label=torch.tensor([1]), pred_label=torch.tensor([1])),
        dict(questions=['q'], answers=['yes'], pred_answers=['yes'], answer_types=['closed']),
    ]


def _evaluate(samples: list[dict], size: int, folder: str | None = None) -> dict[str, float]:
    metrics = {}
    for kind in (BinaryMaskMetric, CellClassMetric, TextMetric):
        metric = kind(collect_dir=folder and f'{folder}/{kind.__name__}')
        metric.dataset_meta = dict(classes=('a', 'b'))
        metric.process({}, samples)
        metrics.update(metric.evaluate(size))
    return metrics


def _rank(rank: int, folder: str, answers) -> None:
    dist.init_process_group('gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2)
    samples = _samples()
    share = [samples[index % len(samples)] for index in range(rank, 6, 2)]  # as mmengine's DefaultSampler
    answers.put(_evaluate(share, len(samples), folder))
    dist.destroy_process_group()


@pytest.fixture
def two_processes(tmp_path):
    context = multiprocessing.get_context('fork')
    answers = context.Queue()
    processes = [
        context.Process(target=_rank, args=(rank, str(tmp_path), answers), daemon=True) for rank in range(2)
    ]
    for process in processes:
        process.start()
    yield lambda: [answers.get(timeout=60) for _ in processes]
    for process in processes:
        process.terminate()
        process.join()


def test_two_processes_equal_one(two_processes, run):
    alone = _evaluate(_samples(), 5)
    assert alone['text/closed_accuracy'] == alone['cls/accuracy'] * 100 == 50
    assert two_processes() == [alone, alone]
