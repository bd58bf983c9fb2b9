from collections import Counter

import pytest

from unihema_mm.datasets.text_generation.balance import Group, balanced_size, choose, uniform


@pytest.mark.parametrize(
    ('sizes', 'closed', 'size'),
    [
        ({'Yes': 90, 'No': 10}, True, 10),
        ({'Yes': 90}, True, 0),
        ({}, False, 0),
        ({'a': 9}, False, 0),
        ({'a': 60, 'b': 30, 'c': 10}, False, 10),
        ({'a': 60, 'b': 38, 'c': 2}, False, 38),
        ({'a': 97, 'b': 2, 'c': 1}, False, 3),
    ],
)
def test_size(sizes, closed, size):
    assert balanced_size(sizes, closed) == size


def filled(closed=True, **sizes):
    group, number = Group('key', 'kind', closed), 0
    for answer, size in sizes.items():
        for _ in range(size):
            group.add(answer, number)
            number += 1
    return group, [f'{place}.png' for place in range(number)]


def test_answers_are_equally_frequent_and_share_their_turns():
    group, images = filled(Yes=70, No=13)
    chosen = list(choose(group, images, seed=1))
    turns = {answer: sorted(turn for _, a, turn in chosen if a == answer) for answer in ('Yes', 'No')}
    assert len(turns['Yes']) == 13 and turns['Yes'] == turns['No']
    assert all((number < 70) == (answer == 'Yes') for number, answer, _ in chosen)
    assert len({number for number, _, _ in chosen}) == 26


def test_rare_open_answers_stay_whole():
    group, images = filled(closed=False, a=60, b=38, c=2)
    assert Counter(answer for _, answer, _ in choose(group, images, 0)) == {'a': 38, 'b': 38, 'c': 2}


def test_part_of_a_group_is_balanced_too():
    group, images = filled(Yes=40, No=40)
    for seed in range(10):
        counts = Counter(answer for _, answer, _ in choose(group, images, seed, share=0.31))
        assert counts['Yes'] == counts['No'] in (12, 13)
    group, images = filled(Yes=1, No=1)
    sizes = Counter(len(list(choose(group, images, seed, share=0.3))) for seed in range(200))
    assert set(sizes) == {0, 2} and 30 < sizes[2] < 95


def test_the_order_of_two_images_does_not_depend_on_others():
    group, images = filled(Yes=20, No=5)
    few = [number for number, answer, _ in choose(group, images, 3) if answer == 'Yes']
    for number in range(25, 28):
        group.add('No', number)
    more = choose(group, [*images, 'x', 'y', 'z'], 3)
    assert set(few) < {number for number, answer, _ in more if answer == 'Yes'}
    assert few != [number for number, answer, _ in choose(*filled(Yes=20, No=5), 4) if answer == 'Yes']


def test_uniform():
    draws = [uniform(0, 'a', str(n)) for n in range(400)]
    assert 0 <= min(draws) < 0.05 and 0.95 < max(draws) < 1 and len(set(draws)) == 400
    assert uniform(0, 'ab', 'c') != uniform(0, 'a', 'bc') and uniform(0, 'a') != uniform(1, 'a')
