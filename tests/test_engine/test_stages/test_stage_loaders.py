import copy
from dataclasses import replace

import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope

from unihema_mm.datasets.samplers import TaskBatchSampler
from unihema_mm.engine.loops.named_configs import check_gains, check_named_configs, has_named_loaders
from unihema_mm.engine.stages.declaration import Stage
from unihema_mm.engine.stages.stage_loaders import make_loaders
from unihema_mm.registry import DATASETS
from unihema_mm.utils.errors import InputError

from .prepared_folders import box, image, write_split

WBCATT = {'cell_size': ['small', 'big']}
LEUKEMIA = {'nucleolus': ['inconspicuous', 'prominent']}
QUESTION = dict(questions=[dict(question='Any?', answer='yes', answer_type='closed', generated=True)])


def part(kind, evaluator='M', **more):
    config = dict(type=kind, pipeline=[])
    return dict(train=config, test=dict(config), evaluator=dict(type=evaluator), **more)


@pytest.fixture
def data(tmp_path):
    det = part('SmearDetDataset', classes='prepared', batch_size=2)
    det['train']['tasks'] = det['test']['tasks'] = ('det', 'morph', 'vqa')
    return dict(
        root=str(tmp_path),
        num_workers=0,
        batch_size=5,
        det=dict(det, attributes='wbcatt'),
        morph=part('SmearDetDataset', classes='prepared', attributes='wbcatt'),
        cls=part('SmearCellDataset', classes='prepared', attributes='wbcatt'),
        seg=part('SmearMaskDataset'),
        vqa=part('SmearTextDataset', text_only=True),
    )


@pytest.fixture
def folders(tmp_path):
    """Four sets: all lists; no val; no train; no test, and other attributes."""

    def detect(name, split, tasks, classes, count=1, **info):
        images = [image(number, *tasks, **QUESTION) for number in range(1, count + 1)]
        boxes = [box(number, number, 1 + number % len(classes)) for number in range(1, count + 1)]
        write_split(tmp_path / name, split, images, classes, boxes, info=info, with_images=True)

    for split, count in dict(train=3, val=2, test=1).items():
        detect('a', split, ('det', 'morph', 'vqa'), ['burr cell', 'WBC'], count, attributes=WBCATT)
    for split in ('train', 'test'):
        detect('b', split, ('det', 'vqa'), ['RBC'], 2, dataset='bccd')
    detect('c', 'test', ('det',), ['ring'], dataset='cbc')
    for split in ('train', 'val'):
        detect('d', split, ('det', 'morph'), ['WBC'], attributes=LEUKEMIA)
    detect('e', 'train', ('det',), ['WBC'])
    return tmp_path


def stage(sets='all', tests=None, steps='longest', **tasks):
    return Stage(
        3, 'x', ('neck',), tasks, tests=tests or tuple(tasks), sets=sets, temperature=0.5, steps=steps
    )


def make(declared, data):
    lines = []
    made = make_loaders(declared, data, lambda *said: lines.append(' '.join(map(str, said))))
    return made, lines


def test_rehearsal_draws_earlier_tasks_along(folders, data):
    declared = replace(stage(det=3), rehearsal=0.25, rehearses=('vqa', 'seg'))
    made, lines = make(declared, data)
    sampler = made.train_dataloader['batch_sampler']
    assert sampler['composition'] == dict(det=3, vqa=1)  # no set has masks
    assert sampler['counted'] == ['det'] and made.train_dataloader['batch_size'] == 4
    assert sampler['groups']['vqa']['sets'] == ('vqa_a', 'vqa_b')
    assert 'rehearses in a step: 1 vqa, 25% of the samples' in lines
    assert [*made.val_dataloader] == ['det_a', 'det_b', 'det_c', 'det_d']  # what the stage is for
    _, lines = make(replace(declared, rehearses=()), data)
    assert any(line.startswith('rehearses in a step: nothing') for line in lines)


