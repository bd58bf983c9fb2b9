"""What happens when something on the page is used; knows nothing of gradio."""

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from unihema_mm.apis.decoding import decode_file
from unihema_mm.structures.results import Answer, Cell, FailedImage, ImageResult
from unihema_mm.utils.errors import InputError

from . import markup
from .downloads import write_files
from .options import LOWEST_SCORE, PageOptions
from .uploads import check_upload, keep_copy, safe_name
from .view import (
    ATTRIBUTES,
    BOXES,
    FOREGROUND,
    LAYERS,
    NAMES,
    OUTLINES,
    above,
    cell_at,
    crop_cell,
    draw_view,
    numbered_cells,
    shown_factor,
)
from .visitors import Picture, Visitors
from .worker import ModelWorker

QUESTION_TASK = 'vqa'
LONGEST_TEXT = 300
LONGEST_PROMPT = 100
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class PageTask:
    """A task as the page offers it.

    Attributes:
        label: Its name there.
        layers: Layers of the picture that its predictions fill, of :data:`~unihema_mm.web.view.LAYERS`.
        is_prompted: Whether it reads the prompt.
        is_first_choice: Whether it is chosen at the start.
    """

    label: str
    layers: tuple[str, ...] = ()
    is_prompted: bool = True
    is_first_choice: bool = True


# Those that need no text beside the prompt; questions have a place of their own on the page.
PAGE_TASKS = {
    'det': PageTask('Find cells', (BOXES, NAMES)),
    'morph': PageTask('Attributes of cells', (BOXES, NAMES, ATTRIBUTES)),
    'inst': PageTask('Outlines of cells', (BOXES, OUTLINES, NAMES)),
    'seg': PageTask('Foreground', (FOREGROUND,), is_first_choice=False),
    'cls': PageTask('Class of a single cell', is_prompted=False, is_first_choice=False),
}


@dataclass(frozen=True)
class View:
    """What the page shows of one picture."""

    image: np.ndarray | None = None
    legend: str = ''
    attributes: str = ''
    cell: str = markup.cell_card(None)


@dataclass(frozen=True)
class RunStep:
    """State of a run over several files.

    Attributes:
        progress: HTML.
        names: Pictures that are ready.
        latest: The picture that became ready with this step.
    """

    progress: str
    names: tuple[str, ...] = ()
    latest: str | None = None


