"""All texts of data sets, to train a tokenizer on."""

from collections.abc import Iterable
from pathlib import Path

from .prompts import DEFAULT_PROMPT, fill_prompt
from .schema import DataError, Fault, mask_targets, read_document


def collect_texts(roots: Iterable[str | Path]) -> list[str]:
    """Collect every text that training on some data sets will meet.

    Args:
        roots: Data folders with ``annotations/*.json``.

    Returns:
        Filled prompts of records and mask targets, class names, attribute names and values, questions,
        answers, masked and completed sentences; each once, sorted.

    Raises:
        DataError: A folder has no annotation file, or one cannot be read.
    """
    texts = {fill_prompt(DEFAULT_PROMPT)}
    for root in roots:
        files = sorted((Path(root) / 'annotations').glob('*.json'))
        if not files:
            raise DataError(
                Fault(str(root), 'folder', 'annotations', 'holds no .json file', 'name a data folder')
            )
        for file in files:
            texts.update(_texts_of(read_document(str(file))))
    return sorted(texts)


def _texts_of(document: dict) -> set[str]:
    texts = {category['name'] for category in document.get('categories', ())}
    for name, values in document.get('info', {}).get('attributes', {}).items():
        texts.update((name, *values))
    for image in document.get('images', ()):
        if image.get('prompt'):
            texts.add(fill_prompt(image['prompt']))
        texts.update(fill_prompt(prompt) for prompt, _ in mask_targets(image) if prompt)
        if image.get('class_name'):
            texts.add(image['class_name'])
        for item in image.get('questions', ()):
            texts.update((item['question'], item['answer']))
        for item in image.get('sentences', ()):
            texts.update((item['masked'], item['completed']))
    return texts
