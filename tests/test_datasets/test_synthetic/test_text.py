"""Questions and sentences tell the drawn truth, and closed ones cannot be guessed."""

import hashlib
import json
import re
from collections import Counter, defaultdict

import numpy as np
import pytest

from unihema_mm.datasets.synthetic import text
from unihema_mm.datasets.synthetic.scene import Cell, Scene, draw_field, draw_single_cell
from unihema_mm.datasets.synthetic.vocabulary import ATTRIBUTES, BLOOD_COUNT, CLASSES, FIELD_KINDS, MALARIA
from unihema_mm.datasets.text_generation.attribute_words import ATTRIBUTE_WORDS

GAP = '<extra_id_0>'


@pytest.fixture(scope='module')
def fields():
    scenes = []
    for i in range(250):
        rng = np.random.default_rng([2, 0, i])
        scene = draw_field(rng)
        scenes.append((scene, text.field_questions(rng, scene), text.field_sentences(rng, scene)))
    return scenes


@pytest.fixture(scope='module')
def cells():
    scenes = []
    for i in range(360):
        rng = np.random.default_rng([2, 1, i])
        scene = draw_single_cell(rng, CLASSES[i % len(CLASSES)])
        scenes.append((scene, text.cell_questions(rng, scene), text.cell_sentences(rng, scene)))
    return scenes


def named(question, kind):
    """Class that a question names, by the longest of its nouns."""
    found = [name for name in CLASSES if re.search(rf'\b{text.noun(name, kind)}s?\b', question)]
    assert found, question
    return max(found, key=lambda name: len(text.noun(name, kind)))


def test_counts_are_those_of_the_annotations(fields):
    asked = 0
    for scene, questions, _ in fields:
        counts = Counter(cell.name for cell in scene.cells)
        for record in questions:
            if re.match('How many|What is the number|Count', record['question']):
                count = counts[named(record['question'], scene.kind)]
                number = re.search(r'\b(no|\d+)\b', record['answer'])[1]
                assert (0 if number == 'no' else int(number)) == count
                assert record['answer_type'] == 'open'
                assert (
                    record['answer'].startswith('There is 1 ') or count != 1 or 'shows 1 ' in record['answer']
                )
                asked += 1
            elif 'more than' in record['question']:
                limit = int(re.search(r'more than (\d+)', record['question'])[1])
                truth = counts[named(record['question'], scene.kind)] > limit
                assert record['answer'] == ('Yes' if truth else 'No')
    assert asked > 400


def test_presence_is_the_truth(fields):
    for scene, questions, _ in fields:
        names = {cell.name for cell in scene.cells}
        for record in questions:
            if re.match(r'Is there an? |Does this image show an? |Can an? ', record['question']):
                assert record['answer'] == ('Yes' if named(record['question'], scene.kind) in names else 'No')


def test_disease_is_the_truth(fields):
    findings = {kind.finding for kind in FIELD_KINDS}
    for scene, questions, _ in fields:
        for record in questions:
            if 'consistent with' in record['question'] or 'suggest' in record['question']:
                said = [f for f in findings if f in record['question'] + record['answer']]
                if record['answer_type'] == 'open':
                    assert said == [scene.kind.finding]
                else:
                    assert (record['answer'] == 'Yes') == (said == [scene.kind.finding])


def test_attribute_answers_are_the_drawn_values(cells):
    for scene, questions, _ in cells:
        values = scene.cells[0].attributes
        open_ones = {
            ask.format(cell='cell'): words.state.format(
                cell='cell', value=words.words.get(values[name], values[name])
            )
            for name, words in ATTRIBUTE_WORDS.items()
            for ask in words.ask
            if values
        }
        closed = {
            words.check.format(cell='cell', value=words.words.get(value, value)): value == values[name]
            for name, words in ATTRIBUTE_WORDS.items()
            for value in ATTRIBUTES[name]
            if values
        }
        found = 0
        for record in questions:
            if record['question'] in open_ones:
                assert record['answer'] == open_ones[record['question']]
                found += 1
            elif record['question'] in closed:
                assert record['answer'] == ('Yes' if closed[record['question']] else 'No')
        assert found == (4 if values else 0)


