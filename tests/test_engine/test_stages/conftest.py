"""The six tiny stages, each trained for two steps from those before it, and watched."""

import pytest

from unihema_mm.datasets.synthetic.corpus import generate_corpus

from .watched_stages import train_watched


@pytest.fixture(scope='session')
def toy_options(tiny_tokenizer, tmp_path_factory):
    """Options of a stage that trains on a synthetic corpus of a few images for all tasks."""
    root = tmp_path_factory.mktemp('data')
    generate_corpus(root / 'toy', num=10, cells=10, progress=False)
    return {'stage_data.root': str(root), 'model.text_encoder.tokenizer': str(tiny_tokenizer)}


@pytest.fixture(scope='session')
def watched_work_dir(tmp_path_factory):
    """Folder of the work folders of the watched stages."""
    return tmp_path_factory.mktemp('work')


@pytest.fixture(scope='session')
def watched_stages(repo, toy_options, watched_work_dir):
    """What the stages 1 to 6 did, in a list."""
    return [
        train_watched(
            repo / f'configs/uni_hema/tiny/stage{number}.py',
            watched_work_dir / f'stage{number}',
            validate=number < 3,  # stages 1 and 2 call nothing of the other modality there either
            options=toy_options,
        )
        for number in range(1, 7)
    ]
