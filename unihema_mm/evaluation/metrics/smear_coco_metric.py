"""COCO metrics for images with any number of objects."""

import contextlib
import io
import tempfile
from collections import Counter, OrderedDict
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from mmdet.evaluation import CocoMetric
from mmengine.dataset import BaseDataset
from mmengine.fileio import load
from mmengine.logging import MMLogger
from pycocotools import mask as mask_utils
from terminaltables import AsciiTable

from unihema_mm.evaluation.partly_labelled import ignore_unmatched
from unihema_mm.registry import METRICS
from unihema_mm.utils.detection_budget import detection_budget
from unihema_mm.utils.errors import InputError

# backend -> module of the COCO class, module and name of its evaluator
BACKENDS = {
    'pycocotools': ('pycocotools.coco', 'pycocotools.cocoeval', 'COCOeval'),
    'faster_coco_eval': ('faster_coco_eval', 'faster_coco_eval', 'COCOeval_faster'),
}
AREAS = ('all', 's', 'm', 'l')


@METRICS.register_module()
class SmearCocoMetric(CocoMetric):
    """Box or mask AP at a number of detections that the data needs.

    mmdet's ``CocoMetric`` computes mAP at 100 detections per image and class, whatever
    ``proposal_nums`` says, and mAP_50 at 1000; pycocotools' summary prints 100 always. Here every
    number is computed at ``max_dets``, and equals pycocotools' at 100 detections where no image holds more
    objects.

    Further differences: labels follow the class names (mmdet: the order of the file), a class without
    ground truth is -1 as in COCO and does not enter the mean, a run without any
    detection has AP 0 instead of no result, and images that were not evaluated do not count as missed.

    What the annotation does not tell is no error: detections of a class that the data set of an image does
    not annotate (``annotated`` of its metainfo) are left out, and on an image that is labelled in part
    (``partly_labelled``) a detection without an object counts neither way, as on LVIS's images that are not
    exhaustively annotated (arXiv 1908.03195, section 3).

    Args:
        ann_file: COCO file of the ground truth. Without it, :meth:`set_dataset` must be called;
            ``DetectionBudgetHook`` does so.
        max_dets: Detections per image and class; None derives it from the ground truth
            (:func:`~unihema_mm.utils.detection_budget.detection_budget`).
        backend: 'pycocotools', or 'faster_coco_eval' (C++, optional package).
        classwise: Whether to return and log the AP of every class.
        **kwargs: Arguments of mmdet's ``CocoMetric``.

    Raises:
        InputError: An argument is unknown, or the package of ``backend`` is not installed.
    """

    main_metrics = ('bbox_mAP_50', 'bbox_mAP', 'segm_mAP_50', 'segm_mAP')

    def __init__(
        self,
        *args,
        max_dets: int | None = None,
        backend: str = 'pycocotools',
        classwise: bool = True,
        **kwargs,
    ) -> None:
        super().__init__(*args, classwise=classwise, **kwargs)
        unknown = sorted(set(self.metrics) - {'bbox', 'segm'})
        if unknown:
            raise InputError(f"SmearCocoMetric: metric {unknown[0]!r} is not known; use 'bbox' or 'segm'")
        if backend not in BACKENDS:
            raise InputError(
                f'SmearCocoMetric: backend {backend!r} is not known; use one of {", ".join(BACKENDS)}'
            )
        coco_module, eval_module, eval_name = BACKENDS[backend]
        try:
            self._coco_class = import_module(coco_module).COCO
            self._eval_class = getattr(import_module(eval_module), eval_name)
        except ImportError:
            raise InputError(
                f'SmearCocoMetric: backend {backend} is not installed; pip install '
                f'{backend.replace("_", "-")}, or use backend="pycocotools"'
            ) from None
        self.backend = backend
        self.max_dets = max_dets

    def set_dataset(self, dataset: BaseDataset) -> None:
        """Take the ground truth from a dataset, unless ``ann_file`` was given.

        So the boxes are those that the dataset gives, after its repairs. Object areas are mask areas where
        there are masks, else box areas.

        Args:
            dataset: Dataset that is evaluated; its records have ``img_id`` and ``instances``.

        Raises:
            InputError: Two images have one id, as those of different files may have.
        """
        if self._coco_api is not None:
            return
        images, annotations, paths = [], [], {}
        for index in range(len(dataset)):
            record = dataset.get_data_info(index)
            path = record.get('img_path')
            if record['img_id'] in paths:
                raise InputError(
                    f'SmearCocoMetric: {paths[record["img_id"]]} and {path} have the id {record["img_id"]}; '
                    'give each data set a loader of its own: val_dataloader=dict(a=..., b=...)'
                )
            paths[record['img_id']] = path
            size = record['height'], record['width']
            images.append({'id': record['img_id'], 'height': size[0], 'width': size[1]})
            for instance in record['instances']:
                annotations.append(
                    {'id': len(annotations) + 1, 'image_id': record['img_id'], **_annotation(instance, size)}
                )
        names = dataset.metainfo['classes']
        categories = [{'id': label, 'name': name} for label, name in enumerate(names)]
        self._coco_api = self._index({'images': images, 'annotations': annotations, 'categories': categories})

    def process(self, data_batch: dict, data_samples: list[dict]) -> None:
        """Keep the predictions of one batch; see mmdet's ``CocoMetric.process``."""
        if self._coco_api is None:
            raise InputError(
                'SmearCocoMetric: no ground truth; set ann_file, or add DetectionBudgetHook to custom_hooks'
            )
        super().process(data_batch, [_of_annotated_classes(sample) for sample in data_samples])
        for (fact, _), sample in zip(self.results[-len(data_samples) :], data_samples, strict=True):
            fact['partly_labelled'] = bool(sample.get('partly_labelled'))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Compute all metrics.

        Args:
            results: Pairs of image facts and predictions from :meth:`process`.

        Returns:
            Per metric ``m`` in 'bbox', 'segm': ``m_mAP``, ``m_mAP_50``, ``m_mAP_75``, ``m_mAP_s``,
            ``m_mAP_m``, ``m_mAP_l``, ``m_AR`` and per class ``m_<class>_AP``, ``m_<class>_AP50``; values in
            [0, 1], or -1 without ground truth.
        """
        facts, predictions = zip(*results, strict=True)
        self.img_ids = sorted({fact['img_id'] for fact in facts})
        partly = {fact['img_id'] for fact in facts if fact['partly_labelled']}
        truth = self._ground_truth()
        ids = {category['name']: category['id'] for category in truth.dataset['categories']}
        self.cat_ids = [ids.get(name) for name in self.dataset_meta['classes']]
        per_image = Counter(row['image_id'] for row in self._evaluated_objects(truth))
        budget = self.max_dets or detection_budget(max(per_image.values(), default=0))

        metrics: dict[str, float] = OrderedDict()
        with tempfile.TemporaryDirectory() as folder:
            files = self.results2json(predictions, self.outfile_prefix or str(Path(folder) / 'results'))
            if self.format_only:
                return metrics
            for kind in self.metrics:
                if kind not in files:
                    raise InputError(f'SmearCocoMetric: metric {kind!r}, but the model predicts no masks')
                found = [row for row in load(files[kind]) if row['category_id'] is not None]
                metrics.update(self._evaluate(kind, truth, found, budget, partly))
        return metrics

    def _ground_truth(self):
        """COCO object of the backend in use, with the optional keys filled.

        Objects are numbered anew: to COCOeval a detection matched with an object of id 0 is not matched.
        """
        document = dict(self._coco_api.dataset)
        document['annotations'] = [
            {'iscrowd': 0, 'area': row['bbox'][2] * row['bbox'][3], **row, 'id': number}
            for number, row in enumerate(document['annotations'], start=1)
        ]
        return self._index(document)

    def _index(self, document: dict):
        with contextlib.redirect_stdout(io.StringIO()):
            coco = self._coco_class()
            coco.dataset = document
            coco.createIndex()
        return coco

    def _evaluated_objects(self, truth) -> list[dict]:
        evaluated = set(self.img_ids)
        return [
            row for row in truth.dataset['annotations'] if not row['iscrowd'] and row['image_id'] in evaluated
        ]

    def _evaluate(
        self, kind: str, truth, found: list[dict], budget: int, partly: set[int]
    ) -> dict[str, float]:
        if kind == 'segm':
            for row in found:
                row.pop('bbox', None)  # or the area of the box would decide between small, medium and large
        with contextlib.redirect_stdout(io.StringIO()):
            detections = truth.loadRes(found) if found else self._index({**truth.dataset, 'annotations': []})
            evaluator = self._eval_class(truth, detections, kind)
            evaluator.params.imgIds = self.img_ids
            evaluator.params.catIds = [identity for identity in self.cat_ids if identity is not None]
            evaluator.params.maxDets = [budget]
            evaluator.params.iouThrs = np.asarray(self.iou_thrs)
            evaluator.evaluate()
            if partly:
                self._ignore_unmatched(evaluator, partly)
            evaluator.accumulate()
        precision = evaluator.eval['precision'][..., 0]  # (IoU, recall, class, area)
        recall = evaluator.eval['recall'][..., 0]  # (IoU, class, area)
        summary = self._summary(precision)
        summary['AR'] = _mean(recall[:, :, 0])
        MMLogger.get_current_instance().info(
            f'{kind}: {len(found)} detections in {len(self.img_ids)} images, '
            f'at most {budget} per image and class\n'
            + '  '.join(f'{name} {value:.3f}' for name, value in summary.items())
        )
        metrics = {f'{kind}_{name}': value for name, value in summary.items()}
        if self.classwise:
            metrics.update(self._by_class(kind, truth, precision))
        return metrics

    def _ignore_unmatched(self, evaluator, img_ids: set[int]) -> None:
        if self.backend != 'pycocotools':
            raise InputError(
                f'SmearCocoMetric: {len(img_ids)} images are labelled in part, which backend {self.backend} '
                "cannot take into account; use backend='pycocotools'"
            )
        ignore_unmatched(evaluator, img_ids)

    def _summary(self, precision: np.ndarray) -> dict[str, float]:
        """Means of precision (IoU, recall, class, area) over what has ground truth."""
        thresholds = np.asarray(self.iou_thrs)
        summary = {'mAP': _mean(precision[..., 0])}
        for name, threshold in (('mAP_50', 0.5), ('mAP_75', 0.75)):
            summary[name] = _mean(precision[np.isclose(thresholds, threshold)][..., 0])
        for area, name in enumerate(AREAS[1:], start=1):
            summary[f'mAP_{name}'] = _mean(precision[..., area])
        return summary

    def _by_class(self, kind: str, truth, precision: np.ndarray) -> dict[str, float]:
        objects = Counter(row['category_id'] for row in self._evaluated_objects(truth))
        rows = [['class', 'objects', 'AP', 'AP50', 'AP75', 'AP_s', 'AP_m', 'AP_l']]
        metrics: dict[str, float] = {}
        present = [
            (name, identity)
            for name, identity in zip(self.dataset_meta['classes'], self.cat_ids, strict=True)
            if identity is not None
        ]
        places = {
            identity: place for place, identity in enumerate(sorted(identity for _, identity in present))
        }
        for name, identity in present:
            place = places[identity]  # COCOeval sorts the ids
            values = list(self._summary(precision[:, :, place : place + 1]).values())
            metrics[f'{kind}_{name}_AP'], metrics[f'{kind}_{name}_AP50'] = values[:2]
            rows.append(
                [name, objects[identity], *('-' if value < 0 else f'{value:.3f}' for value in values)]
            )
        MMLogger.get_current_instance().info(f'{kind} by class\n' + AsciiTable(rows).table)
        return metrics


def _of_annotated_classes(sample: dict) -> dict:
    annotated = sample.get('annotated')
    if annotated is None:
        return sample
    found = sample['pred_instances']
    kept = torch.isin(found['labels'], found['labels'].new_tensor(annotated))
    return {**sample, 'pred_instances': {name: values[kept] for name, values in found.items()}}


def _mean(values: np.ndarray) -> float:
    """Mean of the entries that are not -1, the mark of absent ground truth; -1 where all are."""
    present = values[values > -1]
    return float(present.mean()) if present.size else -1.0


def _annotation(instance: dict, size: tuple[int, int]) -> dict:
    x1, y1, x2, y2 = (float(value) for value in instance['bbox'])
    row = {
        'category_id': int(instance['bbox_label']),
        'iscrowd': int(instance.get('ignore_flag', 0)),
        'bbox': [x1, y1, x2 - x1, y2 - y1],
        'area': (x2 - x1) * (y2 - y1),
    }
    if instance.get('mask'):
        mask = instance['mask']
        is_plain = isinstance(mask, list) or isinstance(mask['counts'], list)  # polygons or runs as numbers
        parts = mask_utils.frPyObjects(mask, *size) if is_plain else mask
        row['segmentation'] = mask
        row['area'] = float(mask_utils.area(mask_utils.merge(parts) if isinstance(parts, list) else parts))
    return row
