"""What is asked of each image of a call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from unihema_mm.datasets.prompts import (
    DEFAULT_PROMPT,
    DETECTION_TEMPLATE,
    choose_templates,
    fill_prompt,
)
from unihema_mm.models.tasks import CellClassificationTask, TextGenerationTask
from unihema_mm.utils.errors import InputError

from .loaded_model import LoadedModel
from .preparation import set_of_task


@dataclass(frozen=True)
class Request:
    """What is asked of each image.

    Attributes:
        tasks: Tasks of the model, the first of which chooses the pipeline.
        prompt: Words of the prompt, None where no task reads it.
        metainfo: What the data sample of each image holds beside the image: ``tasks``, ``text``, and texts
            by the names of the fields that the tasks read.
        score: Least confidence of a cell.
        mask_score: Least confidence of the mask of a cell.
        max_detections: Cells per image at most, None for all that the model gives.
    """

    tasks: tuple[str, ...]
    prompt: str | None
    metainfo: Mapping[str, Any] = field(default_factory=dict)
    score: float = 0.3
    mask_score: float = 0.0
    max_detections: int | None = None

    @property
    def thresholds(self) -> dict[str, float]:
        """Settings that decide what is listed, as a result names them."""
        limit = {} if self.max_detections is None else {'max_detections': self.max_detections}
        return {'score': self.score, 'mask': self.mask_score, **limit}


def make_request(
    loaded: LoadedModel,
    tasks: str | Sequence[str] | None = None,
    prompt: str | None = None,
    questions: str | Sequence[str] | None = None,
    sentences: str | Sequence[str] | None = None,
    score_threshold: float = 0.3,
    mask_threshold: float = 0.0,
    max_detections: int | None = None,
) -> Request:
    """Check what a user asks for; see :class:`~unihema_mm.apis.inferencer.UniHemaInferencer`.

    Raises:
        InputError: The model has not learned a task, a text is missing or too much, or a threshold is not in
            its range.
    """
    _check_range('score_threshold', score_threshold)
    _check_range('mask_threshold', mask_threshold)
    if max_detections is not None and (not isinstance(max_detections, int) or max_detections < 1):
        raise InputError(f'max_detections: is {max_detections!r}; give a whole number of at least 1')
    texts = {'questions': _texts('questions', questions), 'masked': _texts('sentences', sentences)}
    texts = {field: given for field, given in texts.items() if given}
    chosen = _default_tasks(loaded, texts) if tasks is None else _checked_tasks(loaded, tasks)
    metainfo: dict[str, Any] = {'tasks': chosen, 'min_score': float(score_threshold)}
    modules = {key: loaded.model.tasks[key] for key in chosen}
    for key, task in modules.items():
        if isinstance(task, TextGenerationTask):
            if task.source not in texts:
                raise InputError(f'tasks: {key} needs texts; give {_argument(task.source)}')
            metainfo[task.source] = texts[task.source]
    for unused in sorted(set(texts) - set(metainfo)):
        raise InputError(
            f'{_argument(unused)}: no task among {", ".join(chosen)} reads them, the model has learned '
            f'{", ".join(loaded.learned)}; leave them out, or name the task'
        )
    guided = any('objects' in task.reads for task in modules.values())
    if prompt is not None and not guided:
        raise InputError(f'prompt: no task among {", ".join(chosen)} reads it; leave it out')
    if guided:
        record = set_of_task(loaded.cfg, chosen[0]).config
        prompt = prompt if prompt is not None else record.get('default_prompt', DEFAULT_PROMPT)
        template = record.get('prompt_template', DETECTION_TEMPLATE)
        metainfo['text'] = fill_prompt(prompt, choose_templates(template, chosen[0])[0])
    return Request(chosen, prompt, metainfo, float(score_threshold), float(mask_threshold), max_detections)


def split_texts(loaded: LoadedModel, request: Request) -> tuple[Request, Request | None]:
    """Split a request for a large image into that for its tiles and that for the image as a whole.

    Raises:
        InputError: No task can be done on tiles.
    """
    writing = [key for key in request.tasks if isinstance(loaded.model.tasks[key], TextGenerationTask)]
    others = [key for key in request.tasks if key not in writing]
    if not others or any(isinstance(loaded.model.tasks[key], CellClassificationTask) for key in others):
        raise InputError(
            f'tile: {", ".join(request.tasks)}: tiles are for detection and segmentation; leave tile out'
        )
    return _only(request, others), _only(request, writing) if writing else None


def _only(request: Request, tasks: Sequence[str]) -> Request:
    return replace(request, tasks=tuple(tasks), metainfo={**request.metainfo, 'tasks': tuple(tasks)})


def _default_tasks(loaded: LoadedModel, texts: Mapping[str, list[str]]) -> tuple[str, ...]:
    """All that need no text and read fields of view, and those whose texts are given."""
    modules = {key: loaded.model.tasks[key] for key in loaded.learned}
    writing = {key: task for key, task in modules.items() if isinstance(task, TextGenerationTask)}
    cells = [key for key, task in modules.items() if isinstance(task, CellClassificationTask)]
    chosen = [key for key in modules if key not in writing and key not in cells]
    chosen = chosen or cells
    chosen += [key for key, task in writing.items() if task.source in texts]
    if not chosen:
        if not loaded.learned:
            raise InputError(
                f'{loaded.source}: neither weights nor config tell the classes or the data of any task; '
                'give a checkpoint of a training, or classes=[...] in the data sets of its config'
            )
        wanted = ', '.join(dict.fromkeys(_argument(task.source) for task in writing.values()))
        raise InputError(f'tasks: the model has learned {", ".join(loaded.learned)} alone; give {wanted}')
    return tuple(chosen)


def _checked_tasks(loaded: LoadedModel, tasks: str | Sequence[str]) -> tuple[str, ...]:
    chosen = tuple(dict.fromkeys([tasks] if isinstance(tasks, str) else tasks))
    learned = ', '.join(loaded.learned) or 'none'
    if not chosen:
        raise InputError(f'tasks: are empty; the model has learned {learned}')
    for key in chosen:
        if key not in loaded.model.tasks:
            raise InputError(f'tasks: {key!r} is no task of this model, which has learned {learned}')
        if key not in loaded.learned:
            raise InputError(f'tasks: the model was not trained for {key!r}; it has learned {learned}')
    return chosen


def _texts(name: str, given: str | Sequence[str] | None) -> list[str]:
    texts = [given] if isinstance(given, str) else list(given or ())
    for text in texts:
        if not isinstance(text, str) or not text.strip():
            raise InputError(f'{name}: holds {text!r}; give texts that are not empty')
    return texts


def _argument(source: str) -> str:
    return 'sentences' if source == 'masked' else source


def _check_range(name: str, value: float) -> None:
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InputError(f'{name}: is {value!r}; give a number from 0 to 1')
