from collections import Counter

import numpy as np
import pytest
from mmengine.dataset import BaseDataset, DefaultSampler

from unihema_mm.datasets.samplers import TaskBatchSampler, task_batch_sampler
from unihema_mm.datasets.samplers.groups import SetGroup, check_groups
from unihema_mm.datasets.smear import MultiSetDataset
from unihema_mm.utils.errors import InputError

SIZES = {'small': 4, 'middle': 16, 'big': 64, 'cells': 10}
SETS = ('small', 'middle', 'big')


class Numbers(BaseDataset):
    def __init__(self, size):
        self.size = size
        super().__init__(serialize_data=False)

    def load_data_list(self):
        return [{'number': number} for number in range(self.size)]


@pytest.fixture
def make(monkeypatch):
    """Callable (options) -> batch sampler of one process, with a group 'det' of three sets."""

    def build(rank=0, world=1, temperature=0.5, sizes=SIZES, composition=None, **options):
        monkeypatch.setattr(task_batch_sampler, 'get_dist_info', lambda: (rank, world))
        dataset = MultiSetDataset({name: Numbers(size) for name, size in sizes.items()})
        options.setdefault('groups', {'det': {'sets': SETS, 'temperature': temperature}})
        composition = composition or {'det': 8, 'cells': 2}
        return TaskBatchSampler(DefaultSampler(dataset, seed=3), composition, **options)

    return build


def epoch_of(sampler, epoch=0):
    """Batches of (name, number in the set)."""
    ranges = sampler.sampler.dataset.set_ranges
    sampler.sampler.set_epoch(epoch)
    return [
        [next((name, i - part.start) for name, part in ranges.items() if i in part) for i in batch]
        for batch in sampler
    ]


def names_of(batches):
    return [[name for name, _ in batch] for batch in batches]


@pytest.mark.parametrize(
    ('temperature', 'shares'),
    [(1, [4 / 84, 16 / 84, 64 / 84]), (0.5, [2 / 14, 4 / 14, 8 / 14]), (0, [1 / 3] * 3), (1e6, [0, 0, 1])],
)
def test_shares(make, temperature, shares):
    np.testing.assert_allclose(SetGroup(SETS, temperature).probabilities(SIZES), shares, atol=1e-12)
    batches = epoch_of(make(temperature=temperature, steps=500))
    counts = Counter(name for batch in names_of(batches) for name in batch)
    assert counts['cells'] == 1000 and counts.total() == 5000
    # five standard deviations of a share in 4000 draws are at most 0.04
    np.testing.assert_allclose([counts[name] / 4000 for name in SETS], shares, atol=0.04)


def test_every_step_has_its_number_of_samples(make):
    sampler = make(composition=[{'det': 3}, {'det': 1, 'cells': 4}], steps=20)
    batches = epoch_of(sampler)
    assert [len(batch) for batch in batches] == [3, 5] * 10 and sampler.batch_size == 5
    assert all(Counter(names)['cells'] == 4 for names in names_of(batches)[1::2])
    assert len({tuple(names) for names in names_of(batches)}) > 3


def test_samples_of_a_set_are_drawn_before_any_is_drawn_again(make):
    drawn = [item for epoch in range(3) for batch in epoch_of(make(steps=40), epoch) for item in batch]
    for name in SIZES:
        counts = Counter(number for set_name, number in drawn if set_name == name)
        assert len(counts) == SIZES[name] and max(counts.values()) - min(counts.values()) <= 1


def test_order_depends_on_seed_and_epoch_alone(make):
    sampler = make(steps=10)
    first, second = epoch_of(sampler, 0), epoch_of(sampler, 1)
    assert names_of(first) != names_of(second)
    assert epoch_of(sampler, 0) == first and epoch_of(make(steps=10), 1) == second
    assert names_of(epoch_of(make(steps=10, seed=1))) != names_of(first)