class PageHandlers:
    """The actions of the page.

    Args:
        inferencer: A :class:`~unihema_mm.apis.UniHemaInferencer`, or what is called in the same way and has
            its ``tasks``.
        options: Settings and limits.
        visitors: Keeps the pictures.

    Attributes:
        tasks (list[str]): Tasks that the page offers, of :data:`PAGE_TASKS`.
        layers (list[str]): Layers that these fill.
        answers_questions (bool): Whether questions may be asked.
    """

    def __init__(
        self, inferencer: Callable[..., Iterator[Any]], options: PageOptions, visitors: Visitors
    ) -> None:
        self.options = options
        self.visitors = visitors
        self.tasks = [task for task in PAGE_TASKS if task in inferencer.tasks]
        self.answers_questions = QUESTION_TASK in inferencer.tasks
        self._inferencer = inferencer
        filled = {layer for task in self.tasks for layer in PAGE_TASKS[task].layers}
        self.layers = [layer for layer in LAYERS if layer in filled]
        self._worker = ModelWorker()
        self._decoded: tuple[Path, np.ndarray] | None = None

    def run(
        self, key: str, files: Sequence[tuple[Path, str]], tasks: Sequence[str], prompt: str | None
    ) -> Iterator[RunStep]:
        """Predict on files, one after another.

        Args:
            key: Key of the visitor.
            files: Path and name of each.
            tasks: Tasks, those of :attr:`tasks`.
            prompt: Disease or cell words.

        Yields:
            The state before and after each file.
        """
        try:
            names = self._check_run(key, files, tasks, prompt)
        except InputError as error:
            yield RunStep(markup.message(str(error)))
            return
        states = {name: ('waiting', 'waiting') for name in names}
        ready: list[str] = []
        for name, (path, _) in zip(names, files, strict=True):
            states[name] = ('running', 'running …')
            yield RunStep(markup.progress(states), tuple(ready))
            latest = None
            try:
                picture = self._predict_file(key, path, name, tasks, prompt)
                latest = picture.name
                ready.append(latest)
                states[name] = ('done', _summary(picture.result, self.options.score))
            except InputError as error:
                states[name] = ('failed', _without_name(str(error), name))
            yield RunStep(markup.progress(states), tuple(ready), latest)

    def show(
        self,
        key: str,
        name: str | None,
        score: float,
        layers: Collection[str],
        point: tuple[float, float] | None = None,
    ) -> View:
        """Draw a picture, and the cell at a point of the drawn picture."""
        if name is None:
            return View()
        picture = self.visitors.get(key).picture(name)
        result = above(picture.result, score)
        pixels = self._pixels(picture)
        cell = None if point is None else _cell_at(result, point)
        return View(
            draw_view(pixels, result, layers, cell),
            markup.legend(result),
            markup.attribute_list(numbered_cells(result, layers)),
            markup.cell_card(cell, None if cell is None else crop_cell(pixels, cell)),
        )

    def history(self, key: str, name: str | None) -> list[Answer]:
        """Questions asked on a picture so far, with their answers."""
        return [] if name is None else list(self.visitors.get(key).picture(name).result.answers)

    def ask(self, key: str, name: str | None, question: str) -> list[Answer]:
        """Answer one more question on a picture; only the task of questions is run.

        Raises:
            InputError: There is no picture or no question, or the model cannot answer it.
        """
        if not self.answers_questions:
            raise InputError('this model does not answer questions')
        if name is None:
            raise InputError('run a picture first, then ask about it')
        question = ' '.join((question or '').split())
        if not question:
            raise InputError('the question is empty; write one')
        if len(question) > LONGEST_TEXT:
            raise InputError(f'the question has {len(question)} characters; at most {LONGEST_TEXT} are taken')
        visitor = self.visitors.get(key)
        picture = visitor.picture(name)
        result = self._call(self._pixels(picture), tasks=(QUESTION_TASK,), questions=[question])
        # Another tab's click may have changed the picture meanwhile: the answer goes to what is there now.
        visitor.pictures[name] = visitor.picture(name).with_answer(result.answers[0])
        return self.history(key, name)

    def forget(self, key: str, name: str | None) -> None:
        """Forget the questions asked on a picture."""
        if name is not None:
            visitor = self.visitors.get(key)
            visitor.pictures[name] = visitor.picture(name).without_answers()

    def download(
        self, key: str, names: Sequence[str], formats: Sequence[str], score: float
    ) -> tuple[list[Path], list[str]]:
        """Write results in file formats.

        Args:
            key: Key of the visitor.
            names: Pictures.
            formats: Those of :data:`~unihema_mm.web.downloads.FORMATS`.
            score: Least score of a cell.

        Returns:
            The files, and one line for each format that has nothing to write.

        Raises:
            InputError: No picture or no format is given.
        """
        if not names:
            raise InputError('run a picture first, then download its results')
        if not formats:
            raise InputError('no format is chosen; choose at least one')
        visitor = self.visitors.get(key)
        pictures = [visitor.picture(name) for name in names]
        results = ((above(picture.result, score), picture.path) for picture in pictures)
        return write_files(results, formats, visitor.folder)

    def leave(self, key: str) -> None:
        """The visitor closed the page."""
        self.visitors.leave(key)

    def is_computing(self) -> bool:
        """Whether the model works on something."""
        return self._worker.is_busy()

    def close(self) -> None:
        """Take no more work."""
        self._worker.close()

    def _check_run(
        self, key: str, files: Sequence[tuple[Path, str]], tasks: Sequence[str], prompt: str | None
    ) -> list[str]:
        if not files:
            raise InputError('no picture is chosen; upload one, or click a sample')
        if not tasks:
            raise InputError('no task is chosen; tick at least one')
        unknown = [task for task in tasks if task not in self.tasks]
        if unknown:
            raise InputError(f'task {unknown[0]!r} is not offered by this model')
        if len(prompt or '') > LONGEST_PROMPT:
            raise InputError(f'the prompt has {len(prompt)} characters; at most {LONGEST_PROMPT} are taken')
        kept = len(self.visitors.get(key).pictures)
        if kept + len(files) > self.options.max_pictures:
            raise InputError(
                f'{len(files)} pictures beside the {kept} of before are more than '
                f'the {self.options.max_pictures} of this page; reload it, or use the command line'
            )
        return _distinct([safe_name(name) for _, name in files])

    def _predict_file(
        self, key: str, path: Path, name: str, tasks: Sequence[str], prompt: str | None
    ) -> Picture:
        check_upload(path, name, self.options)
        visitor = self.visitors.get(key)
        unique, copy = keep_copy(path, name, visitor.folder)
        try:
            decoded = self._guarded(lambda: decode_file(copy))
            prompted = any(PAGE_TASKS[task].is_prompted for task in tasks)
            result = self._call(
                np.ascontiguousarray(decoded.pixels[..., ::-1]),
                tasks=tuple(tasks),
                prompt=(prompt or '').strip() or None if prompted else None,
                score_threshold=LOWEST_SCORE,
            )
        except InputError as error:
            copy.unlink()
            raise InputError(str(error).replace(str(copy), name)) from None
        warnings = tuple(dict.fromkeys((*decoded.warnings, *result.warnings)))
        picture = Picture(unique, copy, replace(result, name=unique, path=None, warnings=warnings))
        visitor.pictures[unique] = picture
        return picture

    def _call(self, pixels: np.ndarray, **request: Any) -> ImageResult:
        def work() -> ImageResult | FailedImage:
            return next(iter(self._inferencer([pixels], progress=False, **request)))

        result = self._guarded(lambda: self._worker.run(work, self.options.max_seconds))
        if isinstance(result, FailedImage):
            raise InputError(result.error)
        return result

    def _guarded(self, work: Callable[[], Any]) -> Any:
        """Turn what nobody foresaw into one line on the page and a traceback on the console."""
        try:
            return work()
        except InputError:
            raise
        except Exception as error:
            _LOG.exception('the page could not do what was asked')
            raise InputError(f'could not be processed ({type(error).__name__}); see the console') from None

    def _pixels(self, picture: Picture) -> np.ndarray:
        cached = self._decoded
        if cached is None or cached[0] != picture.path:
            pixels = np.ascontiguousarray(decode_file(picture.path).pixels[..., ::-1])
            cached = self._decoded = (picture.path, pixels)
        return cached[1]


def _cell_at(result: ImageResult, point: tuple[float, float]) -> Cell | None:
    factor = shown_factor(result)
    return cell_at(result.cells or (), point[0] / factor, point[1] / factor)


def _summary(result: ImageResult, score: float) -> str:
    parts = []
    if result.cells is not None:
        parts.append(f'{sum(cell.score >= score for cell in result.cells):,} cells')
    if result.cell_class is not None:
        parts.append(result.cell_class.label)
    parts += [f'{result.width:,} x {result.height:,} pixels', f'{result.seconds:.1f} s']
    return ', '.join(parts)


def _without_name(text: str, name: str) -> str:
    """The name stands in the row already."""
    return text.removeprefix(f'{name}: ').removeprefix('image: ')


def _distinct(names: Sequence[str]) -> list[str]:
    taken: dict[str, None] = {}
    for name in names:
        path, number = Path(name), 1
        while name in taken:
            number += 1
            name = f'{path.stem}_{number}{path.suffix}'
        taken[name] = None
    return list(taken)
