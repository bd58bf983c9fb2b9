"""Adds generated texts to the annotation files of a data folder."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from unihema_mm.utils.errors import InputError
from unihema_mm.utils.folder_lock import folder_lock

from ..schema import SPLITS, DataError, Fault, read_document, write_document
from ..text_fields import TEXT_FIELDS
from ..validation import check_path
from .class_words import ClassWords
from .facts import read_facts
from .prior import prior_lines, prior_table
from .questions import count_limits
from .rewriting import Rewriting, TextRewriter, rewrite_texts
from .split_texts import SplitTexts, generate_split

REPORT_FILE = 'text_report.json'
QUESTIONS_PER_IMAGE = 10
GENERATOR = 'templates'  # ``generator`` of the texts that are made here


@dataclass
class TextReport:
    """What was generated.

    Attributes:
        dataset: Name of the set.
        seed: Seed of the choices.
        numbers: Split -> images, images with questions and with sentences, questions and sentences.
        prior: See :func:`prior_table`.
        rewriting: What a rewriter did; ``None`` without one.
    """

    dataset: str
    seed: int
    numbers: dict[str, dict[str, int]] = field(default_factory=dict)
    prior: dict[str, dict] = field(default_factory=dict)
    rewriting: Rewriting | None = None

    def lines(self) -> list[str]:
        """The report as it is printed."""
        lines = [f'{self.dataset}: texts generated from the annotations, seed {self.seed}']
        for split, numbers in self.numbers.items():
            lines.append(
                f'  {split:5} {numbers["questions"]:7} questions on {numbers["asked"]} of '
                f'{numbers["images"]} images, {numbers["sentences"]:6} sentences on {numbers["told"]}'
            )
        if self.rewriting is not None:
            lines.append(f'  rewriting: {self.rewriting}')
        return [*lines, 'what the text alone tells, in per cent:', *prior_lines(self.prior)]

    def as_dict(self) -> dict:
        """The report as it is written."""
        report = {
            'dataset': self.dataset,
            'seed': self.seed,
            'numbers': self.numbers,
            'prior': {
                kind: {
                    **row,
                    'unbalanced': round(row['unbalanced'], 4),
                    'most_frequent': round(row['most_frequent'], 4),
                    'text_only': {split: round(value, 4) for split, value in row['text_only'].items()},
                }
                for kind, row in self.prior.items()
            },
        }
        return report if self.rewriting is None else {**report, 'rewriting': self.rewriting.as_dict()}


def add_texts(
    root: str | Path,
    *,
    seed: int = 0,
    questions_per_image: float = QUESTIONS_PER_IMAGE,
    rewriter: TextRewriter | None = None,
) -> TextReport:
    """Generate questions and masked sentences for a data folder, and add them to its annotation files.

    They are made of classes, attributes and counts, see ``docs/explanation/prompts_and_texts.md``.
    Texts of an earlier call are replaced; others, such as published ones that a language model wrote, are
    kept. Images get the tasks vqa and mlm where they have texts for them. The files are written at the end,
    each in one step, and the same again by the same call.

    Args:
        root: Data folder in the annotation schema.
        seed: Seed of all choices.
        questions_per_image: Mean number of generated questions per image at most.
        rewriter: Rewrites questions, open answers and sentences; a rewriting that lost a word of the truth is
            not used.

    Returns:
        The report, also written to ``text_report.json``.

    Raises:
        DataError: The folder holds a fault.
        InputError: Its annotations allow no text, its files are not those of a converted set, or it is the
            synthetic corpus, whose texts tell more.
    """
    root = Path(root)
    if questions_per_image <= 0:
        raise InputError(f'questions_per_image: is {questions_per_image}; give a number above 0')
    summary = check_path(root)
    if summary.faults:
        raise DataError(summary.faults)
    with folder_lock(root):
        files = {split: root / 'annotations' / f'{split}.json' for split in SPLITS}
        files = {split: file for split, file in files.items() if file.is_file()}
        if not files:
            names = ', '.join(f'{split}.json' for split in SPLITS)
            raise InputError(f'{root}: annotations: hold none of {names}; name the files so')
        documents = {split: read_document(str(file)) for split, file in files.items()}
        report, texts = _generate(documents, root, seed, questions_per_image)
        if rewriter is not None:
            report.rewriting = rewrite_texts(texts.values(), rewriter)
        has_marks = any(_is_marked(item) for document in documents.values() for item in _texts_of(document))
        unmarked_too = (root / REPORT_FILE).is_file() and not has_marks  # made before texts were marked
        for split, document in documents.items():
            _insert(document, texts[split], unmarked_too, str(files[split]))
        for split, file in files.items():
            write_document(file, documents[split])
        write_document(root / REPORT_FILE, report.as_dict(), indent=1)
    return report


def _generate(
    documents: dict[str, dict], root: Path, seed: int, per_image: float
) -> tuple[TextReport, dict[str, SplitTexts]]:
    infos = [document['info'] for document in documents.values()]
    dataset = infos[0]['dataset']
    if dataset == 'synthetic':
        raise InputError(f'{root}: info: dataset: is the synthetic corpus, which has its texts already')
    names = dict.fromkeys(item['name'] for document in documents.values() for item in document['categories'])
    words = ClassWords(list(names), dataset)
    facts = {split: read_facts(document, words) for split, document in documents.items()}
    limits = count_limits(image for images in facts.values() for image in images)
    texts = {
        split: generate_split(
            facts[split],
            [image['file_name'] for image in document['images']],
            words,
            document['info'].get('attributes', {}),
            limits,
            seed,
            per_image,
        )
        for split, document in documents.items()
    }
    report = TextReport(dataset, seed, {split: _numbers(made) for split, made in texts.items()})
    if not any(numbers['asked'] + numbers['told'] for numbers in report.numbers.values()):
        raise InputError(
            f'{root}: annotations: allow no text: they hold no attributes, no image classes that differ, and '
            'no objects of images that are labelled whole'
        )
    report.prior = prior_table(texts)
    return report, texts


def _numbers(texts: SplitTexts) -> dict[str, int]:
    return {
        'images': len(texts.questions),
        'asked': sum(map(bool, texts.questions)),
        'told': sum(map(bool, texts.sentences)),
        'questions': sum(map(len, texts.questions)),
        'sentences': sum(map(len, texts.sentences)),
    }


def _is_marked(item: dict) -> bool:
    return item.get('generator') == GENERATOR


def _texts_of(document: dict) -> Iterator[dict]:
    for image in document['images']:
        for task in ('vqa', 'mlm'):
            yield from image.get(TEXT_FIELDS[task].record_key, ())


def _insert(document: dict, texts: SplitTexts, unmarked_too: bool, file: str) -> None:
    for image, questions, sentences in zip(document['images'], texts.questions, texts.sentences, strict=True):
        for task, made in (('vqa', questions), ('mlm', sentences)):
            key = TEXT_FIELDS[task].record_key
            kept = [
                item
                for item in image.pop(key, ())
                if not (_is_marked(item) or (unmarked_too and item['generated']))
            ]
            if kept or made:
                image[key] = [*kept, *({**item, 'generator': GENERATOR} for item in made)]
            # Without kept texts at the end, so that the order does not depend on what was there before.
            if task in image['tasks'] and not kept:
                image['tasks'].remove(task)
            if image.get(key) and task not in image['tasks']:
                image['tasks'].append(task)
        if not image['tasks']:
            what, mend = 'would be left without a task', 'convert the set again'
            raise DataError(Fault(file, f'image {image["id"]}', 'tasks', what, mend))
