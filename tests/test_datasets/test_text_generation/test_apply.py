import json
import re
from collections import Counter, defaultdict

import pytest

from unihema_mm.datasets.schema import DataError
from unihema_mm.datasets.text_generation import add_texts
from unihema_mm.datasets.validation import check_path
from unihema_mm.utils.errors import InputError

GAP = '<extra_id_0>'


def read(root, split='train'):
    return json.loads((root / 'annotations' / f'{split}.json').read_text())


def contents(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob('*.json')}


def questions_of(document):
    return [record for image in document['images'] for record in image.get('questions', ())]


@pytest.fixture
def made(maker, write_set):
    """Data folder with texts, of each kind of set."""
    root = write_set(maker(), maker('val', images=12))
    return root, add_texts(root, questions_per_image=1000)


def test_result_is_valid_and_marked(made):
    root, report = made
    summary = check_path(root)
    assert not summary.faults, '\n'.join(map(str, summary.faults))
    document = read(root)
    questions = questions_of(document)
    sentences = [record for image in document['images'] for record in image.get('sentences', ())]
    assert questions and sentences
    assert all(record['generated'] is True for record in [*questions, *sentences])
    assert report.numbers['train']['questions'] == len(questions)
    assert report.numbers['train']['sentences'] == len(sentences)
    for image in document['images']:
        assert ('vqa' in image['tasks']) == ('questions' in image)
        assert ('mlm' in image['tasks']) == ('sentences' in image)
        asked = [record['question'] for record in image.get('questions', ())]
        assert len(set(asked)) == len(asked)


def test_texts_are_english(made):
    for record in questions_of(read(made[0])):
        question, answer = record['question'], record['answer']
        assert re.fullmatch(r'[A-Z][^{}_]*[?.]', question), question
        assert re.fullmatch(r'[A-Z0-9][^{}_]*', answer), answer
        assert ' 1 platelets' not in answer and 'There are 1 ' not in answer
        assert not re.search(r'\ba [aeio]|\ban [^aeio]|  ', f'{question} {answer}')


def test_closed_answers_are_balanced_for_every_question(made):
    for split in ('train', 'val'):
        given = defaultdict(Counter)
        for record in questions_of(read(made[0], split)):
            if record['answer_type'] == 'closed':
                given[record['question']][record['answer']] += 1
        assert given
        for question, answers in given.items():
            assert len(answers) == 2 and len(set(answers.values())) == 1, question


def test_sentences_fill_their_own_gaps(made):
    for image in read(made[0])['images']:
        for record in image.get('sentences', ()):
            pattern = '.+'.join(re.escape(part) for part in record['masked'].split(GAP))
            assert GAP in record['masked'] and re.fullmatch(pattern, record['completed'])


def test_the_report_tells_the_prior(made):
    _, report = made
    for kind, row in report.prior.items():
        if kind.endswith(('yes/no', 'choice')):
            assert row['most_frequent'] == 0.5 <= row['unbalanced']
            assert row['text_only'].get('val', 0.5) == 0.5
        assert row['most_frequent'] <= row['unbalanced'] + 0.1
    assert any(line.startswith('gap in a sentence') for line in report.lines())


def test_again_is_identical_and_the_seed_matters(maker, write_set):
    root = write_set(maker())
    add_texts(root)
    first = contents(root)
    add_texts(root)
    assert contents(root) == first
    add_texts(root, seed=1)
    assert contents(root) != first
    add_texts(root)
    assert contents(root) == first


def test_number_of_questions(makers, write_set):
    root = write_set(makers['cells']())
    report = add_texts(root, questions_per_image=3)
    assert 2 < report.numbers['train']['questions'] / 60 < 4
    report = add_texts(root, questions_per_image=1000)
    assert report.numbers['train']['questions'] / 60 > 10


def test_handmade_texts_stay(makers, write_set):
    document = makers['fields'](images=9)
    mine = {'question': 'Mine?', 'answer': 'Yes', 'answer_type': 'closed', 'generated': False}
    old = {**mine, 'question': 'Old?', 'generated': True, 'generator': 'templates'}
    published = {**mine, 'question': 'Published?', 'generated': True}
    sentence = {'masked': f'My {GAP}.', 'completed': 'My cell.', 'generated': False}
    document['images'][0] |= {'questions': [old, mine, published], 'tasks': ['vqa', 'det']}
    document['images'][1] |= {'sentences': [sentence], 'tasks': ['det', 'mlm']}
    root = write_set(document)
    for _ in range(2):
        add_texts(root)
        images = read(root)['images']
        assert images[0]['questions'][:2] == [mine, published] and old not in images[0]['questions']
        made = images[0]['questions'][2:]
        assert made and all(item['generator'] == 'templates' for item in made)
    assert images[0]['tasks'][:2] == ['vqa', 'det']
    assert images[1]['sentences'][0] == sentence