def test_training_groups_the_sets_of_each_task(folders, data):
    before = copy.deepcopy(data)
    made, lines = make(stage(det=4, vqa=2, steps=7), data)
    assert data == before
    loader = made.train_dataloader
    assert (loader['batch_size'], loader['num_workers'], loader['persistent_workers']) == (6, 0, False)
    assert [*loader['dataset']['datasets']] == ['det_a', 'det_b', 'det_d', 'det_e', 'vqa_a', 'vqa_b']
    with DefaultScope.overwrite_default_scope('unihema_mm'):
        dataset = DATASETS.build(loader['dataset'])

    class Sampler:
        seed = 0

    Sampler.dataset = dataset
    sampler = TaskBatchSampler(
        Sampler(), **{key: value for key, value in loader['batch_sampler'].items() if key != 'type'}
    )
    assert len(sampler) == 7 and {len(batch) for batch in sampler} == {6}
    assert sampler.groups['det'].temperature == 0.5
    assert 'det_c: has no train list, it is evaluated only' in lines


def test_images_of_rare_classes_are_repeated(folders, data):
    """Of the three images of set a, two show a WBC and one a burr cell; of b, both show a red cell."""
    declared = replace(stage(det=4, vqa=1), rare_below=0.5)
    made, _ = make(declared, data)
    sets = made.train_dataloader['dataset']['datasets']
    assert {name: part['type'] for name, part in sets.items()}['vqa_a'] == 'SmearTextDataset'
    with DefaultScope.overwrite_default_scope('unihema_mm'):
        dataset = DATASETS.build(made.train_dataloader['dataset'])
        plain = DATASETS.build(make(stage(det=4), data)[0].train_dataloader['dataset'])

    def images(built, name):
        return [built.get_data_info(place)['img_id'] for place in built.set_ranges[name]]

    assert images(plain, 'det_a') == [1, 2, 3] and images(dataset, 'det_a') == [1, 2, 2, 3]
    assert images(dataset, 'det_b') == images(plain, 'det_b')
    assert all('oversample_thr' not in one['dataset'] for one in made.val_dataloader.values())


def test_datasets_share_the_label_space(folders, data):
    made, _ = make(stage(det=4), data)
    space = ('RBC', 'burr cell', 'WBC', 'ring')
    assert made.classes == dict(det=space, morph=space)
    with DefaultScope.overwrite_default_scope('unihema_mm'):
        dataset = DATASETS.build(made.train_dataloader['dataset'])
    known = dict(zip(dataset.names, dataset.datasets, strict=True))
    assert known['det_a'].metainfo['classes'] == space
    # A box that b calls RBC is no evidence against a burr cell, nor a's burr cell against RBC.
    annotated = {name: one.get_data_info(0)['annotated'] for name, one in known.items()}
    assert annotated == dict(det_a=(1, 2), det_b=(0,), det_d=(2,), det_e=(2,))
    assert {name: one.tasks for name, one in known.items()} == dict(
        det_a=('det', 'morph', 'vqa'), det_b=('det', 'vqa'), det_d=('det',), det_e=('det',)
    )
    assert {len(one.metainfo['attributes']) for one in known.values()} == {11}


def test_coarser_classes_are_said(folders, data):
    data['det']['classes'] = data['morph']['classes'] = ['RBC', 'WBC', 'plasmodium']
    made, lines = make(stage(det=4), data)
    with DefaultScope.overwrite_default_scope('unihema_mm'):
        dataset = DATASETS.build(made.train_dataloader['dataset'])
    found = [[item['bbox_label'] for item in dataset.get_data_info(n)['instances']] for n in range(3)]
    assert found == [[1], [0], [1]]
    assert 'a: classes that become coarser (detection): burr cell -> RBC' in lines
    assert 'c: classes that become coarser (detection): ring -> plasmodium' in lines


