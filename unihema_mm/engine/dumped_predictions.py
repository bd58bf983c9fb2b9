"""Predictions that ``tools/test.py --out`` wrote, beside the annotations of their data set."""

import pickle
from pathlib import Path

import numpy as np
from mmengine.config import Config

from unihema_mm.evaluation.cell_matching import Cells, Field
from unihema_mm.registry import DATASETS
from unihema_mm.structures.attributes import MISSING
from unihema_mm.utils.errors import InputError

from .chosen_sets import choose_set


def load_predictions(path: str | Path) -> list[dict]:
    """Load the file of predictions.

    Args:
        path: Pickle file of ``tools/test.py --out``. Load only files that you made.

    Returns:
        One dict per image.

    Raises:
        InputError: There is no such file, or it holds something else.
    """
    path = Path(path)
    if not path.is_file():
        beside = ', '.join(sorted(file.name for file in path.parent.glob(f'{path.stem}_*{path.suffix}')))
        mend = f'use one of {beside}' if beside else 'write it with tools/test.py --out'
        raise InputError(f'{path}: no such file; {mend}')
    try:
        samples = pickle.loads(path.read_bytes())
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError) as error:
        raise InputError(f'{path}: cannot be read ({error}); write it with tools/test.py --out') from None
    if not isinstance(samples, list) or not samples or not all(isinstance(one, dict) for one in samples):
        raise InputError(f'{path}: holds no predictions; write it with tools/test.py --out')
    return samples


def has_boxes(samples: list[dict], path: str | Path) -> bool:
    """Whether the predictions are detections; else they are classes of single-cell images.

    Raises:
        InputError: They are neither.
    """
    if 'pred_instances' in samples[0]:
        return True
    if 'pred_label' in samples[0]:
        return False
    raise InputError(f'{path}: has neither detections nor classes; test a data set of task det or cls')


def load_fields(
    cfg: Config, samples: list[dict], path: str | Path, name: str | None = None
) -> tuple[list[Field], dict]:
    """Put detections beside the annotations of their images.

    Args:
        cfg: Config of the test, with the default scope set.
        samples: Predictions of :func:`load_predictions`.
        path: Their file, for messages.
        name: Name of the test set, in a config with several.

    Returns:
        The fields in the order of the data set, without detections of classes that the set does not annotate,
        and its metainfo.

    Raises:
        InputError: The predictions are not of the images of this set.
    """
    dataset = DATASETS.build(choose_set(cfg, 'test', 'det', name).datasets[0])
    predicted = {str(sample['img_id']): sample for sample in samples}
    infos = [dataset.get_data_info(number) for number in range(len(dataset))]
    if {str(info['img_id']) for info in infos} != predicted.keys():
        raise InputError(
            f'{path}: has {len(predicted)} images, but not those of the {len(infos)} of {dataset.ann_file}; '
            'give the config of the test, and --set where it has several data sets'
        )
    width = len(dataset.metainfo.get('attributes') or ())
    fields = []
    for info in infos:
        cells, is_crowd = _annotated(info, width)
        found = _found(predicted[str(info['img_id'])]['pred_instances'])
        if 'annotated' in info:  # of the other classes the set does not tell where they are
            found = found.at(np.isin(found.labels, info['annotated']))
        partly = bool(info.get('partly_labelled'))
        fields.append(Field(info['img_path'], cells.at(~is_crowd), found, cells.at(is_crowd), partly))
    return fields, dataset.metainfo


def class_names(cfg: Config, name: str | None = None) -> list[str]:
    """Class names of the test set of single-cell images; arguments as :func:`load_fields`."""
    dataset = DATASETS.build(choose_set(cfg, 'test', 'cls', name).datasets[0])
    return list(dataset.metainfo['classes'])


def _annotated(info: dict, width: int) -> tuple[Cells, np.ndarray]:
    """Annotated cells, and which of them are crowds."""
    items = info['instances']
    boxes = np.array([item['bbox'] for item in items], float).reshape(-1, 4)
    labels = np.array([item['bbox_label'] for item in items], int)
    attributes = info.get('instance_attributes')
    if attributes is None and width:
        attributes = np.full((len(items), width), MISSING)
    is_crowd = np.array([bool(item.get('ignore_flag', 0)) for item in items], bool)
    return Cells(boxes, labels, np.ones(len(items)), attributes), is_crowd


def _found(instances: dict) -> Cells:
    attributes, queries = instances.get('attributes'), instances.get('queries')
    return Cells(
        instances['bboxes'].numpy().reshape(-1, 4).astype(float),
        instances['labels'].numpy().astype(int),
        instances['scores'].numpy().astype(float),
        None if attributes is None else attributes.numpy(),
        None if queries is None else queries.numpy(),
    )