def test_tasks_without_texts_are_taken_back(make_document, add_image, write_set):
    document = make_document(classes=['RBC'])
    for count in (1, 2, 3, 4):
        add_image(document, ['RBC'] * count)
    old = {'question': 'Old?', 'answer': 'Yes', 'answer_type': 'closed', 'generated': True}
    mark = {'generator': 'templates'}
    add_image(document, partly_labelled=True, tasks=['det', 'vqa'], questions=[{**old, **mark}])
    root = write_set(document)
    add_texts(root)
    image = read(root)['images'][-1]
    assert image['tasks'] == ['det'] and 'questions' not in image

    # A folder of an earlier version, whose texts have no mark but a report.
    document['images'][-1] |= {'tasks': ['det', 'vqa'], 'questions': [old]}
    root = write_set(document)
    (root / 'text_report.json').write_text('{}')
    add_texts(root)
    assert 'questions' not in read(root)['images'][-1]


def test_nothing_is_written_where_an_image_would_have_no_task(make_document, add_image, write_set):
    document = make_document(classes=['RBC'])
    for count in (1, 2, 3):
        add_image(document, ['RBC'] * count)
    old = {'question': 'Old?', 'answer': 'Yes', 'answer_type': 'closed', 'generated': True}
    add_image(document, partly_labelled=True, tasks=['vqa'], questions=[{**old, 'generator': 'templates'}])
    root = write_set(document)
    with pytest.raises(DataError, match=r'image 4: tasks: would be left without a task'):
        add_texts(root)
    assert read(root) == document


def test_no_closed_question_on_a_value_with_shades(make_document, add_image, write_set):
    colours = {'cytoplasm_colour': ['light blue', 'blue', 'purple blue']}
    document = make_document(classes=['neutrophil', 'lymphocyte'], attributes=colours)
    for number in range(30):
        value = colours['cytoplasm_colour'][number % 3]
        name = ('neutrophil', 'lymphocyte')[number % 2]
        add_image(document, tasks=['cls'], class_name=name, attributes={'cytoplasm_colour': value})
    root = write_set(document)
    add_texts(root, questions_per_image=1000)
    asked = {item['question'] for item in questions_of(read(root)) if 'blue' in item['question']}
    closed = {text for text in asked if ' or ' not in text}
    assert any('light blue' in text for text in closed)
    assert not [text for text in closed if 'blue' in text and not re.search('(light|purple) blue', text)]


def test_a_class_that_the_set_has_kinds_of_is_no_answer(make_document, add_image, write_set):
    names = ['lymphoblast', 'myeloblast', 'WBC']
    document = make_document(classes=names)
    for number in range(30):
        add_image(document, tasks=['cls'], class_name=names[number % 3])
    root = write_set(document)
    add_texts(root, questions_per_image=1000)
    answers = {item['answer'] for item in questions_of(read(root))}
    assert any('lymphoblast' in answer for answer in answers)
    assert not [answer for answer in answers if 'white blood cell' in answer]


def test_files_of_other_names(make_document, add_image, write_set):
    document = make_document(classes=['RBC'])
    add_image(document, ['RBC'])
    root = write_set(document)
    annotations = root / 'annotations'
    (annotations / 'train.json').rename(annotations / 'instances_train.json')
    with pytest.raises(InputError, match=r'hold none of train\.json, val\.json, test\.json'):
        add_texts(root)


def test_classes_that_are_numbers_have_one_answer(make_document, add_image, write_set):
    document = make_document(classes=['0', '1', '2'])
    for first, second in ((1, 3), (4, 1), (2, 2), (3, 1), (5, 4), (1, 0)):
        add_image(document, [*['0'] * first, *['1'] * second, '2'])
    root = write_set(document)
    add_texts(root, questions_per_image=1000)
    for image in read(root)['images']:
        answers = {}
        for item in image['questions']:
            assert answers.setdefault(item['question'], item['answer']) == item['answer']


