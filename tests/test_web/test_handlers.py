"""Actions of the page without a browser."""

import csv
import io
import json
import threading
import zipfile

import cv2
import numpy as np
import pytest

from unihema_mm.structures.results import RESEARCH_USE, FailedImage
from unihema_mm.utils.errors import InputError
from unihema_mm.web import PageOptions
from unihema_mm.web.downloads import FORMATS
from unihema_mm.web.handlers import PageHandlers
from unihema_mm.web.options import LOWEST_SCORE
from unihema_mm.web.view import LAYERS, shown_factor
from unihema_mm.web.visitors import Visitors

KEY = 'visitor'


def make_handlers(inferencer, folder, **options) -> PageHandlers:
    return PageHandlers(inferencer, PageOptions(**options), Visitors(folder, 5, 100))


@pytest.fixture
def handlers(inferencer, tmp_path):
    folder = tmp_path / 'kept'
    folder.mkdir()
    handlers = make_handlers(inferencer, folder)
    yield handlers
    handlers.close()


def run(handlers, *paths, tasks=('det', 'inst'), prompt='Malaria'):
    return list(handlers.run(KEY, [(path, path.name) for path in paths], list(tasks), prompt))


def test_layers_are_those_that_the_tasks_of_the_model_fill(handlers, inferencer, tmp_path):
    assert handlers.layers == list(LAYERS)
    for tasks, layers in (
        (('seg', 'vqa'), ['Foreground']),
        (('det', 'morph'), ['Boxes', 'Names', 'Attributes']),
        (('cls',), []),
    ):
        inferencer.tasks = tasks
        other = make_handlers(inferencer, tmp_path)
        assert other.layers == layers
        other.close()


def test_run_keeps_all_cells_and_the_threshold_needs_no_model(handlers, inferencer, picture_file):
    steps = run(handlers, picture_file)
    assert steps[-1].names == ('smear.png',) and steps[-1].latest == 'smear.png'
    assert '1 of 1 done' in steps[-1].progress
    low, high = (handlers.show(KEY, 'smear.png', score, LAYERS) for score in (LOWEST_SCORE, 0.9))
    assert '9 cells of score 0.05' in low.legend and '1 cell of score 0.90' in high.legend
    assert (low.image != high.image).any()
    assert len(inferencer.calls) == 1 and inferencer.calls[0]['prompt'] == 'Malaria'


def test_click_tells_class_score_attributes_and_crop(handlers, picture_file):
    run(handlers, picture_file)
    result = handlers.visitors.get(KEY).picture('smear.png').result
    factor = shown_factor(result)
    assert factor == 2
    x1, y1, x2, y2 = result.cells[0].bbox
    view = handlers.show(KEY, 'smear.png', 0.3, LAYERS, ((x1 + x2) / 2 * factor, (y1 + y2) / 2 * factor))
    assert 'WBC' in view.cell and '0.95' in view.cell and 'segmented-bilobed (0.80)' in view.cell
    assert 'src="data:image/png;base64,' in view.cell
    beside = handlers.show(KEY, 'smear.png', 0.3, LAYERS, (1, 1))
    assert 'Click a cell' in beside.cell and '<img' not in beside.cell


def test_questions_in_turn_do_not_detect_again(handlers, inferencer, picture_file):
    run(handlers, picture_file)
    handlers.ask(KEY, 'smear.png', ' How many \n cells? ')
    history = handlers.ask(KEY, 'smear.png', 'Which?')
    assert [entry.question for entry in history] == ['How many cells?', 'Which?']
    assert [call['tasks'] for call in inferencer.calls[1:]] == [('vqa',)] * 2
    assert handlers.history(KEY, 'smear.png') == history and handlers.history(KEY, None) == []
    handlers.forget(KEY, 'smear.png')
    assert handlers.history(KEY, 'smear.png') == []


@pytest.mark.parametrize(
    ('name', 'question', 'reason'),
    [
        ('smear.png', ' ', 'is empty'),
        ('smear.png', 'x' * 301, '301 characters'),
        ('other.png', 'What?', 'no longer kept'),
        (None, 'What?', 'run a picture first'),
    ],
)
def test_bad_questions_are_told(handlers, picture_file, name, question, reason):
    run(handlers, picture_file)
    with pytest.raises(InputError, match=reason):
        handlers.ask(KEY, name, question)