def test_cell_type_is_the_truth(cells):
    for scene, questions, _ in cells:
        word = text.title(scene.cells[0].name)
        assert any(record['answer_type'] == 'open' and word in record['answer'] for record in questions)
        for record in questions:
            if record['question'].startswith(
                ('Is the cell in the centre a', 'Does the centre of this image show')
            ):
                truth = (
                    re.search(rf'(centre|of this image show) an? {word}[?]$', record['question']) is not None
                )
                assert record['answer'] == ('Yes' if truth else 'No'), (record, word)


def test_yes_is_right_half_of_the_time(fields, cells):
    closed = [
        r for group in (fields, cells) for _, qs, _ in group for r in qs if r['answer_type'] == 'closed'
    ]
    share = np.mean([record['answer'] == 'Yes' for record in closed])
    assert len(closed) > 2000
    assert abs(share - 0.5) < 0.04


def test_the_question_alone_does_not_tell_the_answer(fields, cells):
    answers = defaultdict(list)
    for group in (fields, cells):
        for _, questions, _ in group:
            for record in questions:
                if record['answer_type'] == 'closed':
                    answers[re.sub(r'\d+', 'N', record['question'])].append(record['answer'] == 'Yes')
    for question, given in answers.items():
        # Five standard deviations of a fair coin.
        assert abs(np.mean(given) - 0.5) < 2.5 / len(given) ** 0.5, question


def test_priors_are_the_observed_shares(fields):
    priors = text.presence_priors()
    for name in CLASSES:
        share = np.mean([any(cell.name == name for cell in scene.cells) for scene, _, _ in fields])
        assert abs(share - priors[name]) < 0.15, name
    for table in text.attribute_priors({'monocyte': 0.5, 'basophil': 0.5}).values():
        assert sum(table.values()) == pytest.approx(1)


def test_sentences_fill_their_own_gaps(fields, cells):
    for group in (fields, cells):
        for _, _, sentences in group:
            assert sentences
            for record in sentences:
                assert GAP in record['masked'] and GAP not in record['completed']
                assert set(record) == {'masked', 'completed', 'generated'} and record['generated'] is True
                assert '{' not in record['masked'] + record['completed']
                pattern = '.+'.join(re.escape(part) for part in record['masked'].split(GAP))
                assert re.fullmatch(pattern, record['completed'])


def test_field_sentences_state_every_count(fields):
    for scene, _, sentences in fields:
        counts = Counter(cell.name for cell in scene.cells)
        for record in sentences:
            for name, count in counts.items():
                assert re.search(rf'\b{text.amount(name, scene.kind, count)}\b', record['completed'])


def test_questions_are_not_repeated_in_an_image(fields, cells):
    for group in (fields, cells):
        for _, questions, _ in group:
            assert len({record['question'] for record in questions}) == len(questions)
            assert {record['answer_type'] for record in questions} <= {'open', 'closed'}
            assert all(record['generated'] is True for record in questions)


def test_numbers_take_the_right_form():
    assert text.amount('platelet', BLOOD_COUNT, 0) == 'no platelets'
    assert text.amount('platelet', BLOOD_COUNT, 1) == '1 platelet'
    assert text.amount('sickle cells', BLOOD_COUNT, 2) == '2 sickle cells'
    assert text.amount('RBC', MALARIA, 2) == '2 uninfected red blood cells'


def test_a_lone_red_cell_makes_a_proper_sentence():
    scene = Scene(np.zeros((4, 4, 3), np.uint8), BLOOD_COUNT, [Cell('RBC', np.zeros((3, 2)), {})])
    completed = text.field_sentences(np.random.default_rng(0), scene)[0]['completed']
    assert '1 red blood cell' in completed and ' and ' not in completed


def test_texts_are_those_of_the_published_numbers():
    """The texts of the corpus are part of measured results: a change of the words makes them void."""
    texts = []
    for i in range(40):
        rng = np.random.default_rng([0, 0, i])
        scene = draw_field(rng)
        texts.append([text.field_questions(rng, scene), text.field_sentences(rng, scene)])
        rng = np.random.default_rng([0, 1, i])
        scene = draw_single_cell(rng, CLASSES[i % len(CLASSES)])
        texts.append([text.cell_questions(rng, scene), text.cell_sentences(rng, scene)])
    digest = hashlib.sha256(json.dumps(texts).encode()).hexdigest()
    assert digest == '43cdc59811bdcfa0ab3937e749bf9fa25a484ad054a6547f96943fdfb9097432'
