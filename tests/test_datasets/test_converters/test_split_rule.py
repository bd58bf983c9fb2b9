from collections import Counter
from dataclasses import replace

import cv2
import pytest

from unihema_mm.datasets.catalogue import entry_names, load_entry
from unihema_mm.datasets.converters.source import SourceItem
from unihema_mm.datasets.converters.split_rule import SplitRule, divide, split_rule
from unihema_mm.datasets.schema import DataError


@pytest.fixture
def items(tmp_path):
    """Forty files of different content in two classes, 30 of a and 10 of b."""
    found = []
    for index in range(40):
        name = f'{index:02}.png'
        (tmp_path / name).write_text(name)
        found.append(SourceItem('train', name, name, class_name='a' if index < 30 else 'b'))
    return found


def classes(items, split):
    return Counter(item.class_name for item in items if item.split == split)


def splits(division):
    return {item.image: item.split for item in division.items}


def hold_out(items, amounts, source, **further):
    return divide(items, SplitRule(amounts, **further), source)


@pytest.mark.parametrize('amounts', [{'val': 0.2, 'test': 0.1}, {'val': 8, 'test': 4}])
def test_classes_keep_their_shares(items, tmp_path, amounts):
    division = hold_out(items, amounts, tmp_path)
    assert len(division.notes) == 12 and all(note.code == 'held_out' for note in division.notes)
    assert classes(division.items, 'val') == {'a': 6, 'b': 2}
    assert classes(division.items, 'test') == {'a': 3, 'b': 1}
    assert [item.image for item in division.items] == [item.image for item in items]
    assert division.groups == {}


def test_choice_depends_on_names_alone(items, tmp_path):
    rule = SplitRule({'val': 8})
    once = splits(divide(items, rule, tmp_path))
    assert splits(divide(items[::-1], rule, tmp_path, workers=2)) == once


def test_images_without_class_and_other_splits(items, tmp_path):
    plain = [
        SourceItem('test' if index < 10 else 'train', item.image, item.target)
        for index, item in enumerate(items)
    ]
    split = Counter(splits(hold_out(plain, {'val': 7}, tmp_path)).values())
    assert split == {'test': 10, 'train': 23, 'val': 7}


def test_a_set_without_rule_is_not_read(items, tmp_path):
    division = divide(items, SplitRule(), tmp_path / 'nowhere')
    assert division.items == items and division.notes == []


@pytest.mark.parametrize('number', range(2, 20))
def test_identical_images_stay_together(items, tmp_path, number):
    for name in ('03.png', '07.png', '35.png'):
        (tmp_path / name).write_text('the same')
    division = hold_out(items, {'val': number, 'test': number}, tmp_path)
    split = splits(division)
    assert split['03.png'] == split['07.png'] == split['35.png']
    assert division.groups == dict.fromkeys(('03.png', '07.png', '35.png'), '03.png')


@pytest.mark.parametrize('number', range(3, 20, 4))
def test_near_identical_images_stay_together(items, tmp_path, number, picture):
    for index in range(40):
        cv2.imwrite(str(tmp_path / f'{index:02}.png'), picture(index))
    cv2.imwrite(str(tmp_path / '21.png'), cv2.resize(picture(4), None, fx=0.5, fy=0.5))
    division = hold_out(items, {'val': number, 'test': number}, tmp_path)
    split = splits(division)
    assert split['04.png'] == split['21.png']
    assert division.groups == {'04.png': '04.png', '21.png': '04.png'}
    near = [note.item for note in division.notes if note.code == 'near_identical_image']
    assert near == ['21.png is near-identical to 04.png']


def test_patients_move_as_a_whole(items, tmp_path):
    """Ten patients of four images, one image of patient 1 stands in the folder of patient 6 as well."""
    patients = [
        replace(item, image=f'p{index // 4}/{item.image}', class_name='b' if index % 4 == 0 else 'a')
        for index, item in enumerate(items)
    ]
    for item in patients:
        (tmp_path / item.image).parent.mkdir(exist_ok=True)
        (tmp_path / item.image).write_text(
            'twice' if item.image in ('p1/05.png', 'p6/27.png') else item.image
        )
    division = hold_out(patients, {'val': 0.2, 'test': 0.2}, tmp_path, group='^p(?P<group>[0-9]+)/')
    split = splits(division)
    of_patient = [{split[f'p{patient}/{4 * patient + n:02}.png'] for n in range(4)} for patient in range(10)]
    assert all(len(found) == 1 for found in of_patient) and of_patient[1] == of_patient[6]
    assert Counter(split.values()) == {'train': 24, 'val': 8, 'test': 8}
    assert classes(division.items, 'val') == {'a': 6, 'b': 2}
    assert len(division.groups) == 40 and division.groups['p6/24.png'] == '1'