def test_evaluation_takes_the_lists_that_a_set_has(folders, data):
    made, lines = make(stage(det=4), data)
    files = {name: loader['dataset']['ann_file'][12:-5] for name, loader in made.val_dataloader.items()}
    assert files == dict(det_a='val', det_b='test', det_c='test', det_d='val')
    files = {name: loader['dataset']['ann_file'][12:-5] for name, loader in made.test_dataloader.items()}
    assert files == dict(det_a='test', det_b='test', det_c='test', det_d='val')
    assert made.val_dataloader['det_a']['batch_size'] == 2
    assert all(loader['dataset']['test_mode'] for loader in made.test_dataloader.values())
    assert made.val_evaluator == {name: dict(type='M') for name in files}
    for line in (
        'det_b: has no val list, its test list stands for it True',
        'det_d: has no test list, its val list stands for it False',
        'det_e: has no val or test list, it has no test results',
    ):
        assert line in lines


def test_text_is_tested_without_images_too(folders, data):
    made, _ = make(stage(vqa=2, tests=('det', 'vqa')), data)
    assert [*made.val_dataloader] == ['vqa_a', 'vqa_b']
    names = [*made.test_dataloader]
    assert names[-4:] == ['vqa_a', 'vqa_b', 'vqa_a_text_only', 'vqa_b_text_only']
    assert made.test_dataloader['vqa_a']['batch_size'] == 5
    assert made.test_dataloader['vqa_a_text_only']['dataset']['text_only']
    assert 'text_only' not in made.test_dataloader['vqa_a']['dataset']
    assert made.gains == dict(vqa_a='vqa_a_text_only', vqa_b='vqa_b_text_only')
    check_gains('test', made.gains, names)
    check_named_configs('test', made.test_dataloader, made.test_evaluator)
    assert has_named_loaders(made.val_dataloader)


def test_sets_with_other_attributes_are_left_out_of_morph(folders, data):
    made, lines = make(stage(morph=2), data)
    assert [*made.train_dataloader['dataset']['datasets']] == ['morph_a']
    assert any('morph left out: d has other attributes than the model' in line for line in lines)
    with pytest.raises(InputError, match='is there to train the task morph; get or make one'):
        make(stage(sets=['d'], morph=2), data)


def test_task_of_the_dataset_chooses_the_images(folders, data):
    data['morph']['train'].update(task='det', tasks=('det', 'morph'))
    write_split(folders / 'f', 'train', [image(1, 'morph')], ['WBC'], info=dict(attributes=WBCATT))
    made, lines = make(stage(morph=2), data)
    (config,) = made.train_dataloader['dataset']['datasets'].values()
    assert (config['task'], config['tasks']) == ('det', ('det', 'morph'))
    assert any('f has no image that is for both morph and det' in line for line in lines)


def test_a_task_that_some_images_lack_is_left_out(folders, data):
    images = [image(1, 'det', 'vqa', **QUESTION), image(2, 'det')]
    write_split(folders / 'f', 'train', images, ['WBC'])
    made, lines = make(stage(sets=['b', 'f'], det=2), data)
    assert made.train_dataloader['dataset']['datasets']['det_b']['tasks'] == ('det', 'vqa')
    assert made.train_dataloader['dataset']['datasets']['det_f']['tasks'] == ('det',)
    assert 'det_f: not used for morph, vqa, which some images lack' in lines


def test_other_attributes_are_passed_over_elsewhere(folders, data):
    for name, info in (('f', LEUKEMIA), ('g', WBCATT), ('h', None)):
        images = [image(1, 'cls', class_name='WBC', attributes={key: info[key][1] for key in info or ()})]
        info = dict(attributes=info) if info else None
        write_split(folders / name, 'train', images, ['WBC'], info=info, with_images=True)
    made, _ = make(stage(cls=2), data)
    with DefaultScope.overwrite_default_scope('unihema_mm'):
        sets = DATASETS.build(made.train_dataloader['dataset']).datasets
    labels = [one.get_data_info(0)['gt_attributes'] for one in sets]
    assert labels == [[-1] * 11, [1] + [-1] * 10, [-1] * 11]


def test_table_of_sets(folders, data):
    _, lines = make(stage(sets=['a', 'b'], det=2, tests=('det', 'seg')), data)
    table = '\n'.join(lines)
    assert lines[0].startswith(f'data sets below {folders} (images in train/val/test; 5 folders')
    assert '  det   there: a (3/2/1), b (2/-/2)' in lines
    assert '  det   not chosen: c, d, e' in lines
    missing = next(line for line in lines if line.startswith('  det   missing: '))
    assert 'txl_pbc' in missing and 'bccd' not in missing.replace('bccd_', '')
    assert '  seg   there: none' in lines
    assert f'convert NAME --src FOLDER --out {folders}/NAME' in table


