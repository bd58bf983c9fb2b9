import cv2
import numpy as np
import pytest

from unihema_mm.datasets.schema import DataError
from unihema_mm.utils.errors import InputError

LOAD, PACK = {'type': 'unihema_mm.LoadSmearImage'}, {'type': 'unihema_mm.PackSmearInputs'}


def test_questions_in_file_order(rich, write_data, build):
    sample = build('SmearTextDataset', write_data(rich), pipeline=[LOAD, PACK])[2]['data_samples']
    assert (sample.questions, sample.answers) == (['Any?', 'Which 3?'], ['yes', 'a'])
    assert (sample.answer_types, sample.tasks, 'masked' in sample) == (['closed', 'open'], ('vqa',), False)


def test_sentences(rich, write_data, build):
    sample = build('SmearTextDataset', write_data(rich), task='mlm', pipeline=[LOAD, PACK])[0]['data_samples']
    assert (sample.masked, sample.completed) == (['A <extra_id_0>.'], ['A cell.'])
    assert (sample.tasks, 'questions' in sample) == (('mlm',), False)


@pytest.mark.parametrize('name', ['SmearCellDataset', 'SmearMaskDataset', 'SmearDetDataset'])
def test_other_truth_and_texts_of_one_image(rich, write_data, build, name):
    """One look at the image then serves all its tasks."""
    root = write_data(rich)
    own = build(name, root, pipeline=[LOAD, PACK])
    both = build(name, root, tasks=(*own.tasks, 'vqa', 'mlm'), pipeline=[LOAD, PACK])
    texts = build('SmearTextDataset', root, tasks=('vqa', 'mlm'), pipeline=[LOAD, PACK])
    for index in range(3):
        sample, text = both[index]['data_samples'], texts[index]['data_samples']
        assert (sample.questions, sample.answers) == (text.questions, text.answers)
        assert (sample.answer_types, sample.masked, sample.completed) == (
            text.answer_types,
            text.masked,
            text.completed,
        )
        assert {*sample.keys()} == {*own[index]['data_samples'].keys()}
    assert both[0]['data_samples'].tasks == (*own.tasks, 'vqa', 'mlm')


def test_texts_for_a_task_of_another_name(rich, write_data, build):
    """A model may have two tasks on the questions, each with a key of its own."""
    dataset = build('SmearTextDataset', write_data(rich), tasks=('short_answers',), pipeline=[LOAD, PACK])
    sample = dataset[2]['data_samples']
    assert (sample.tasks, sample.questions) == (('short_answers',), ['Any?', 'Which 3?'])


def test_image_without_the_texts_of_its_tasks(rich, write_data, build):
    rich['images'][1].pop('sentences')
    with pytest.raises(DataError, match=r'image 2: sentences: is None; .* or leave mlm out of the tasks'):
        build('SmearCellDataset', write_data(rich), tasks=('cls', 'mlm'))


def test_texts_drawn_in_training_stay_together(rich, write_data, build):
    rich['images'][0]['questions'] = [
        {'question': f'q{n}', 'answer': f'a{n}', 'answer_type': 'open', 'generated': True} for n in range(9)
    ]
    sampling = {'type': 'unihema_mm.SampleTexts', 'max_texts': 4}
    dataset = build('SmearTextDataset', write_data(rich), pipeline=[LOAD, sampling, PACK])
    seen = set()
    for _ in range(20):
        sample = dataset[0]['data_samples']
        assert len(sample.questions) == len(set(sample.questions)) == 4
        assert [q[1] for q in sample.questions] == [a[1] for a in sample.answers]
        seen.update(sample.questions)
    assert len(seen) == 9
    assert len(dataset[1]['data_samples'].questions) == 2
    assert dataset.get_data_info(0)['questions'] == [f'q{n}' for n in range(9)]


def test_text_only_shows_the_mean_colour(rich, write_data, build):
    root = write_data(rich)
    for value, name in enumerate('abc'):
        picture = np.full((30, 40, 3), (10 * value, 100, 200), np.uint8)
        cv2.imwrite(str(root / 'images' / f'{name}.png'), picture)
    plain = build('SmearTextDataset', root, pipeline=[LOAD, PACK])
    hidden = build('SmearTextDataset', root, pipeline=[LOAD, PACK], text_only=True)
    assert hidden.mean_colour == [10, 100, 200] and plain.mean_colour is None
    for index in range(3):
        image = hidden[index]['inputs']
        assert image.shape == plain[index]['inputs'].shape
        assert image.flatten(1).unique(dim=1).tolist() == [[10], [100], [200]]
        assert hidden[index]['data_samples'].questions == plain[index]['data_samples'].questions
    assert (plain[2]['inputs'][0] == 20).all()


@pytest.mark.parametrize(
    ('questions', 'message'),
    [
        ([], r'questions: is \[\]; write at least one'),
        (['Any?'], r'questions\[0\].question: is None'),
        ([{'question': 'Any?', 'answer': ' '}], r"questions\[0\].answer: is ' '"),
    ],
)
def test_malformed_questions(rich, write_data, build, questions, message):
    rich['images'][0]['questions'] = questions
    with pytest.raises(DataError, match=f'train.json: image 1: {message}'):
        build('SmearTextDataset', write_data(rich))


def test_task_without_texts(tmp_path, build):
    with pytest.raises(InputError, match=r"task: 'cls' has no texts \(known: vqa, mlm\)"):
        build('SmearTextDataset', tmp_path, task='cls')
