"""Groups of a mixed batch: which images serve which tasks."""

from collections.abc import Sequence
from typing import NamedTuple

from mmdet.structures import SampleList
from torch import Tensor


class TaskGroup(NamedTuple):
    """The samples of a batch with the same tasks.

    Attributes:
        tasks (tuple[str, ...]): Task keys.
        index (list[int]): Places of the samples in the batch.
        inputs (Tensor): Their images, (n, 3, h, w), cut to the largest of the group.
        samples (list[:obj:`DetDataSample`]): n samples.
    """

    tasks: tuple[str, ...]
    index: list[int]
    inputs: Tensor
    samples: SampleList


def group_by_tasks(
    inputs: Tensor, samples: SampleList, default: tuple[str, ...], by_size: bool = False
) -> list[TaskGroup]:
    """Group a batch by the tasks of its samples.

    The padding that only images of other groups need is cut off, so that a group is the batch that its
    samples alone would make. ``batch_input_shape`` of the samples is set to its size.

    Args:
        inputs (Tensor): Images, (bs, 3, H, W), padded at the right and bottom.
        samples (list[:obj:`DetDataSample`]): bs samples with ``tasks`` and ``pad_shape`` in their metainfo.
        default (tuple[str, ...]): Tasks of samples that name none.
        by_size (bool): Whether images of different sizes are in different groups, so that nothing that
            sees padding (a convolution, a group norm) makes a result depend on the rest of the batch.

    Returns:
        list[TaskGroup]: In the order in which the task combinations (and sizes) first appear.
    """
    places: dict[tuple, list[int]] = {}
    for place, sample in enumerate(samples):
        tasks = tuple(sample.metainfo.get('tasks') or default)
        size = tuple(sample.img_shape[:2]) if by_size else None
        places.setdefault((tasks, size), []).append(place)
    return [_group(tasks, index, inputs, samples) for (tasks, _), index in places.items()]


def _group(tasks: tuple[str, ...], index: Sequence[int], inputs: Tensor, samples: SampleList) -> TaskGroup:
    members = [samples[place] for place in index]
    if len(members) == len(samples):
        return TaskGroup(tasks, index, inputs, members)
    shapes = [sample.metainfo.get('pad_shape', inputs.shape[-2:])[:2] for sample in members]
    height, width = (int(max(sides)) for sides in zip(*shapes, strict=True))
    for sample in members:
        sample.set_metainfo({'batch_input_shape': (height, width)})
    return TaskGroup(tasks, index, inputs[index, :, :height, :width], members)