def test_sets_that_share_images_are_warned_of(folders, data):
    _, lines = make(stage(det=2), data)
    warnings = [line for line in lines if 'hold some of the same images' in line]
    assert len(warnings) == 1 and warnings[0].startswith('b and c hold') and warnings[0].endswith('True')
    write_split(folders / 'b2', 'train', [image(1, 'det')], info=dict(dataset='bccd'))
    _, lines = make(stage(sets=['b', 'b2'], det=2), data)
    assert any(line.startswith('b and b2 hold') for line in lines)
    assert not any('same images' in line for line in make(stage(sets=['a', 'b'], det=2), data)[1])


@pytest.mark.parametrize('task', ['det', 'vqa', 'seg'])
def test_nothing_for_a_task_names_the_commands(tmp_path, data, task):
    lines = []
    with pytest.raises(InputError) as error:
        make_loaders(stage(**{task: 2}), data, lambda *said: lines.append(said[0]))
    message = str(error.value)
    assert '\n' not in message and f'tools/prepare_data.py list --task {task}' in message
    assert f'synthetic --out {tmp_path}/synthetic' in message
    assert ('prepare_data.py texts' in message) == (task == 'vqa')
    assert f'  {task:5} there: none' in lines


def test_only_text_sets(tmp_path, data):
    write_split(tmp_path / 'texts', 'train', [image(1, 'vqa', **QUESTION)], classes=())
    made, lines = make(stage(vqa=2), data)
    assert made.classes == {} and made.val_dataloader == made.test_dataloader == made.gains == {}
    assert 'vqa_texts: has no val or test list, it has no val results' in lines
    made, lines = make(stage(det=1, vqa=2), data)
    assert made.train_dataloader['batch_sampler']['composition'] == dict(vqa=2)
    assert made.train_dataloader['batch_size'] == 2
    assert any('det: is not trained, no prepared set has it' in line for line in lines)


def test_sets_to_evaluate_only_do_not_train(tmp_path, data):
    write_split(tmp_path / 'held', 'test', [image(1, 'vqa', **QUESTION)])
    with pytest.raises(InputError, match=r'train the task vqa \(only to evaluate: held\)'):
        make(stage(vqa=2), data)


def test_names_with_odd_characters(tmp_path, data):
    name = 'Zellen 2.0 (größer)'
    for split in ('train', 'test'):
        write_split(tmp_path / name, split, [image(1, 'vqa', **QUESTION)], with_images=True)
    made, _ = make(stage(vqa=1), data)
    cfg = Config(dict(train_dataloader=made.train_dataloader, test_dataloader=made.test_dataloader))
    assert [*cfg.test_dataloader] == [f'vqa_{name}', f'vqa_{name}_text_only']
    again = Config.fromstring(cfg.pretty_text, '.py')
    assert again.train_dataloader == cfg.train_dataloader


def test_a_folder_with_the_name_of_a_text_only_run(tmp_path, data):
    for name in ('x', 'x_text_only'):
        write_split(tmp_path / name, 'test', [image(1, 'vqa', **QUESTION)])
        write_split(tmp_path / name, 'train', [image(1, 'vqa', **QUESTION)])
    with pytest.raises(InputError, match='vqa_x_text_only: is a data set and the text-only run of another'):
        make(stage(vqa=1), data)


@pytest.mark.parametrize(
    ('task', 'change', 'message'),
    [
        ('dte', {}, r"stage.tasks: 'dte' is not in stage_data \(nearest: det\)"),
        ('det', dict(evaluator=None), 'stage_data.det.evaluator: is missing'),
        ('det', dict(train={}), 'stage_data.det.train: is missing'),
    ],
)
def test_wrong_stage_data(data, task, change, message):
    data['det'].update(change)
    with pytest.raises(InputError, match=message):
        make(stage(**{task: 1}), data)
