import numpy as np
import pytest

from unihema_mm.datasets.prompts import choose_templates, fill_prompt
from unihema_mm.engine.hooks.exact_resume_hook import SeededIndex, SeedPipeline
from unihema_mm.utils.errors import InputError

PIPELINES = {
    'SmearDetDataset': ['LoadSmearImage', 'PackSmearInputs'],
    'SmearMaskDataset': ['LoadSmearImage', 'LoadCellMask', 'PackSmearInputs'],
}


@pytest.fixture(params=list(PIPELINES))
def make(request, rich, write_data, build):
    """Callable options -> dataset of each kind that has prompts."""
    root = write_data(rich)
    pipeline = [{'type': f'unihema_mm.{name}'} for name in PIPELINES[request.param]]
    return lambda **options: build(request.param, root, pipeline=pipeline, **options)


def texts(dataset, index=0, times=40):
    return [dataset[index]['data_samples'].text for _ in range(times)]


def test_one_template_unless_asked_for(make):
    dataset = make()
    assert set(texts(dataset)) == {'This image is for the detection of Malaria cells'}
    assert 'prompt' not in dataset.get_data_info(0) and len(dataset.pipeline.transforms) < 4


def test_training_draws_every_template(make):
    dataset = make(prompt_template='varied')
    filled = {fill_prompt('Malaria', template) for template in choose_templates('varied', dataset.task)}
    assert set(texts(dataset, times=100)) == filled
    assert {text.replace('RBC', 'Malaria') for text in texts(dataset, 1, 100)} == filled


def test_evaluation_uses_the_first(make):
    dataset = make(prompt_template='varied', test_mode=True)
    assert set(texts(dataset)) == {'This image is for the detection of Malaria cells'}
    dataset = make(prompt_template=['Find {prompt}', 'See {prompt}'], test_mode=True)
    assert set(texts(dataset)) == {'Find Malaria'}


def test_a_resumed_run_draws_the_same(make):
    """The seed that the index of a sample carries decides."""
    dataset = make(prompt_template=['Find {prompt}', 'See {prompt}', '{prompt}?'])
    dataset.pipeline.transforms.insert(0, SeedPipeline())
    drawn = []
    for start in (0, 1):
        np.random.seed(start)
        drawn.append([texts(dataset, SeededIndex(0, seed), 1)[0] for seed in range(30)])
    assert drawn[0] == drawn[1] and len(set(drawn[0])) == 3


def test_wrong_template_is_told_when_the_dataset_is_built(make):
    with pytest.raises(InputError, match=r'has no {prompt}'):
        make(prompt_template=['Find {prompt}', 'See'])
