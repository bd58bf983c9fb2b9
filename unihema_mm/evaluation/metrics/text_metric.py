"""Answers and completed sentences."""

from dataclasses import dataclass

import numpy as np
from mmengine.logging import MMLogger

from unihema_mm.registry import METRICS

from .gaps import gap_fillers, has_gaps
from .sample_metric import SampleMetric
from .text_scores import MAX_ORDER, bleu, normalise, rouge_l

CLOSED = 'closed'


@dataclass(frozen=True)  # mmengine turns named tuples into plain ones
class _Sentence:
    target: str
    prediction: str
    closed: bool
    frame: str | None  # masked sentence, where it has gaps


@METRICS.register_module()
class TextMetric(SampleMetric):
    """BLEU, ROUGE-L and exact match of generated sentences, in [0, 100].

    The defaults serve questions; for masked sentences use
    ``TextMetric(questions='masked', targets='completed', predictions='pred_completed', answer_types=None)``.
    A score says little about the image until it is compared with that of a run without images.

    Metrics:

    - ``bleu1`` to ``bleu4``: corpus BLEU of sacrebleu with n-grams up to n, tokenisation '13a', lower case,
      exponential smoothing, no effective order. Missing where no true sentence has n tokens.
    - ``rouge_l``: mean F of rouge-score's ROUGE-L, lower case, no stemming.
    - ``exact_match``: share of equal sentences; lower case, single blanks, without surrounding blanks and a
      final full stop.
    - ``closed_accuracy``: the same on questions of the type 'closed'. Missing without such questions.
    - ``gap_accuracy``: share of the gaps (``<extra_id_0>`` in the question) filled with the true words; the
      rest of the sentence does not count, but all gaps of a sentence that does not fit the frame are wrong.
      Gaps side by side count as one. Missing without gaps.
    - ``sentences``: how many were scored.

    Args:
        questions: Key of the questions or masked sentences of a sample, a list of n texts.
        targets: Key of the n true sentences.
        predictions: Key of the n generated sentences.
        answer_types: Key of the n types of the questions, 'closed' or 'open'; None for none. Samples may lack
            it.
        **kwargs: Arguments of mmengine's ``BaseMetric``.

    Raises:
        InputError: The lists of a sample differ in length.
    """

    default_prefix = 'text'
    main_metrics = ('bleu4', 'rouge_l', 'exact_match', 'closed_accuracy', 'gap_accuracy')
    full_score = 100

    def __init__(
        self,
        questions: str = 'questions',
        targets: str = 'answers',
        predictions: str = 'pred_answers',
        answer_types: str | None = 'answer_types',
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.questions = questions
        self.truth = targets
        self.predictions = predictions
        self.answer_types = answer_types

    def summarise(self, sample: dict) -> list[_Sentence]:
        """The sentences of an image."""
        targets = sample[self.truth]
        columns = [
            targets,
            self.required(sample, self.predictions),
            (self.answer_types and sample.get(self.answer_types)) or [None] * len(targets),
            self.required(sample, self.questions),
        ]
        keys = self.truth, self.predictions, self.answer_types, self.questions
        for key, column in zip(keys, columns, strict=True):
            if isinstance(column, str) or len(column) != len(targets):
                raise self.fault(
                    sample, key, f'must be a list of {len(targets)} texts, one per entry of {self.truth}'
                )
        return [
            _Sentence(target, prediction, kind == CLOSED, question if has_gaps(question) else None)
            for target, prediction, kind, question in zip(*columns, strict=True)
        ]

    def score(self, summaries: list[list[_Sentence]]) -> dict[str, float]:
        """Compute the metrics; see the class."""
        sentences = [sentence for image in summaries for sentence in image]
        logger = MMLogger.get_current_instance()
        if not sentences:
            logger.warning(f'TextMetric: {len(summaries)} images without a sentence in {self.truth}')
            return {}
        targets = [sentence.target for sentence in sentences]
        predictions = [sentence.prediction for sentence in sentences]
        equal = [normalise(one) == normalise(other) for one, other in zip(targets, predictions, strict=True)]
        closed = [hit for hit, sentence in zip(equal, sentences, strict=True) if sentence.closed]
        metrics = bleu(predictions, targets)
        metrics['rouge_l'] = rouge_l(predictions, targets)
        metrics['exact_match'] = _percent(equal)
        if closed:
            metrics['closed_accuracy'] = _percent(closed)
        gaps = self._gap_hits(sentences)
        if gaps:
            metrics['gap_accuracy'] = _percent(gaps)
        absent = [f'bleu{order}' for order in range(1, MAX_ORDER + 1) if f'bleu{order}' not in metrics]
        logger.info(
            f'text ({self.predictions}): {len(sentences)} sentences of {len(summaries)} images, '
            f'{len(closed)} closed questions, {len(gaps)} gaps'
            + (f'; no {", ".join(absent)}: every true sentence is too short' if absent else '')
        )
        metrics['sentences'] = float(len(sentences))
        return metrics

    def _gap_hits(self, sentences: list[_Sentence]) -> list[bool]:
        """Whether each gap is filled with the true words."""
        hits: list[bool] = []
        unfit = []
        for sentence in sentences:
            if sentence.frame is None:
                continue
            frame = normalise(sentence.frame)
            truth = gap_fillers(frame, normalise(sentence.target))
            if truth is None:
                unfit.append(sentence)
                continue
            filled = gap_fillers(frame, normalise(sentence.prediction)) or [None] * len(truth)
            hits += [one == other for one, other in zip(truth, filled, strict=True)]
        if unfit:
            MMLogger.get_current_instance().warning(
                f'TextMetric: {len(unfit)} true sentences do not fit their masked form and do not count in '
                f'gap_accuracy, the first: {unfit[0].frame!r} and {unfit[0].target!r}'
            )
        return hits


def _percent(hits: list[bool]) -> float:
    return 100 * float(np.mean(hits))