def test_a_model_without_questions_says_so(tmp_path, conftest, picture_file):
    handlers = make_handlers(conftest.FakeInferencer(('det',)), tmp_path)
    assert handlers.tasks == ['det'] and not handlers.answers_questions
    assert handlers.layers == ['Boxes', 'Names']
    with pytest.raises(InputError, match='does not answer'):
        handlers.ask(KEY, 'smear.png', 'What?')


def test_bad_files_are_told_one_by_one_and_the_rest_goes_on(handlers, tmp_path, picture_file, conftest):
    text, empty, bomb, cut = (tmp_path / name for name in ('text.png', 'empty.png', 'bomb.png', 'cut.png'))
    text.write_text('hello')
    empty.touch()
    conftest.write_bomb(bomb)
    cut.write_bytes(picture_file.read_bytes()[:300])
    steps = run(handlers, text, empty, bomb, cut, tmp_path / 'gone.png', picture_file)
    assert '6 of 6 done, 5 of them failed' in steps[-1].progress and steps[-1].names == ('smear.png',)
    for reason in ('not a picture', 'is empty', 'megapixels', 'truncated', 'upload it again', '7 cells'):
        assert reason in steps[-1].progress, reason
    assert str(tmp_path) not in steps[-1].progress
    kept = handlers.visitors.get(KEY).folder
    assert [path.name for path in kept.iterdir()] == ['smear.png']


@pytest.mark.parametrize(
    ('arguments', 'reason'),
    [
        ({'tasks': ()}, 'no task'),
        ({'tasks': ('vqa',)}, 'not offered'),
        ({'tasks': ('rm -rf',)}, 'not offered'),
        ({'prompt': 'x' * 101}, '101 characters'),
    ],
)
def test_bad_requests_are_told(handlers, inferencer, picture_file, arguments, reason):
    steps = run(handlers, picture_file, **arguments)
    assert len(steps) == 1 and reason in steps[0].progress and not inferencer.calls


def test_nothing_and_too_many_are_told(inferencer, tmp_path, picture_file):
    handlers = make_handlers(inferencer, tmp_path, max_pictures=2)
    assert 'no picture is chosen' in run(handlers)[0].progress
    assert 'more than the 2' in run(handlers, *[picture_file] * 3)[0].progress
    assert '2 of 2 done' in run(handlers, picture_file, picture_file)[-1].progress
    assert 'more than the 2' in run(handlers, picture_file)[0].progress


def test_two_files_of_one_name_stay_apart(handlers, picture_file):
    assert run(handlers, picture_file, picture_file)[-1].names == ('smear.png', 'smear_2.png')
    assert run(handlers, picture_file)[-1].names == ('smear_3.png',)


def test_prompt_goes_only_to_tasks_that_read_it(handlers, inferencer, picture_file):
    run(handlers, picture_file, tasks=('cls',))
    run(handlers, picture_file, tasks=('det',), prompt=' ')
    assert [call['prompt'] for call in inferencer.calls] == [None, None]


def test_faults_of_the_model_are_one_line(tmp_path, picture_file, conftest, caplog):
    class Broken(conftest.FakeInferencer):
        def __call__(self, inputs, **request):
            raise RuntimeError('secret of the inside')

    class Failing(conftest.FakeInferencer):
        def __call__(self, inputs, **request):
            yield FailedImage('image_0', None, 'image_0: image: is strange; mend it')

    broken = run(make_handlers(Broken(), tmp_path), picture_file)[-1].progress
    assert 'could not be processed (RuntimeError)' in broken and 'secret' not in broken
    assert 'secret' in caplog.text
    assert 'is strange; mend it' in run(make_handlers(Failing(), tmp_path), picture_file)[-1].progress


