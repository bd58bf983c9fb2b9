"""Samples and runs of metrics."""

from typing import Any

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmengine.structures import InstanceData, PixelData


class Run:
    """Evaluates a metric as the test loop does; keeps what it logs."""

    def __init__(self):
        self.logged: list[str] = []

    def __call__(self, metric, samples, **meta) -> dict[str, float]:
        """Metrics without their prefix."""
        evaluator = Evaluator(metric)
        evaluator.dataset_meta = meta
        for sample in samples:
            evaluator.process([sample], {})
        assert len(metric.results) == len(samples)  # or collect_results cuts off the wrong ones
        return {key.split('/', 1)[1]: value for key, value in evaluator.evaluate(len(samples)).items()}

    @property
    def log(self) -> str:
        return '\n'.join(self.logged)


@pytest.fixture
def run(monkeypatch):
    """Callable (metric, samples, **dataset_meta) -> metrics; ``run.log`` is the text it logged."""
    logger = MMLogger.get_instance('test_metrics')
    monkeypatch.setattr(MMLogger, 'get_current_instance', lambda: logger)
    runner = Run()
    for level in ('info', 'warning'):
        monkeypatch.setattr(logger, level, runner.logged.append)
    return runner


@pytest.fixture
def make_sample():
    """Callable (**fields) -> data sample; dicts become InstanceData, tensors with ``sem_seg`` PixelData."""

    def make(**fields: Any) -> DetDataSample:
        sample = DetDataSample(metainfo=dict(img_id=0, img_path='cell.png', ori_shape=(100, 100)))
        for key, value in fields.items():
            if key.endswith('sem_seg'):
                setattr(sample, key, PixelData(sem_seg=torch.as_tensor(value, dtype=torch.uint8)[None]))
            elif isinstance(value, dict):
                setattr(sample, key, InstanceData(**value))
            elif isinstance(value, torch.Tensor):
                sample.set_field(value, key, dtype=None)
            else:
                sample.set_metainfo({key: value})
        return sample

    return make
