"""The prompt that tells the detector which disease or cells to look for."""

from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources

import yaml

from unihema_mm.utils.errors import InputError

# As in the authors' released code; the paper words it 'detection of <type of disease> of cells'.
DETECTION_TEMPLATE = 'This image is for the detection of {prompt} cells'
DEFAULT_PROMPT = 'complete blood count'
VARIED = 'varied'
_PLACE = '{prompt}'


def choose_templates(template: str | Sequence[str], task: str) -> tuple[str, ...]:
    """Find the prompt templates that an option names.

    Args:
        template: A template; several; or ``'varied'``, the shipped ones of the task.
        task: Task of the prompts.

    Returns:
        The templates, at least one.

    Raises:
        InputError: A template lacks ``{prompt}``, none is given, or the task has no shipped ones.
    """
    if template == VARIED:
        shipped = _shipped_templates()
        if task not in shipped:
            raise InputError(
                f'prompt_template {VARIED!r}: task {task!r} has no templates; '
                f'those of {", ".join(shipped)} have, or list your own'
            )
        return shipped[task]
    templates = (template,) if isinstance(template, str) else tuple(template)
    if not templates:
        raise InputError('prompt_template is empty; give at least one template')
    for text in templates:
        _check_template(text)
    return templates


@cache
def _shipped_templates() -> dict[str, tuple[str, ...]]:
    text = (resources.files(__package__) / 'prompt_templates.yaml').read_text(encoding='utf-8')
    return {task: tuple(templates) for task, templates in yaml.safe_load(text).items()}


def _check_template(template: object) -> None:
    if not isinstance(template, str) or _PLACE not in template:
        raise InputError(f'prompt template {template!r} has no {{prompt}}; write it where the words belong')


def fill_prompt(words: str | Iterable[str], template: str = DETECTION_TEMPLATE) -> str:
    """Fill a prompt template with one or several disease or cell words.

    Args:
        words: One word or phrase such as ``'Malaria'``, or several. Repeated ones are used once, the
            first appearance gives the order; blanks around them are dropped.
        template: Text with the place ``{prompt}``.

    Returns:
        The prompt, e.g. ``'This image is for the detection of RBC, WBC cells'``.

    Raises:
        InputError: There is no word, or the template lacks ``{prompt}``.
    """
    _check_template(template)
    words = [words] if isinstance(words, str) else list(words)
    words = list(dict.fromkeys(word.strip() for word in words if word.strip()))
    if not words:
        raise InputError("prompt is empty; give at least one disease or cell word such as 'Malaria'")
    return template.replace(_PLACE, ', '.join(words))