def test_a_slow_model_is_given_up(tmp_path, picture_file, conftest):
    go_on = threading.Event()

    class Slow(conftest.FakeInferencer):
        def __call__(self, inputs, **request):
            go_on.wait(20)
            yield from super().__call__(inputs, **request)

    handlers = make_handlers(Slow(), tmp_path, max_seconds=0.05)
    steps = run(handlers, picture_file, picture_file)
    assert 'took longer than 0.05 s' in steps[-1].progress and 'still busy' in steps[-1].progress
    go_on.set()


def test_visitors_do_not_see_each_other(handlers, picture_file):
    run(handlers, picture_file)
    with pytest.raises(InputError, match='no longer kept'):
        handlers.show('someone else', 'smear.png', 0.3, LAYERS)


def test_every_format_is_written_above_the_threshold(handlers, picture_file):
    run(handlers, picture_file, tasks=('det', 'morph', 'inst', 'seg'))
    handlers.ask(KEY, 'smear.png', 'How many?')
    files, notes = handlers.download(KEY, ['smear.png'], list(FORMATS), 0.5)
    assert not notes
    contents = {}
    for path in files:
        if path.suffix == '.zip':
            with zipfile.ZipFile(path) as archive:
                contents |= {name: archive.read(name) for name in archive.namelist()}
        else:
            contents[path.name] = path.read_bytes()
    document = json.loads(next(content for name, content in contents.items() if name == 'smear.png.json'))
    assert [cell['score'] for cell in document['cells']] == pytest.approx([0.95, 0.85, 0.75, 0.65, 0.55])
    assert document['answers'][0]['answer'] == 'answer to: How many?' and document['path'] is None
    cells = next(content for name, content in contents.items() if 'cells' in name and name.endswith('.csv'))
    lines = [line for line in cells.decode('utf-8-sig').splitlines() if not line.startswith('#')]
    assert len(list(csv.DictReader(io.StringIO('\n'.join(lines))))) == 5
    assert {name.rpartition('.')[2] for name in contents} >= {
        'json',
        'csv',
        'txt',
        'geojson',
        'tif',
        'png',
        'html',
    }
    folder = str(handlers.visitors.get(KEY).folder).encode()
    for name, content in contents.items():
        assert folder not in content, name
    overlay = next(content for name, content in contents.items() if name == 'smear.png.png')
    assert RESEARCH_USE.encode() in overlay
    assert cv2.imdecode(np.frombuffer(overlay, np.uint8), cv2.IMREAD_COLOR) is not None


def test_several_pictures_come_as_archives_with_the_notice(handlers, picture_file):
    run(handlers, picture_file, picture_file, picture_file)
    names = list(handlers.visitors.get(KEY).pictures)
    files, _ = handlers.download(KEY, names, ['json'], 0.3)
    assert [path.name for path in files] == ['json.zip']
    with zipfile.ZipFile(files[0]) as archive:
        assert len(archive.namelist()) == 4 and RESEARCH_USE in archive.read('README.txt').decode()
    handlers.download(KEY, names, ['csv'], 0.3)
    assert not files[0].exists()


def test_formats_with_nothing_to_write_are_told(handlers, picture_file):
    run(handlers, picture_file, tasks=('cls',))
    files, notes = handlers.download(KEY, ['smear.png'], ['json', 'labels'], 0.3)
    assert [path.suffix for path in files] == ['.json'] and len(notes) == 1 and 'labels' in notes[0]


def test_a_format_that_breaks_leaves_the_others(handlers, picture_file, monkeypatch):
    def broken(*_):
        raise RuntimeError('secret of the inside')

    monkeypatch.setattr('unihema_mm.apis.writers.JsonWriter.write', broken)
    run(handlers, picture_file)
    files, notes = handlers.download(KEY, ['smear.png'], ['json', 'csv'], 0.3)
    assert files and notes == ['json: could not be written (RuntimeError); see the console']


@pytest.mark.parametrize(
    ('names', 'formats', 'reason'),
    [
        ([], ['csv'], 'run a picture'),
        (['smear.png'], [], 'no format'),
        (['smear.png'], ['../x'], 'not known'),
    ],
)
def test_bad_downloads_are_told(handlers, picture_file, names, formats, reason):
    run(handlers, picture_file)
    with pytest.raises(InputError, match=reason):
        handlers.download(KEY, names, formats, 0.3)
