from collections import Counter

import pytest
from mmengine.dataset import BaseDataset, DefaultSampler
from mmengine.runner import Runner

from unihema_mm.datasets.samplers import TaskBatchSampler, task_batch_sampler
from unihema_mm.datasets.smear import MultiSetDataset
from unihema_mm.utils.errors import InputError


class Numbers(BaseDataset):
    def __init__(self, size):
        self.size = size
        super().__init__()

    def load_data_list(self):
        return [{'number': number} for number in range(self.size)]


def dataset_of(**sizes):
    return MultiSetDataset({name: Numbers(size) for name, size in sizes.items()})


SIZES = {'det': 7, 'seg': 20, 'vqa': 5}


@pytest.fixture
def make(monkeypatch):
    """Callable (composition, options) -> batch sampler of one process."""

    def build(composition, sizes=SIZES, rank=0, world=1, run_seed=3, **options):
        monkeypatch.setattr(task_batch_sampler, 'get_dist_info', lambda: (rank, world))
        return TaskBatchSampler(DefaultSampler(dataset_of(**sizes), seed=run_seed), composition, **options)

    return build


def named(sampler, batch):
    """Batch of (name, number in the set)."""
    ranges = sampler.sampler.dataset.set_ranges
    return [next((name, i - part.start) for name, part in ranges.items() if i in part) for i in batch]


def epoch_of(sampler, epoch=0):
    sampler.sampler.set_epoch(epoch)
    return [named(sampler, batch) for batch in sampler]


def test_composition_of_every_step(make):
    sampler = make({'det': 2, 'vqa': 1, 'seg': 3})
    batches = epoch_of(sampler)
    assert len(batches) == len(sampler) == 7  # 20 seg by 3
    for batch in batches:
        assert Counter(name for name, _ in batch) == {'det': 2, 'vqa': 1, 'seg': 3}
        assert len(set(batch)) == 6


@pytest.mark.parametrize(('steps', 'length'), [('longest', 4), ('shortest', 4)])
def test_what_is_drawn_along_does_not_make_an_epoch_longer(make, steps, length):
    sampler = make({'det': 2, 'seg': 1, 'vqa': 2}, steps=steps, counted=['det'])
    assert [Counter(name for name, _ in batch) for batch in epoch_of(sampler)] == [
        {'det': 2, 'seg': 1, 'vqa': 2}
    ] * length


@pytest.mark.parametrize('counted', [[], ['mlm'], ['seg', 'mlm']])
def test_counted_names_are_of_the_composition(make, counted):
    with pytest.raises(InputError, match=r'counted: is .*; write names of the composition: det, seg'):
        make({'det': 2, 'seg': 1}, counted=counted)


@pytest.mark.parametrize(('steps', 'length'), [('longest', 7), ('shortest', 4), (11, 11)])
def test_length_of_an_epoch(make, steps, length):
    assert len(epoch_of(make({'det': 2, 'seg': 3}, steps=steps))) == length


def test_every_sample_is_drawn_before_any_is_drawn_again(make):
    sampler = make({'det': 3, 'seg': 3}, steps=7)
    drawn = [item for epoch in range(5) for batch in epoch_of(sampler, epoch) for item in batch]
    for name in ('det', 'seg'):
        counts = Counter(item for item in drawn if item[0] == name)
        assert len(counts) == SIZES[name] and max(counts.values()) - min(counts.values()) <= 1


def test_order_depends_on_seed_and_epoch_alone(make):
    composition = {'det': 2, 'seg': 3}
    sampler = make(composition)
    first, second = epoch_of(sampler, 0), epoch_of(sampler, 1)
    assert first != second
    assert epoch_of(sampler, 0) == first and epoch_of(make(composition), 1) == second
    assert epoch_of(make(composition, run_seed=4)) != first != epoch_of(make(composition, seed=1))
    with_more = epoch_of(make({'vqa': 1, **composition}))
    assert [[item for item in batch if item[0] != 'vqa'] for batch in with_more] == first


