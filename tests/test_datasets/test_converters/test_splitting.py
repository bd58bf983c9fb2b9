from collections import Counter

import pytest

from unihema_mm.datasets.converters.source import SourceItem
from unihema_mm.datasets.converters.splitting import hold_out
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


@pytest.mark.parametrize('amounts', [{'val': 0.2, 'test': 0.1}, {'val': 8, 'test': 4}])
def test_classes_keep_their_shares(items, tmp_path, amounts):
    split, notes = hold_out(items, amounts, tmp_path)
    assert len(notes) == 12 and all(note.code == 'held_out' for note in notes)
    assert classes(split, 'val') == {'a': 6, 'b': 2}
    assert classes(split, 'test') == {'a': 3, 'b': 1}
    assert [item.image for item in split] == [item.image for item in items]


def test_choice_depends_on_names_alone(items, tmp_path):
    split = {item.image: item.split for item in hold_out(items, {'val': 8}, tmp_path)[0]}
    again, _ = hold_out(items[::-1], {'val': 8}, tmp_path)
    assert {item.image: item.split for item in again} == split


def test_images_without_class_and_other_splits(items, tmp_path):
    plain = [
        SourceItem('test' if index < 10 else 'train', item.image, item.target)
        for index, item in enumerate(items)
    ]
    split = Counter(item.split for item in hold_out(plain, {'val': 7}, tmp_path)[0])
    assert split == {'test': 10, 'train': 23, 'val': 7}
    assert hold_out(plain, {}, tmp_path) == (plain, [])


@pytest.mark.parametrize('number', range(2, 20))
def test_identical_images_stay_together(items, tmp_path, number):
    for name in ('03.png', '07.png', '35.png'):
        (tmp_path / name).write_text('the same')
    found, _ = hold_out(items, {'val': number, 'test': number}, tmp_path)
    split = {item.image: item.split for item in found}
    assert split['03.png'] == split['07.png'] == split['35.png']


def test_split_that_would_get_nothing(items, tmp_path):
    for item in items:
        (tmp_path / item.image).write_text('the same')
    with pytest.raises(DataError, match='val: gets none of 40 images in 1 groups of identical ones'):
        hold_out(items, {'val': 5}, tmp_path)


def test_single_image_of_a_class_stays_in_train(items, tmp_path):
    items[0] = SourceItem('train', '00.png', '00.png', class_name='rare')
    assert classes(hold_out(items, {'val': 0.15, 'test': 0.15}, tmp_path)[0], 'train')['rare'] == 1


@pytest.mark.parametrize(
    ('amounts', 'message'),
    [
        ({'dev': 3}, 'hold_out: dev: is not a split'),
        ({'train': 3}, 'hold_out: train: has images of its own'),
        ({'val': 0}, 'val: is 0; write a number'),
        ({'val': 1.0}, 'val: is 1.0'),
        ({'val': True}, 'val: is True'),
        ({'val': '48'}, "val: is '48'"),
        ({'val': 30, 'test': 0.25}, 'takes 40 of 40 images'),
    ],
)
def test_faulty_amounts(items, tmp_path, amounts, message):
    with pytest.raises(DataError, match=message):
        hold_out(items, amounts, tmp_path)
