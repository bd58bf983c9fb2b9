"""The prompt that tells the detector which disease or cells to look for."""

from collections.abc import Iterable

from unihema_mm.utils.errors import InputError

# As in the authors' released code; the paper words it 'detection of <type of disease> of cells'.
DETECTION_TEMPLATE = 'This image is for the detection of {prompt} cells'
DEFAULT_PROMPT = 'complete blood count'


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
    if '{prompt}' not in template:
        raise InputError(f'prompt template {template!r} has no {{prompt}}; write it where the words belong')
    words = [words] if isinstance(words, str) else list(words)
    words = list(dict.fromkeys(word.strip() for word in words if word.strip()))
    if not words:
        raise InputError("prompt is empty; give at least one disease or cell word such as 'Malaria'")
    return template.replace('{prompt}', ', '.join(words))
