import json
import runpy
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

TOOL = Path(__file__).parents[2] / 'tools' / 'prepare_data.py'


@pytest.fixture(scope='module')
def main():
    return runpy.run_path(str(TOOL))['main']


@pytest.fixture
def yolo(tmp_path):
    root = tmp_path / 'yolo'
    for kind in ('images', 'labels'):
        (root / kind / 'train').mkdir(parents=True)
    for name in 'ab':
        cv2.imwrite(str(root / 'images' / 'train' / f'{name}.png'), np.full((30, 40, 3), 200, np.uint8))
        (root / 'labels' / 'train' / f'{name}.txt').write_text('0 0.5 0.5 0.25 0.2\n0 0.5 0.5 0.25 0.2\n')
    (root / 'data.yaml').write_text('train: images/train\nnames: [ring]\n')
    return root


def test_convert_check_and_tokenizer(main, yolo, tmp_path, capsys):
    out = tmp_path / 'out'
    options = ['--prompt', 'Malaria', '--licence', 'CC0', '--workers', '1']
    assert main(['convert', 'yolo', '--src', str(yolo), '--out', str(out), *options]) == 0
    printed = capsys.readouterr().out
    assert 'out: 2 images, 2 objects' in printed
    assert '2 exact repetitions of an object, dropped' in printed
    document = json.loads((out / 'annotations' / 'train.json').read_text())
    assert document['info']['licence'] == 'CC0' and document['images'][0]['prompt'] == 'Malaria'
    assert (out / 'tokenizer' / 'tokenizer.json').is_file()

    assert main(['check', str(out), '--images']) == 0
    assert '0 faults in 1 files with 2 images (2 decoded) and 2 objects' in capsys.readouterr().out

    target = tmp_path / 'both'
    assert main(['tokenizer', str(out), str(out), '--out', str(target), '--vocab-size', '512']) == 0
    assert (target / 'tokenizer.json').is_file()


