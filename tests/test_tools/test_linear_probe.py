"""tools/analysis_tools/linear_probe.py on the single cells of a small corpus."""

import copy
import json

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope

from unihema_mm.datasets.synthetic.corpus import generate_corpus
from unihema_mm.datasets.synthetic.vocabulary import CLASSES
from unihema_mm.evaluation import linear_probe as probe
from unihema_mm.evaluation.linear_probe import linear_probe
from unihema_mm.registry import DATASETS, MODELS

TOOL = 'analysis_tools/linear_probe.py'


@pytest.fixture(scope='module')
def corpus(tmp_path_factory):
    root = tmp_path_factory.mktemp('cells')
    generate_corpus(root, num=6, cells=30, progress=False)
    return root


@pytest.fixture
def config(repo, corpus, tiny_tokenizer, tmp_path):
    """Config of all tasks with the corpus as single cells only; the fields are nowhere."""
    path = tmp_path / 'probe.py'
    path.write_text(f"""
_base_ = [
    {str(repo / 'configs/_base_/models/uni_hema_tiny_all_tasks.py')!r},
    {str(repo / 'configs/_base_/datasets/smear_all_tasks_small.py')!r},
    {str(repo / 'configs/_base_/default_runtime.py')!r},
]
model = dict(num_queries=20, text_encoder=dict(tokenizer={str(tiny_tokenizer)!r}))
train_dataloader = dict(dataset=dict(datasets=dict(cells=dict(data_root={str(corpus)!r}))))
test_dataloader = dict(cls=dict(num_workers=0, dataset=dict(data_root={str(corpus)!r})))
""")
    return path


@pytest.fixture
def checkpoint(config, tmp_path):
    init_default_scope('unihema_mm')
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(config).model)
    model.init_weights()
    path = tmp_path / 'weights.pth'
    torch.save(dict(state_dict=model.state_dict()), path)
    return path


def predicted_features(cfg, checkpoint, dataset):
    """Features and labels by the ordinary prediction, with the pipeline of the test."""
    model = MODELS.build(copy.deepcopy(cfg.model)).eval()
    model.load_state_dict(torch.load(checkpoint)['state_dict'])
    pipeline = cfg.test_dataloader.cls.dataset.pipeline
    dataset = DATASETS.build(dict(dataset, test_mode=True, pipeline=pipeline))
    batch = pseudo_collate([dataset[index] for index in range(len(dataset))])
    with torch.no_grad():
        samples = model.test_step(batch)
    return torch.stack([sample.pred_feature for sample in samples]), torch.cat(
        [sample.gt_label for sample in samples]
    )


def test_probes_the_predicted_features(config, checkpoint, call_tool, monkeypatch, tmp_path, capfd):
    given = []
    monkeypatch.setattr(probe, 'linear_probe', lambda *args: given.append(args) or linear_probe(*args))
    out = tmp_path / 'deep/result.json'
    assert call_tool(TOOL, config, checkpoint, '--out', out, '--device', 'cpu', '--max-iter', 7) == 0
    printed = capfd.readouterr()
    found = json.loads(out.read_text())

    cfg = Config.fromfile(config)
    train = predicted_features(cfg, checkpoint, cfg.train_dataloader.dataset.datasets.cells)
    test = predicted_features(cfg, checkpoint, cfg.test_dataloader.cls.dataset)
    ((*data, standardise, max_iter),) = given
    for tensor, expected in zip(data, (*train, *test), strict=True):
        torch.testing.assert_close(tensor, expected)
    assert standardise is False and max_iter == 7
    scores = linear_probe(*data, max_iter=7)
    assert scores.items() <= found.items()
    facts = dict(train_set='cells', test_set='cls', train_images=len(train[1]), test_images=len(test[1]))
    assert facts.items() <= found.items()
    assert found['classes'] == len(train[1].unique()) and found['dims'] == 128
    assert printed.out.count('weighted f1') == 1 and f'{100 * scores["accuracy"]:.1f} %' in printed.out
    assert {line.partition(':')[0].strip() for line in printed.err.splitlines()} >= {'train', 'test'}


def test_classes_may_be_others_than_those_of_the_model(config, checkpoint, call_tool, tmp_path):
    wide = tmp_path / 'wide.py'
    wide.write_text(f"""
_base_ = {str(config)!r}
classes = {['rare cells', *CLASSES]!r}  # one more than the head has
train_dataloader = dict(dataset=dict(datasets=dict(cells=dict(classes=classes))))
test_dataloader = dict(cls=dict(dataset=dict(classes=classes)))
""")
    out = tmp_path / 'result.json'
    assert call_tool(TOOL, wide, checkpoint, '--out', out, '--device', 'cpu') == 0
    assert 0 <= json.loads(out.read_text())['accuracy'] <= 1


def test_labels_must_mean_the_same(config, checkpoint, call_tool, tmp_path, capfd):
    other = tmp_path / 'other.py'
    classes = dict(cls=dict(dataset=dict(classes=CLASSES[::-1])))
    other.write_text(f'_base_ = {str(config)!r}\ntest_dataloader = {classes!r}\n')
    assert call_tool(TOOL, other, checkpoint) == 2
    error = capfd.readouterr().err
    assert 'test.json: has the classes sickle cells, ' in error
    assert 'train.json has RBC, ' in error and 'give both data sets the same argument classes' in error


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--task', 'count'], "model.tasks: has no 'count', but det, morph, inst, seg, cls, vqa, mlm; give"),
        (['--task', 'seg'], "'seg' is a SegmentationTask, which has no feature of a cell"),
        (['--train-set', 'cls'], '--train-set cls: '),
        (['--test-set', 'cells'], 'use one of det, cls, seg, vqa, vqa_text_only, mlm, mlm_text_only'),
        (['--test-set', 'seg'], 'test data: data_root data/synthetic/ not found; make it with'),
        (
            ['--cfg-options', 'test_dataloader.cls.dataset.classes=[A,B]'],
            'is not in classes',
        ),
        (
            ['--cfg-options', 'train_dataloader.dataset.datasets.cells.tasks=[vqa]'],
            "train_dataloader: has no data set of the task 'cls'; add one",
        ),
    ],
)
def test_wrong_arguments(config, checkpoint, call_tool, capfd, arguments, message):
    assert call_tool(TOOL, config, checkpoint, *arguments) == 2
    (line,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith('error: ')]
    assert message in line


def test_wrong_checkpoint(config, call_tool, capfd, tmp_path):
    assert call_tool(TOOL, config, tmp_path / 'none.pth') == 2
    assert 'none.pth: checkpoint not found' in capfd.readouterr().err
    torch.save(dict(state_dict={}), tmp_path / 'empty.pth')
    assert call_tool(TOOL, config, tmp_path / 'empty.pth') == 2
    assert 'empty.pth: does not fit the model' in capfd.readouterr().err


def test_one_class(config, checkpoint, corpus, call_tool, capfd):
    document = json.loads((corpus / 'annotations/train.json').read_text())
    cells = [image for image in document['images'] if image.get('class_name')]
    same = [image for image in cells if image['class_name'] == cells[0]['class_name']]
    file = corpus / 'annotations/one_class.json'
    file.write_text(json.dumps({**document, 'images': same, 'annotations': []}))
    option = 'train_dataloader.dataset.datasets.cells.ann_file=annotations/one_class.json'
    assert call_tool(TOOL, config, checkpoint, '--device', 'cpu', '--cfg-options', option) == 2
    error = capfd.readouterr().err
    assert f'one_class.json: class_name: all {len(same)} images are of one class; give' in error