def test_answers_are_the_truth(makers, write_set):
    root = write_set(makers['fields']())
    add_texts(root, questions_per_image=1000)
    document = read(root)
    nouns = {'red blood cell': 1, 'white blood cell': 2, 'platelet': 3}
    checked = Counter()
    for image in document['images']:
        counts = Counter(a['category_id'] for a in document['annotations'] if a['image_id'] == image['id'])
        for record in image['questions']:
            question, answer = record['question'], record['answer']
            named = [noun for noun in re.findall('red blood cell|white blood cell|platelet', question)]
            first = counts[nouns[named[0]]]
            if len(named) == 2:
                assert (answer == 'Yes') == (first > counts[nouns[named[1]]])
            elif limit := re.search(r'more than (\d+)', question):
                assert (answer == 'Yes') == (first > int(limit[1]))
            elif record['answer_type'] == 'closed':
                assert (answer == 'Yes') == (first > 0)
            else:
                assert re.search(r'\b(no|\d+)\b', answer)[1] == str(first or 'no') and named[0] in answer
            checked[record['answer_type'], len(named)] += 1
        for record in image.get('sentences', ()):
            order = [
                counts[nouns[n]]
                for n in re.findall('red blood cell|white blood cell|platelet', record['completed'])
            ]
            assert [int(number) for number in re.findall(r'\d+', record['completed'])] == order
    assert len(checked) == 3 and min(checked.values()) > 10


def test_attributes_of_several_cells(makers, write_set):
    root = write_set(makers['blasts']())
    add_texts(root, questions_per_image=1000)
    document = read(root)
    names = {category['id']: category['name'] for category in document['categories']}
    checked = Counter()
    for image in document['images']:
        cells = [a for a in document['annotations'] if a['image_id'] == image['id']]
        for record in image.get('questions', ()):
            found = re.search(
                r'(?:all|each of the|of the \d|Of the \d) (\w+blast)s.* have (\w+) chromatin',
                record['question'],
            )
            if not found:
                continue
            values = [
                a['attributes']['nuclear_chromatin'] for a in cells if names[a['category_id']] == found[1]
            ]
            right = values.count(found[2])
            if record['answer_type'] == 'closed':
                assert (record['answer'] == 'Yes') == (right == len(values))
            else:
                assert record['answer'].startswith(f'{right or "None"} of the {len(values)} {found[1]}s')
            checked[record['answer_type']] += 1
    assert len(checked) == 2


def test_faulty_data_are_left_alone(makers, write_set):
    document = makers['fields'](images=3)
    document['annotations'][0]['category_id'] = 9
    root = write_set(document)
    before = contents(root)
    with pytest.raises(DataError, match='9 is out of range'):
        add_texts(root)
    assert contents(root) == before


@pytest.mark.parametrize('fields', [{'partly_labelled': True}, {'tasks': ['inst']}])
def test_nothing_to_ask(make_document, add_image, write_set, fields):
    document = make_document()
    add_image(document, **fields)
    add_image(document, **fields)
    root = write_set(document)
    before = contents(root)
    with pytest.raises(InputError, match='allow no text'):
        add_texts(root)
    assert contents(root) == before


def test_the_synthetic_corpus_keeps_its_texts(makers, write_set):
    with pytest.raises(InputError, match='has its texts already'):
        add_texts(write_set(makers['fields'](dataset='synthetic')))


@pytest.mark.parametrize('number', [0, -1])
def test_wrong_number(write_set, makers, number):
    with pytest.raises(InputError, match='give a number above 0'):
        add_texts(write_set(makers['fields']()), questions_per_image=number)


def test_one_image(make_document, add_image, write_set):
    """Nothing can be balanced on one image, so nothing is asked."""
    document = make_document()
    add_image(document, ['RBC'])
    with pytest.raises(InputError, match='allow no text'):
        add_texts(write_set(document))


def test_two_values_that_both_deny_something(write_set, make_document, add_image):
    document = make_document(classes=('A', 'B'), attributes={'nuclei': ['no nucleus', 'no visible one']})
    for number in range(8):
        values = {'nuclei': ['no nucleus', 'no visible one'][number % 2]}
        add_image(document, tasks=('cls',), class_name='AB'[number // 4], attributes=values)
    root = write_set(document)
    add_texts(root)
    asked = [record for record in questions_of(read(root)) if ' or no' in record['question']]
    assert asked and {record['answer'] for record in asked} == {'No nucleus', 'No visible one'}