def test_seed_of_the_run_may_come_later(make):
    sampler = make({'det': 2})
    epoch_of(sampler, 1)
    sampler.sampler.seed = 9
    assert epoch_of(sampler, 1) == epoch_of(make({'det': 2}, run_seed=9), 1)


def test_ranks_have_the_same_composition_and_different_samples(make):
    composition = [{'det': 2, 'seg': 3}, {'vqa': 2}]
    ranks = [make(composition, rank=rank, world=2, steps=9) for rank in range(2)]
    for epoch in range(3):
        for step, (one, two) in enumerate(
            zip(epoch_of(ranks[0], epoch), epoch_of(ranks[1], epoch), strict=True)
        ):
            for batch in (one, two):
                assert Counter(name for name, _ in batch) == composition[step % 2]
            assert not set(one) & set(two)


def test_steps_in_turn(make):
    sampler = make([{'det': 1}, {'seg': 4}, {'det': 2}])
    assert len(sampler) == 14  # seg is drawn once at the 5th turn of the 2nd entry
    names = [{name for name, _ in batch} for batch in epoch_of(sampler)]
    assert names == ([{'det'}, {'seg'}, {'det'}] * 5)[:14]
    assert [len(batch) for batch in epoch_of(sampler)][:3] == [1, 4, 2] and sampler.batch_size == 4


def test_small_set_repeats_with_one_line(make, monkeypatch):
    lines = []
    monkeypatch.setattr(task_batch_sampler, 'print_log', lambda text, **_: lines.append(text))
    (batch,) = epoch_of(make({'det': 3}, sizes={'det': 2, 'seg': 4}))
    assert sorted(Counter(batch).values()) == [1, 2]
    assert '1 steps an epoch; in a step 3 det; samples: det 2, seg 4' in lines[0]
    assert 'never drawn' in lines[1] and lines[1].endswith(': seg')
    assert lines[2:] == ['TaskBatchSampler: det: 2 samples, 3 in a step: some repeat in it']


@pytest.mark.parametrize('done', [0, 1, 2, 5])
def test_begin_at_a_step(make, done):
    sampler = make([{'det': 1}, {'seg': 4, 'det': 2}])
    whole = list(sampler)
    assert sampler.begin_at(done) == sum(map(len, whole[:done]))
    rest = list(sampler)
    assert len(rest) == len(whole) - done
    assert [len(batch) for batch in rest] == [len(batch) for batch in whole[done:]]
    assert list(sampler) == whole


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'composition': {'dets': 1}}, r"'dets' is not a data set of the dataset \(nearest: det"),
        ({'composition': {'det': 0}}, 'composition: det: is 0; write'),
        ({'composition': {'det': True}}, 'composition: det: is True'),
        ({'composition': []}, r'composition: is \[\]; write dict'),
        ({'composition': 'det'}, "composition: is 'det'; write dict"),
        ({'composition': [{'det': 1}, {}]}, 'composition: is .*; write dict'),
        ({'composition': {'det': 2}, 'steps': 'all'}, "steps: is 'all'; write 'longest'"),
        ({'composition': {'det': 2}, 'steps': 0}, 'steps: is 0'),
        ({'composition': {'det': 2}, 'batch_size': 4}, 'has 2 samples in a step; write batch_size=2'),
    ],
)
def test_wrong_arguments(make, options, message):
    with pytest.raises(InputError, match=message):
        make(**options)


def test_dataset_without_named_sets():
    with pytest.raises(InputError, match='Numbers has no named data sets; use MultiSetDataset'):
        TaskBatchSampler(DefaultSampler(Numbers(3), seed=0), {'det': 1})


def test_built_from_a_config():
    loader = Runner.build_dataloader(
        {
            'batch_size': 3,
            'num_workers': 0,
            'dataset': dataset_of(a=4, b=6),
            'sampler': {'type': 'DefaultSampler'},
            'batch_sampler': {'type': 'unihema_mm.TaskBatchSampler', 'composition': {'a': 1, 'b': 2}},
        },
        seed=5,
    )
    assert len(loader) == 4 and loader.batch_sampler.sampler.seed == 5
    assert [len(batch['number']) for batch in loader] == [3] * 4
