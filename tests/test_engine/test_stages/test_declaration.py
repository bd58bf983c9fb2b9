"""What a stage config says about itself."""

import pytest
from mmengine.config import Config

from unihema_mm.engine.stages.declaration import Stage, Start, read_stage
from unihema_mm.utils.errors import InputError


def declare(**changes):
    stage = dict(number=3, name='vision', trains=['encoder'], tasks=dict(det=2, cls=1))
    return Config(dict(stage={**stage, **changes}, work_dir='runs/stage3'))


def test_config_without_stage():
    assert read_stage(Config(dict(work_dir='runs/detector'))) is None


def test_defaults():
    stage = read_stage(declare())
    assert stage == Stage(3, 'vision', ('encoder',), dict(det=2, cls=1), tests=('det', 'cls'))
    assert (stage.starts_from, stage.initialised, stage.sets) == ((), (), 'all')
    assert (stage.temperature, stage.rare_below, stage.steps) == (1.0, 0.0, 'longest')


def test_earlier_stages_lie_beside_the_own_folder():
    starts = [
        dict(stage=1, modules=['encoder']),
        dict(checkpoint='https://a.org/dino.pth', modules=['decoder', 'bbox_head']),
    ]
    assert read_stage(declare(starts_from=starts)).starts_from == (
        Start('runs/stage1', ('encoder',)),
        Start('https://a.org/dino.pth', ('decoder', 'bbox_head')),
    )


def test_a_start_may_give_the_whole_model():
    assert read_stage(declare(starts_from=[dict(stage=2)])).starts_from == (Start('runs/stage2'),)


@pytest.mark.parametrize(
    ('share', 'rehearsed'),
    [(0, {}), (0.1, dict(seg=1, vqa=1)), (0.25, dict(seg=1, vqa=1)), (0.5, dict(seg=2, vqa=2))],
)
def test_rehearsal_adds_a_share_of_earlier_tasks(share, rehearsed):
    stage = read_stage(declare(rehearses=['seg', 'vqa'], rehearsal=share))
    assert stage.rehearsed == rehearsed
    assert stage.composition == {'det': 2, 'cls': 1, **rehearsed}


def test_nothing_to_rehearse():
    assert read_stage(declare(rehearsal=0.5)).composition == dict(det=2, cls=1)


def test_all_fields():
    stage = read_stage(
        declare(
            initialised=['decoder'],
            sets=['bccd'],
            temperature=0,
            steps=10,
            tests=['seg', 'det'],
            rare_below=0.1,
        )
    )
    assert stage.tests == ('seg', 'det') and stage.rare_below == 0.1
    assert (stage.initialised, stage.sets, stage.temperature, stage.steps) == (
        ('decoder',),
        ('bccd',),
        0.0,
        10,
    )


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(trian=['x']), r'stage\.trian: is unknown \(nearest: trains\)'),
        (dict(number=0), r'stage\.number: is 0'),
        (dict(number=True), r'stage\.number: is True'),
        (dict(trains=[]), r'stage\.trains: is \[\]'),
        (dict(trains='encoder'), r"stage\.trains: is 'encoder'"),
        (dict(trains=['encoder', 3]), r'stage\.trains'),
        (dict(tasks=dict()), r'stage\.tasks'),
        (dict(tasks=dict(det=0)), r'stage\.tasks'),
        (dict(tasks=['det']), r'stage\.tasks'),
        (
            dict(starts_from=[dict(stage=3, modules=['encoder'])]),
            r'names stage 3; stage 3 starts from earlier',
        ),
        (dict(starts_from=[dict(stage=1, checkpoint='a.pth')]), r'stage\.starts_from: has'),
        (dict(starts_from=[dict(stage=1, modules=[])]), r'stage\.starts_from\.modules'),
        (dict(starts_from='stage1'), r'stage\.starts_from: is'),
        (dict(sets='bccd'), r'stage\.sets'),
        (dict(temperature=-1), r'stage\.temperature'),
        (dict(temperature=float('nan')), r'stage\.temperature'),
        (dict(rare_below=-0.1), r'stage\.rare_below: is -0.1; write a share'),
        (dict(rare_below=10), r'stage\.rare_below'),
        (dict(rare_below=float('nan')), r'stage\.rare_below'),
        (dict(steps='long'), r'stage\.steps'),
        (dict(steps=0), r'stage\.steps'),
        (dict(schedule='free'), r"stage\.schedule: is 'free'"),
        (dict(rehearsal=1), r'stage\.rehearsal: is 1; write a share'),
        (dict(rehearsal=-0.1), r'stage\.rehearsal'),
        (dict(rehearsal=True), r'stage\.rehearsal'),
        (dict(rehearses='seg'), r'stage\.rehearses'),
        (dict(rehearses=['seg', 'det']), r"stage\.rehearses: names 'det', which the stage trains"),
    ],
)
def test_wrong_fields_are_named(changes, message):
    with pytest.raises(InputError, match=message):
        read_stage(declare(**changes))


def test_stage_that_is_no_dict():
    with pytest.raises(InputError, match='stage: is 3; write dict'):
        read_stage(Config(dict(stage=3, work_dir='runs/stage3')))
