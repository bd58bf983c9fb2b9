"""Image-level classification."""

from pathlib import Path

import numpy as np
from mmengine.logging import MMLogger
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support
from terminaltables import AsciiTable

from unihema_mm.registry import METRICS
from unihema_mm.utils.errors import InputError

from .confusion_files import draw_confusion, write_confusion
from .sample_metric import SampleMetric


@METRICS.register_module()
class CellClassMetric(SampleMetric):
    """Accuracy, macro F1, weighted F1 and the confusion matrix of ``pred_label`` against ``gt_label``.

    All numbers are scikit-learn's, in [0, 1]. The macro mean runs over the classes that occur among the truth
    or the predictions, as scikit-learn's default does: a class that is neither shown nor predicted does not
    count, a class that is predicted but never shown counts with F1 0. The weighted mean runs over the
    classes of the truth, by their number of images. Precision, recall and F1 of each class are logged.

    Metrics: ``accuracy``, ``macro_f1``, ``weighted_f1``.

    Args:
        out_file: File of the confusion matrix with all classes, ``.json`` or ``.csv``; rows are the truth.
            Every evaluation replaces it.
        draw_file: Picture of the confusion matrix, ``.png``, with the classes that occur.
        **kwargs: Arguments of mmengine's ``BaseMetric``.

    Raises:
        InputError: A file name has another ending, or a label is no index of ``dataset_meta['classes']``.
    """

    default_prefix = 'cls'
    main_metrics = ('accuracy', 'macro_f1', 'weighted_f1')
    truth = 'gt_label'

    def __init__(self, out_file: str | None = None, draw_file: str | None = None, **kwargs) -> None:
        super().__init__(**kwargs)
        for name, file, endings in (
            ('out_file', out_file, ('.json', '.csv')),
            ('draw_file', draw_file, ('.png',)),
        ):
            if file is not None and Path(file).suffix not in endings:
                raise InputError(f'CellClassMetric: {name} {file!r} must end in {" or ".join(endings)}')
        self.out_file = out_file
        self.draw_file = draw_file

    def summarise(self, sample: dict) -> tuple[int, int]:
        """True and predicted class."""
        return int(sample['gt_label']), int(self.required(sample, 'pred_label'))

    def score(self, summaries: list[tuple[int, int]]) -> dict[str, float]:
        """Compute the metrics and write the files; see the class."""
        classes = list(self.dataset_meta['classes'])
        truth, predicted = np.asarray(summaries).T
        for field, labels in (('gt_label', truth), ('pred_label', predicted)):
            wrong = labels[(labels < 0) | (labels >= len(classes))]
            if wrong.size:
                raise InputError(
                    f'CellClassMetric: {field} {wrong[0]} is no index of the {len(classes)} classes of the '
                    'data set; give model and data set the same classes'
                )
        matrix = confusion_matrix(truth, predicted, labels=range(len(classes)))
        self._log_table(truth, predicted, classes)
        if self.out_file is not None:
            write_confusion(self.out_file, matrix, classes)
        if self.draw_file is not None:
            draw_confusion(self.draw_file, matrix, classes)
        return {
            'accuracy': float(accuracy_score(truth, predicted)),
            'macro_f1': float(f1_score(truth, predicted, average='macro', zero_division=0)),
            'weighted_f1': float(f1_score(truth, predicted, average='weighted', zero_division=0)),
        }

    @staticmethod
    def _log_table(truth: np.ndarray, predicted: np.ndarray, classes: list[str]) -> None:
        present = np.union1d(truth, predicted)
        columns = precision_recall_fscore_support(truth, predicted, labels=present, zero_division=0)
        rows = [['class', 'images', 'precision', 'recall', 'F1']]
        for label, precision, recall, f1, images in zip(present, *columns, strict=True):
            rows.append([classes[label], images, *(f'{value:.3f}' for value in (precision, recall, f1))])
        MMLogger.get_current_instance().info('classification by class\n' + AsciiTable(rows).table)
