"""Stages in turn, with programs that only pretend to train and test."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from unihema_mm.engine.curriculum import CurriculumOptions, run_curriculum
from unihema_mm.utils.errors import InputError
from unihema_mm.utils.folder_lock import folder_lock

CONFIG = """
stage = dict(number={number}, name='part {number}', trains=['encoder'], tasks=dict(cls=2), steps=3,
             starts_from={starts})
dataset = dict(type='SmearCellDataset', pipeline=[])
stage_data = dict(root={root!r}, cls=dict(train=dataset, test=dataset, evaluator=dict(type='B')))
model = dict(type='UniHema')
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1)
val_cfg = dict(type='MultiSetValLoop')
test_cfg = dict(type='MultiSetTestLoop')
"""
TRAIN = """
import json, sys
from pathlib import Path
folder = Path(sys.argv[3])
assert sys.argv[4:] == ['--resume'] and Path(sys.argv[1]).is_file()
with open('calls', 'a') as file:
    print('train', folder.name, file=file)
if Path('broken').exists():
    print('error: the data are broken')
    sys.exit(2)
(folder / 'iter_3.pth').write_text(folder.name)
(folder / 'last_checkpoint').write_text('iter_3.pth')
(folder / 'trained_parameters.json').write_text(json.dumps(dict(encoder=dict(trained=3, frozen=0))))
"""
TEST = """
import json, sys
from pathlib import Path
folder = Path(sys.argv[4])
with open('calls', 'a') as file:
    print('test', folder.name, Path(sys.argv[2]).name, file=file)
(folder / 'test_metrics.json').write_text(json.dumps({'cls_cells/weighted_f1': 0.5}))
"""
ALL = ['train stage1', 'test stage1 iter_3.pth', 'train stage2', 'test stage2 iter_3.pth']
WORK = Path('work')


@pytest.fixture
def family(tmp_path, monkeypatch):
    """Folder of two stages; the second one starts from the first one."""
    monkeypatch.chdir(tmp_path)
    images = [
        dict(id=1, file_name='1.png', width=8, height=8, prompt='a', tasks=['cls'], class_name='monocyte')
    ]
    path = tmp_path / 'data' / 'cells' / 'annotations' / 'train.json'
    path.parent.mkdir(parents=True)
    document = dict(info=dict(dataset='cells'), images=images, annotations=[], categories=[])
    for split in ('train', 'val', 'test'):
        path.with_name(f'{split}.json').write_text(json.dumps(document))
    folder = tmp_path / 'family'
    folder.mkdir()
    for number, starts in ((1, []), (2, [dict(stage=1)])):
        text = CONFIG.format(number=number, starts=starts, root='data')
        (folder / f'stage{number}.py').write_text(text)
    (tmp_path / 'train.py').write_text(TRAIN)
    (tmp_path / 'test.py').write_text(TEST)
    return folder


@pytest.fixture
def run(family, tmp_path):
    """Callable (**options) -> what was said and which programs were called."""

    def call(work_dir=WORK, family=family, **options):
        said = []
        (tmp_path / 'calls').write_text('')
        run_curriculum(family, work_dir, CurriculumOptions(tmp_path, say=said.append, **options))
        return '\n'.join(said), (tmp_path / 'calls').read_text().splitlines()

    return call


def test_all_and_then_nothing(run):
    said, calls = run()
    assert calls == ALL
    assert 'stage 1 of 2, part 1: begins' in said and 'cells (1/1/1)' in said
    assert json.loads(Path('work/stage2/stage.json').read_text())['metrics'] == {'cls_cells/weighted_f1': 0.5}
    report = json.loads(Path('work/report.json').read_text())
    assert [stage['number'] for stage in report['stages']] == [1, 2]
    assert not Path('work/.lock').exists()

    said, calls = run()
    assert not calls
    assert 'stage 2 of 2, part 2: finished, nothing has changed' in said


def test_new_options_do_all_stages_again(run):
    run()
    said, calls = run(cfg_options={'train_cfg.max_epochs': 2})
    assert calls == ALL
    assert (
        'stage 1 of 2, part 1: changed: config (train_cfg); the former one is kept in work/stage1.1' in said
    )
    assert Path('work/stage1.1/stage.json').exists() and Path('work/stage2.1/stage.json').exists()


def test_new_start_does_the_later_stage_again(run, tmp_path):
    run()
    (tmp_path / 'family' / 'stage1.py').write_text(
        (tmp_path / 'family' / 'stage1.py').read_text() + 'randomness = dict(seed=1)\n'
    )
    (tmp_path / 'train.py').write_text(TRAIN.replace('write_text(folder.name)', "write_text('new')"))
    said, calls = run()
    assert calls == ALL
    assert 'part 1: changed: config (randomness)' in said and 'part 2: changed: starts (1: stage1)' in said


def test_stage_that_fails_names_its_log_and_goes_on(run):
    Path('broken').write_text('')
    message = r'stage 1, part 1: train\.py ended with exit code 2, see work/stage1/console\.log: the data are'
    with pytest.raises(InputError, match=message):
        run()
    assert not Path('work/stage1/stage.json').exists() and not Path('work/report.md').exists()
    Path('broken').unlink()
    said, calls = run()
    assert calls == ALL and 'stage 1 of 2, part 1: begins' in said
    assert json.loads(Path('work/stage1/stage.json').read_text())['runs'] == 2


def test_killed_between_training_and_test(run, tmp_path):
    (tmp_path / 'test.py').write_text('import os, signal; os.kill(os.getpid(), signal.SIGKILL)')
    with pytest.raises(InputError, match=r'test\.py ended with signal 9'):
        run()
    (tmp_path / 'test.py').write_text(TEST)
    assert run()[1] == ALL[1:]


def test_training_that_leaves_no_checkpoint(run, tmp_path):
    (tmp_path / 'train.py').write_text('')
    with pytest.raises(InputError, match=r'stage 1, part 1: left no checkpoint in work/stage1'):
        run()


def test_stage_that_moves_on_gives_its_best_checkpoint(run, tmp_path):
    best = """