def test_check_names_each_fault_and_exits_with_1(main, yolo, tmp_path, capsys):
    out = tmp_path / 'out'
    main(['convert', 'yolo', '--src', str(yolo), '--out', str(out), '--workers', '1'])
    file = out / 'annotations' / 'train.json'
    document = json.loads(file.read_text())
    document['annotations'][0]['category_id'] = 9
    document['images'][1]['height'] = -1
    file.write_text(json.dumps(document))
    capsys.readouterr()
    assert main(['check', str(file)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and lines[-1].startswith('2 faults in 1 files')
    assert all(line.startswith(f'{file}: ') for line in lines[:-1])


def test_lmdb(main, yolo, tmp_path, capsys):
    out = tmp_path / 'out'
    assert main(['convert', 'yolo', '--src', str(yolo), '--out', str(out), '--workers', '1']) == 0
    capsys.readouterr()
    assert main(['lmdb', str(out), '--out', str(tmp_path / 'x.lmdb'), '--quiet']) == 0
    assert capsys.readouterr().out.startswith('lmdb: 2 images and masks, 0.0 MiB in ')
    assert (tmp_path / 'x.lmdb').is_file()
    with pytest.raises(SystemExit, match='2'):
        main(['lmdb', str(tmp_path)])
    assert 'annotations: holds no .json file' in capsys.readouterr().err


def test_check_of_several_folders_finds_images_in_two_splits(main, yolo, tmp_path, capsys):
    for out, split in (('a', 'train'), ('b', 'test')):
        arguments = ['--split', f'{split}=images/train', '--classes', 'ring', '--workers', '1']
        assert main(['convert', 'yolo', '--src', str(yolo), '--out', str(tmp_path / out), *arguments]) == 0
    paths = [str(tmp_path / 'a'), str(tmp_path / 'b')]
    capsys.readouterr()
    assert main(['check', *paths]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "(test) is identical to 'images/train/a.png' (train) of" in lines[0]
    assert lines[-2].startswith('2 faults in 2 files with 4 images')
    assert lines[-1].startswith('4 images compared: 1 identical and 0 near-identical pairs within one split')
    assert main(['check', *paths, '--no-repeats']) == 0
    assert 'compared' not in capsys.readouterr().out


def test_list_tells_which_sets_are_there(main, tmp_path, capsys):
    (tmp_path / 'bccd' / 'annotations').mkdir(parents=True)
    (tmp_path / 'bccd' / 'annotations' / 'train.json').write_text('{}')
    assert main(['list', '--data', str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    have = {line.split()[0] for line in lines if ' yes  ' in line}
    assert have == {'bccd'} and lines[-1].startswith(f'{len(lines) - 2} sets, ')
    assert main(['list', '--data', str(tmp_path), '--task', 'vqa']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ['name', 'wbcatt_vqa', '1'] and 'unknown' in lines[1]


def test_show(main, capsys):
    assert main(['show', 'bccd']) == 0
    shown = capsys.readouterr().out
    assert 'Platelets -> platelet' in shown and 'https://github.com/Shenggan/BCCD_Dataset' in shown
    assert 'convert bccd --src FOLDER' in shown


def test_own_classes_are_renamed(main, yolo, tmp_path):
    out = tmp_path / 'out'
    options = ['--classes', 'ring=trophozoite', '--split', 'val=images/train', '--workers', '1']
    assert main(['convert', 'yolo', '--src', str(yolo), '--out', str(out), *options]) == 0
    assert (
        json.loads((out / 'annotations' / 'val.json').read_text())['categories'][0]['name'] == 'trophozoite'
    )


def test_own_catalogue_entry(main, tmp_path):
    source, out = tmp_path / 'source', tmp_path / 'out'
    source.mkdir()
    for name in ('a', 'b'):
        cv2.imwrite(str(source / f'{name}.png'), np.full((30, 40, 3), ord(name), np.uint8))
        cv2.imwrite(str(source / f'{name}_mask.png'), np.eye(30, 40, dtype=np.uint8))
    (tmp_path / 'mine.yaml').write_text(
        'name: mine\ntasks: [seg]\nprompt: nucleus\nclasses: {}\nconverter: mask_image\n'
        "parameters: {images: '{key}.png', masks: '{key}_mask.png', "
        'levels: [0, 1], targets: {nucleus: [1]}}\n'
    )
    options = ['--src', str(source), '--out', str(out), '--workers', '1']
    assert main(['convert', str(tmp_path / 'mine.yaml'), *options]) == 0
    assert main(['check', str(out), '--images']) == 0
    image = json.loads((out / 'annotations' / 'train.json').read_text())['images'][1]
    assert cv2.imread(str(out / image['masks'][0]['file']), cv2.IMREAD_UNCHANGED).sum() == 30 * 255


def test_own_folders_of_classes(main, tmp_path):
    source, out = tmp_path / 'cells', tmp_path / 'mine'
    for index, name in enumerate(('train/ring', 'train/RBC', 'val/ring')):
        (source / name).mkdir(parents=True)
        cv2.imwrite(str(source / name / '1.png'), np.full((30, 40, 3), 20 * index, np.uint8))
    options = ['--src', str(source), '--out', str(out), '--workers', '1']
    assert main(['convert', 'class_folders', *options, '--image-folder', '{split}/{class}/*']) == 0
    images = json.loads((out / 'annotations' / 'val.json').read_text())['images']
    assert [(image['class_name'], image['tasks']) for image in images] == [('ring', ['cls'])]


def test_own_data_get_a_split_by_patient(main, tmp_path):
    source, out = tmp_path / 'cells', tmp_path / 'mine'
    random = np.random.default_rng(0)
    for name in ('ring', 'RBC'):
        (source / name).mkdir(parents=True)
        for patient in range(5):
            for cell in 'ab':
                pixels = random.integers(0, 255, (30, 40, 3), np.uint8)
                cv2.imwrite(str(source / name / f'P{patient}_{cell}.png'), pixels)
    options = ['--src', str(source), '--out', str(out), '--workers', '1', '--group', '/(?P<group>P[0-9])_']
    assert main(['convert', 'class_folders', *options, '--hold-out', 'val=4', 'test=0.2']) == 0
    patients = {}
    for split in ('train', 'val', 'test'):
        images = json.loads((out / 'annotations' / f'{split}.json').read_text())['images']
        patients[split] = {image['source'].partition('/')[2][:2] for image in images}
        assert len(images) == 4 * len(patients[split])
    assert {split: len(found) for split, found in patients.items()} == {'train': 3, 'val': 1, 'test': 1}
    assert set.union(*patients.values()) == {f'P{number}' for number in range(5)}
    assert main(['check', str(out)]) == 0


@pytest.mark.parametrize(
    ('text', 'options'),
    [
        ('file;class;cx;cy;w;h\na.png;ring;0.5;0.5;0.25;0.2\n', ['--box', 'centre', '--normalised']),
        (
            'ring;15;25;12;18;a.png\n',
            ['--no-header', '--columns', 'class=1', 'xmin=2', 'xmax=3', 'ymin=4', 'ymax=5', 'file=6'],
        ),
    ],
)
def test_own_table_of_boxes(main, yolo, tmp_path, text, options):
    (yolo / 'boxes.csv').write_text(text)
    layout = ['--split', 'train=boxes.csv', '--image-folder', 'images/train', '--unlabelled', 'skip']
    layout += ['--delimiter', ';', '--classes', 'ring', '--src', str(yolo), '--workers', '1']
    assert main(['convert', 'box_csv', '--out', str(tmp_path / 'out'), *layout, *options]) == 0
    document = json.loads((tmp_path / 'out' / 'annotations' / 'train.json').read_text())
    assert [item['bbox'] for item in document['annotations']] == [[15, 12, 10, 6]]


def test_every_fault_of_a_source_is_told(main, yolo, tmp_path, capsys):
    for name in 'ab':
        (yolo / 'labels' / 'train' / f'{name}.txt').write_text('5 0.5 0.5 0.25 0.2\n')
    with pytest.raises(SystemExit):
        main(['convert', 'yolo', '--src', str(yolo), '--out', str(tmp_path / 'out'), '--workers', '1'])
    shown = capsys.readouterr().err
    assert 'a.txt: line 1: class: 5 is out of range' in shown
    assert 'b.txt: line 1: class: 5 is out of range' in shown


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['convert', 'bcdd', '--src', '.', '--out', 'x'], 'is not a known data set (nearest: bccd'),
        (
            ['convert', 'none.yaml', '--src', '.', '--out', 'x'],
            'none.yaml: file: path: cannot be read (No such',
        ),
        (
            ['convert', 'hrls', '--src', 'nowhere', '--out', 'x'],
            'hrls.yaml: entry: converter: is none: the set is described, but no converter',
        ),
        (['show', 'bcdd'], 'catalogue: bcdd: name: is not a known data set (nearest: bccd'),
        (['convert', 'bccd', '--src', 'nowhere', '--out', 'x'], 'nowhere: folder: path: does not exist'),
        (
            ['convert', 'bccd', '--src', '.', '--out', 'x', '--classes', 'a'],
            'bccd: the catalogue says how to read it; options of your own',
        ),
        (
            ['convert', 'coco', '--src', '.', '--out', 'x', '--split', 'train'],
            "--split 'train': write NAME=VALUE",
        ),
        (
            ['convert', 'coco', '--src', '.', '--out', 'x', '--hold-out', 'val=some'],
            "--hold-out 'val=some': write SPLIT=NUMBER or SPLIT=SHARE",
        ),
        (
            ['convert', 'coco', '--src', '.', '--out', 'x', '--group', '(?P<group>a)'],
            '--group: it says what --hold-out moves as a whole',
        ),
        (['tokenizer', 'nowhere', '--out', 'x'], 'nowhere: folder: annotations: holds no .json file'),
        (['synthetic', '--out', 'x', '--cells', '-1'], 'cells is -1'),
    ],
)
def test_wrong_input_is_one_line(main, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as error:
        main(arguments)
    shown = capsys.readouterr().err
    assert error.value.code == 2
    assert shown.startswith('error: ') and message in shown and len(shown.splitlines()) == 1


def test_synthetic(main, tmp_path, capsys):
    for out in ('a', 'b'):
        options = ['--num', '3', '--cells', '2', '--seed', '5', '--workers', '1']
        assert main(['synthetic', '--out', str(tmp_path / out), *options]) == 0
    printed = capsys.readouterr().out
    assert 'synthetic: seed 5' in printed and 'RBC' in printed
    files = sorted(path.relative_to(tmp_path / 'a') for path in (tmp_path / 'a').rglob('*') if path.is_file())
    assert Path('tokenizer/tokenizer.json') in files and Path('annotations/train.json') in files
    for file in files:
        assert (tmp_path / 'a' / file).read_bytes() == (tmp_path / 'b' / file).read_bytes()


def test_as_a_program(tmp_path):
    result = subprocess.run(
        [sys.executable, str(TOOL), 'check', str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=TOOL.parents[1],
        env={'PYTHONPATH': str(TOOL.parents[1]), 'PATH': ''},
        check=False,
    )
    assert result.returncode == 1
    assert 'holds no .json file' in result.stdout.splitlines()[0]
