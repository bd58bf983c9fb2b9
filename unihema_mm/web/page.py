"""The page as gradio shows it; the only module that imports gradio when it is imported."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import cv2
import gradio as gr

from unihema_mm.structures.results import Answer
from unihema_mm.utils.errors import InputError

from . import markup
from .downloads import FORMATS
from .handlers import LONGEST_PROMPT, LONGEST_TEXT, PAGE_TASKS, PageHandlers, View
from .options import LOWEST_SCORE
from .view import BOXES, FOREGROUND, OUTLINES

TITLE = 'Uni-Hema'
QUICK_EVENTS = 4  # clicks and redrawings at a time; the model works on one thing at a time
ALL, THIS = 'all pictures', 'this picture'
STOPPED = markup.message('stopped; pictures that were done before are kept')
_MODEL = {'concurrency_id': 'model', 'concurrency_limit': 1, 'api_visibility': 'private'}
_QUICK = {'concurrency_id': 'quick', 'concurrency_limit': QUICK_EVENTS, 'api_visibility': 'private'}


def build_blocks(handlers: PageHandlers, samples: Sequence[Path], model_name: str = '') -> gr.Blocks:
    """Lay out the page and tie it to its actions.

    Args:
        handlers: The actions.
        samples: Sample pictures.
        model_name: What the page says it runs.
    """
    options = handlers.options
    seconds = max(1, round(options.keep_minutes * 60))
    with gr.Blocks(
        title=TITLE, analytics_enabled=False, delete_cache=(min(60, seconds), seconds), fill_width=True
    ) as page:
        gr.HTML(f'<h1>{TITLE}</h1>{markup.NOTICE}')
        if model_name:
            gr.Textbox(model_name, label='Model', interactive=False, max_lines=1)
        with gr.Row():
            with gr.Column(scale=1, min_width=320):
                files = gr.File(label='Pictures', file_count='multiple', height=180, elem_id='upload')
                gallery = gr.Gallery(
                    [_thumbnail(path) for path in samples],
                    label='Or click a sample',
                    columns=4,
                    height=130,
                    allow_preview=False,
                    interactive=False,
                    buttons=[],
                    elem_id='samples',
                )
                tasks = gr.CheckboxGroup(
                    [(PAGE_TASKS[task].label, task) for task in handlers.tasks],
                    value=_first_tasks(handlers.tasks),
                    label='Tasks',
                    elem_id='tasks',
                )
                prompt = gr.Dropdown(
                    list(options.prompts),
                    value=options.prompts[0] if options.prompts else None,
                    label='Disease or cells to look for',
                    info=f'Choose, or type your own (up to {LONGEST_PROMPT} characters)',
                    allow_custom_value=True,
                    elem_id='prompt',
                )
                with gr.Row():
                    run = gr.Button('Run', variant='primary', elem_id='run')
                    stop = gr.Button('Stop', elem_id='stop')
                progress = gr.HTML(elem_id='progress')
            with gr.Column(scale=3, min_width=480):
                with gr.Row():
                    name = gr.Dropdown([], label='Picture', elem_id='name', scale=2)
                    score = gr.Slider(
                        LOWEST_SCORE,
                        0.95,
                        options.score,
                        step=0.01,
                        label='Score threshold',
                        elem_id='score',
                        scale=2,
                    )
                layers = gr.CheckboxGroup(
                    handlers.layers,
                    value=[layer for layer in (BOXES, OUTLINES, FOREGROUND) if layer in handlers.layers],
                    label='Layers',
                    visible=bool(handlers.layers),
                    elem_id='layers',
                )
                with gr.Row():
                    with gr.Column(scale=3, min_width=420):
                        image = gr.Image(
                            label='Result',
                            type='numpy',
                            format='png',
                            interactive=False,
                            buttons=['fullscreen'],
                            elem_id='picture',
                        )
                        legend = gr.HTML(elem_id='legend')
                    with gr.Column(scale=1, min_width=220):
                        cell = gr.HTML(View().cell, elem_id='cell')
                attributes = gr.HTML(elem_id='attributes')
                with gr.Tab('Questions'):
                    if handlers.answers_questions:
                        chat = gr.Chatbot(
                            label='Answers',
                            height=260,
                            render_markdown=False,
                            buttons=[],
                            elem_id='chat',
                            placeholder='Ask about the picture above, one question after another.',
                        )
                        with gr.Row():
                            question = gr.Textbox(
                                label='Question',
                                max_length=LONGEST_TEXT,
                                scale=4,
                                elem_id='question',
                                placeholder='Which cells are in this image?',
                            )
                            ask = gr.Button('Ask', scale=1, elem_id='ask')
                    else:
                        chat = gr.State()
                        gr.Markdown('This model was not trained to answer questions.')
                with gr.Tab('Downloads'):
                    formats = gr.CheckboxGroup(
                        [(label, key) for key, label in FORMATS.items()],
                        value=list(FORMATS),
                        label='Formats',
                        elem_id='formats',
                    )
                    with gr.Row():
                        scope = gr.Radio([ALL, THIS], value=ALL, label='Of', elem_id='scope')
                        write = gr.Button('Write files', elem_id='write')
                    ready = gr.File(label='Files', file_count='multiple', interactive=False, elem_id='ready')
                    left_out = gr.HTML(elem_id='left_out')
        names = gr.State(())
        view = [image, legend, attributes, cell]

        def run_files(chosen, tasks, prompt, score, layers, before, request: gr.Request):
            given = [(Path(path), Path(path).name) for path in chosen or ()]
            for step in handlers.run(request.session_hash, given, tasks, prompt):
                known = (*before, *step.names)
                if step.latest is None:
                    yield {progress: step.progress, names: known}
                    continue
                shown = handlers.show(request.session_hash, step.latest, score, layers)
                yield {
                    progress: step.progress,
                    names: known,
                    name: gr.Dropdown(list(known), value=step.latest),
                    chat: [],
                    **dict(zip(view, _components(shown), strict=True)),
                }

        def show(name, score, layers, request: gr.Request):
            return _components(_or_error(handlers.show, request.session_hash, name, score, layers))

        def switch(name, score, layers, request: gr.Request):
            history = _or_error(handlers.history, request.session_hash, name)
            return [*show(name, score, layers, request), _messages(history)]

        def click(name, score, layers, request: gr.Request, event: gr.SelectData):
            point = tuple(map(float, event.index))
            return _components(_or_error(handlers.show, request.session_hash, name, score, layers, point))

        def download(name, names, scope, formats, score, request: gr.Request):
            chosen = [name] if scope == THIS and name else list(names)
            paths, notes = _or_error(handlers.download, request.session_hash, chosen, formats, score)
            return [str(path) for path in paths], markup.notes(notes)

        def add_sample(chosen, event: gr.SelectData):
            sample = samples[int(event.index)]
            names = {Path(path).name for path in chosen or ()}
            added = [] if sample.name in names else [str(sample)]
            # Without a selection a second click on the same sample counts again.
            return [*(chosen or ()), *added], gr.Gallery(selected_index=None)

        def leave(request: gr.Request):
            handlers.leave(request.session_hash)

        gallery.select(add_sample, files, [files, gallery], show_progress='hidden', **_QUICK)
        running = run.click(
            run_files,
            [files, tasks, prompt, score, layers, names],
            [progress, names, name, chat, *view],
            show_progress='hidden',
            **_MODEL,
        )
        stop.click(lambda: STOPPED, None, progress, cancels=[running], show_progress='hidden', **_QUICK)
        for change in (score.change, layers.change):
            change(
                show,
                [name, score, layers],
                view,
                show_progress='hidden',
                trigger_mode='always_last',
                **_QUICK,
            )
        name.input(switch, [name, score, layers], [*view, chat], show_progress='hidden', **_QUICK)
        image.select(click, [name, score, layers], view, show_progress='hidden', **_QUICK)
        write.click(download, [name, names, scope, formats, score], [ready, left_out], **_QUICK)
        score.change(lambda: None, None, ready, show_progress='hidden', **_QUICK)
        if handlers.answers_questions:

            def put_question(name, text, request: gr.Request):
                history = _or_error(handlers.ask, request.session_hash, name, text)
                return _messages(history), ''

            gr.on(
                [ask.click, question.submit],
                put_question,
                [name, question],
                [chat, question],
                show_progress='minimal',
                **_MODEL,
            )

            def forget(name, request: gr.Request):
                _or_error(handlers.forget, request.session_hash, name)

            chat.clear(forget, name, None, show_progress='hidden', **_QUICK)
        page.unload(leave)
    page.queue(max_size=options.max_queue, default_concurrency_limit=1)
    return page


def _or_error(action, *arguments: Any) -> Any:
    try:
        return action(*arguments)
    except InputError as error:
        raise gr.Error(str(error), duration=15, print_exception=False) from None


def _components(view: View) -> list[Any]:
    return [view.image, view.legend, view.attributes, view.cell]


def _messages(history: Sequence[Answer]) -> list[dict[str, str]]:
    messages = []
    for entry in history:  # gradio shows messages as HTML
        messages.append({'role': 'user', 'content': escape(entry.question)})
        messages.append({'role': 'assistant', 'content': escape(entry.answer) or '(no answer)'})
    return messages


def _first_tasks(tasks: Sequence[str]) -> list[str]:
    return [task for task in tasks if PAGE_TASKS[task].is_first_choice] or list(tasks[:1])


def _thumbnail(path: Path, side: int = 200):
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    factor = side / max(pixels.shape[:2])
    if factor < 1:
        pixels = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return pixels[..., ::-1]