(folder / 'best_iter_2.pth').write_text('best')
(folder / 'result_checkpoint').write_text('best_iter_2.pth')
(folder / 'moved_on.json').write_text(json.dumps(dict(steps=2, planned=3, reason='a', checks=[[2, 1.0]])))
"""
    (tmp_path / 'train.py').write_text(TRAIN + best)
    said, calls = run()
    assert calls == [call.replace('iter_3', 'best_iter_2') for call in ALL]
    assert ' after 2 of 3 steps' in said
    fingerprint = json.loads(Path('work/stage2/fingerprint.json').read_text())
    assert [*fingerprint['starts'].values()] == [sha256(b'best').hexdigest()]


def test_some_stages(run):
    message = r'stage 2, part 2: starts from stage 1, which is not finished.*--stages 1 2'
    with pytest.raises(InputError, match=message):
        run(stages=[2])
    said, calls = run(stages=[1])
    assert calls == ALL[:2] and 'stage 1 of 2, part 1: begins' in said
    assert run(stages=[2])[1] == ALL[2:]
    assert '2 of 2 stages are finished' in Path('work/report.md').read_text()
    with pytest.raises(InputError, match=r'--stages 3: .* has the stages 1 to 2'):
        run(stages=[3])


def test_second_process_in_the_same_folder(run):
    with folder_lock(WORK), pytest.raises(InputError, match='another run writes into it'):
        run()


def test_folder_of_another_family(run, family, tmp_path):
    run()
    other = family.rename(tmp_path / 'other')
    with pytest.raises(InputError, match=r'work: holds the stages of \S+/family, not of \S+/other'):
        run(family=other)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda folder: (folder / 'stage1.py').unlink(), r'family: lacks stage1\.py'),
        (lambda folder: [path.unlink() for path in folder.iterdir()], r'family: holds no stage1\.py'),
        (lambda folder: (folder / 'stage2.py').rename(folder / 'stage3.py'), r'lacks stage2\.py'),
        (
            lambda folder: (folder / 'stage3.py').write_text((folder / 'stage2.py').read_text()),
            r'stage3\.py: stage\.number: is 2; write 3',
        ),
        (lambda folder: (folder / 'stage2.py').write_text('model = 1'), r'stage2\.py: has no stage=dict'),
        (
            lambda folder: (
                (folder / 'stage2.py')
                .open('a')
                .write("default_hooks = dict(checkpoint=dict(out_dir='elsewhere'))\n")
            ),
            r"stage2\.py: default_hooks\.checkpoint\.out_dir: is 'elsewhere'",
        ),
    ],
)
def test_wrong_family(run, family, change, message):
    change(family)
    with pytest.raises(InputError, match=message):
        run()
    assert not Path('calls').read_text() and not WORK.exists()


def test_no_data(run, capsys):
    with pytest.raises(InputError, match='none of the chosen sets'):
        run(cfg_options={'stage_data.root': 'nothing'})
    assert 'data sets below nothing' in capsys.readouterr().out