def test_processes_pick_the_same_sets_and_different_samples(make):
    ranks = [epoch_of(make(rank=rank, world=2, steps=30, composition={'det': 2})) for rank in range(2)]
    assert names_of(ranks[0]) == names_of(ranks[1])
    assert not any(set(one) & set(two) for one, two in zip(*ranks, strict=True))


@pytest.mark.parametrize('done', [0, 1, 7])
def test_begin_at_a_step(make, done):
    """That the rest is that of the whole is in the test of ExactResumeHook."""
    sampler = make(composition=[{'det': 3}, {'det': 1, 'cells': 4}], steps=9)
    whole = list(sampler)
    assert sampler.begin_at(done) == sum(map(len, whole[:done]))
    assert len(list(sampler)) == 9 - done and list(sampler) == whole


def test_set_beside_its_group(make):
    """What the composition and groups draw of one set in a step differs."""
    groups = {'det': {'sets': ['small'], 'temperature': 1}, 'more': {'sets': ['small', 'big']}}
    sampler = make(composition={'det': 1, 'small': 2, 'more': 1}, groups=groups, steps=20)
    for batch in epoch_of(sampler):
        assert Counter(name for name, _ in batch)['small'] in (3, 4) and len(set(batch)) == 4


@pytest.mark.parametrize(('steps', 'length'), [('longest', 11), ('shortest', 5)])
def test_group_counts_as_one_set_in_the_length_of_an_epoch(make, steps, length):
    assert len(make(steps=steps)) == length  # 84 samples by 8; 10 cells by 2


def test_without_groups_nothing_changes(make):
    composition = {'middle': 2, 'cells': 3}
    plain, unused = make(composition=composition, groups=None), make(composition=composition)
    assert epoch_of(plain) == epoch_of(unused) and not unused.groups


def test_report(make, monkeypatch):
    lines = []
    monkeypatch.setattr(task_batch_sampler, 'print_log', lambda text, **_: lines.append(text))
    make(groups={'det': {'sets': ('small', 'big'), 'temperature': 0}, 'other': {'sets': ['middle']}})
    assert 'in a step 8 det, 2 cells; samples: small 4' in lines[0]
    assert lines[1:] == [
        'TaskBatchSampler: det draws with temperature 0 from small 50.0%, big 50.0%',
        'TaskBatchSampler: never drawn, as no composition names them: middle, other',
        'TaskBatchSampler: small: 4 samples, up to 8 in a step may repeat',
    ]


@pytest.mark.parametrize(
    ('groups', 'message'),
    [
        ({'det': {'sets': ('smal',)}}, r"groups: det: sets: 'smal' is not a data set .*\(nearest: small"),
        ({'cells': {'sets': ('small',)}}, 'groups: cells: is the name of a data set too'),
        ({'det': {'sets': ()}}, r'det: sets: is \(\); name the data sets'),
        ({'det': {'sets': 'small'}}, "det: sets: is 'small'; name the data sets"),
        ({'det': {'sets': ['big', 'big']}}, "det: sets: 'big' is named twice"),
        ({'det': {'sets': ['big'], 'temperature': -0.1}}, 'det: temperature: is -0.1; write a number of at'),
        ({'det': {'sets': ['big'], 'temperature': float('nan')}}, 'det: temperature: is nan'),
        ({'det': {'sets': ['big'], 'temperature': '1'}}, "det: temperature: is '1'"),
        ({'det': {'sets': ['big'], 'temperature': True}}, 'det: temperature: is True'),
        ({'det': {'sets': ['big'], 'temprature': 1}}, 'det: is .*; write dict'),
        ({'det': ['big']}, r"det: is \['big'\]; write dict"),
        (['det'], r"groups: is \['det'\]; write dict"),
    ],
)
def test_wrong_groups(groups, message):
    with pytest.raises(InputError, match=message):
        check_groups(groups, [*SIZES])


def test_wrong_use(make):
    with pytest.raises(
        InputError, match=r"'dett' is not a data set of the dataset or a group \(nearest: det"
    ):
        make(composition={'dett': 1})
    with pytest.raises(InputError, match='small: has no samples'):
        make(sizes={**SIZES, 'small': 0})