def test_repeats_are_left_out_of_train(items, tmp_path, picture):
    published = [
        replace(item, split='train' if n < 20 else 'val' if n < 30 else 'test')
        for n, item in enumerate(items)
    ]
    for index in range(40):
        cv2.imwrite(str(tmp_path / f'{index:02}.png'), picture(index))
    (tmp_path / '03.png').write_bytes((tmp_path / '25.png').read_bytes())
    cv2.imwrite(str(tmp_path / '11.png'), cv2.convertScaleAbs(picture(33), alpha=0.9))
    (tmp_path / '12.png').write_bytes((tmp_path / '13.png').read_bytes())
    division = divide(published, SplitRule(leave_repeats_out_of_train=True), tmp_path)
    assert {item.image for item in published} - splits(division).keys() == {'03.png', '11.png'}
    assert [(note.code, note.item) for note in division.notes] == [
        ('repeated_image', '03.png repeats 25.png'),
        ('repeated_image', '11.png repeats 33.png'),
    ]


def test_split_that_would_get_nothing(items, tmp_path):
    for item in items:
        (tmp_path / item.image).write_text('the same')
    with pytest.raises(DataError, match='val: gets none of 40 images in 1 groups that move as a whole'):
        hold_out(items, {'val': 5}, tmp_path)


def test_groups_that_leave_nothing_in_train(items, tmp_path):
    plain = [replace(item, class_name=None) for item in items]
    with pytest.raises(DataError, match='leaves none of 4 groups in train; hold out fewer'):
        hold_out(plain, {'val': 16, 'test': 16}, tmp_path, group='^(?P<group>[0-3])')


def test_single_image_of_a_class_stays_in_train(items, tmp_path):
    items[0] = SourceItem('train', '00.png', '00.png', class_name='rare')
    division = hold_out(items, {'val': 0.15, 'test': 0.15}, tmp_path)
    assert classes(division.items, 'train')['rare'] == 1


def test_split_file_content(items, tmp_path):
    (tmp_path / '07.png').write_text('03.png')
    rule = SplitRule({'val': 3}, known_repeats=[['00.png', '01.png'], ['00.png', 'absent.png']])
    content = divide(items, rule, tmp_path).as_dict('toy')
    assert content['dataset'] == 'toy' and content['rule']['hold_out'] == {'val': 3}
    assert {split: len(names) for split, names in content['splits'].items()} == {'train': 37, 'val': 3}
    assert all(names == sorted(names) for names in content['splits'].values())
    assert content['groups'] == {'03.png': '03.png', '07.png': '03.png'}
    assert content['known_repeats'] == [['00.png', '01.png']]


@pytest.mark.parametrize(
    ('amounts', 'message'),
    [
        ({'dev': 3}, 'hold_out: dev: is not a split'),
        ({'train': 3}, 'hold_out: train: has images of its own'),
        ({'val': 0}, 'val: is 0; write a number'),
        ({'val': 1.0}, 'val: is 1.0'),
        ({'val': float('nan')}, 'val: is nan'),
        ({'val': True}, 'val: is True'),
        ({'val': '48'}, "val: is '48'"),
        ({'val': 30, 'test': 0.25}, 'takes 40 of 40 images'),
    ],
)
def test_faulty_amounts(items, tmp_path, amounts, message):
    with pytest.raises(DataError, match=message):
        hold_out(items, amounts, tmp_path)


def test_group_expression_that_does_not_fit(items, tmp_path):
    with pytest.raises(DataError, match=r'group: .* finds no group in 00.png'):
        hold_out(items, {'val': 3}, tmp_path, group='(?P<group>patient)')


@pytest.mark.parametrize(
    ('parameters', 'message'),
    [
        ({'hold_out': 0.2}, 'hold_out: is 0.2; write {val: 0.15'),
        ({'group': '(?P<group>'}, 'group: is not a regular expression'),
        ({'group': '[0-9]+'}, r"group: '\[0-9\]\+' names no group"),
        ({'group': 3}, 'group: 3 names no group'),
        ({'leave_repeats_out_of_train': 'yes'}, "leave_repeats_out_of_train: is 'yes'"),
        ({'known_repeats': ['a.jpg']}, 'known_repeats: is not a list of lists'),
    ],
)
def test_faulty_rules(parameters, message):
    with pytest.raises(DataError, match=message):
        split_rule(parameters)


def test_rule_of_an_entry():
    assert split_rule({'images': '*.png'}) == SplitRule()
    assert split_rule({'images': '*.png', 'hold_out': {'val': 2}}) == SplitRule({'val': 2})


def test_rules_of_the_catalogue():
    rules = {name: split_rule(load_entry(name).parameters) for name in entry_names()}
    assert rules['bccd'].known_repeats and not rules['bccd'].hold_out
    assert rules['segmentation_wbc'].hold_out == {'val': 0.15, 'test': 0.15}
