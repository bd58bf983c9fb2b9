"""A stage starts from what it declares, or not at all."""

import copy
import os
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from safetensors.torch import save_file
from torch import nn

from unihema_mm.engine.stages.label_spaces import find_label_spaces, merge_label_spaces
from unihema_mm.engine.stages.starting_weights import load_starts
from unihema_mm.registry import MODELS
from unihema_mm.structures.attributes import AttributeSchema
from unihema_mm.utils.errors import InputError


class Head(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.num_classes = num_classes
        self.cls_branches = nn.Linear(4, num_classes)
        self.reg_branches = nn.Linear(4, 4)


class CellTask(nn.Module):
    reads = ('memory',)

    def __init__(self, num_classes=2):
        super().__init__()
        self.num_classes = num_classes
        self.head = nn.Linear(4, num_classes)
        self.head.num_classes = num_classes


class BoxTask(nn.Module):
    reads = ('objects',)

    def __init__(self, values=('small', 'big')):
        super().__init__()
        self.head = nn.Linear(4, len(values))
        self.head.schema = AttributeSchema({'size': values})


class Model(nn.Module):
    """A buffer, a parameter of its own, tied weights, heads and tasks."""

    def __init__(self, seed=0, num_classes=3, **tasks):
        torch.manual_seed(seed)
        super().__init__()
        self.level_embed = nn.Parameter(torch.randn(2))
        self.backbone = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4))
        self.backbone[1].running_mean.normal_()
        self.bbox_head = Head(num_classes)
        self.text = nn.Module()
        self.text.shared, self.text.out = nn.Linear(4, 4), nn.Linear(4, 4)
        self.text.out.weight = self.text.shared.weight
        self.tasks = nn.ModuleDict({'cls': CellTask(), 'morph': BoxTask(), **tasks})


VISION = ['level_embed', 'backbone', 'bbox_head', 'tasks']
CLASSES = dict(classes=['RBC', 'WBC', 'Platelets'])


@pytest.fixture
def save(tmp_path):
    """Callable (name, model or weights, **more) -> checkpoint."""

    def write(name, content, **more):
        weights = content.state_dict() if isinstance(content, nn.Module) else content
        path = tmp_path / name
        torch.save({'state_dict': weights, **more} if more else weights, path)
        return path

    return write


def unchanged(model, starts, *args, **kwargs):
    """The message of a refusal that leaves the model as it was."""
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(InputError) as error:
        load_starts(model, starts, *args, **kwargs)
    after = model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert '\n' not in str(error.value)
    return str(error.value)


def origins(model, others):
    """Weight -> names of the models that have the same values."""
    states = {key: other.state_dict() for key, other in others.items()}
    return {
        name: {key for key, state in states.items() if torch.equal(state[name], value)}
        for name, value in model.state_dict().items()
        if value.is_floating_point() and value.unique().numel() > 1
    }


def test_two_starts_and_initialised_parts(save):
    vision, text, model = Model(1), Model(2), Model(3)
    others = dict(vision=vision, text=text, own=copy.deepcopy(model))
    text_weights = {f'module.{name}': value for name, value in text.state_dict().items()}
    report = load_starts(
        model,
        [
            (save('vision.pth', vision, meta={}), ['level_embed', 'backbone', 'bbox_head', 'tasks.cls']),
            (save('text.pth', text_weights), ['text']),
        ],
        ['tasks.morph', 'bbox_head.cls_branches'],
    )
    for name, found in origins(model, others).items():
        own = name.startswith(('tasks.morph', 'bbox_head.cls_branches'))
        assert found == {'own' if own else 'text' if name.startswith('text') else 'vision'}, name
    rows = {(row.part, row.source and os.path.basename(row.source)): row[2:4] for row in report.parts}
    assert rows == {
        ('level_embed', 'vision.pth'): (1, 2),
        ('backbone', 'vision.pth'): (7, 20),
        ('bbox_head', None): (2, 15),
        ('bbox_head', 'vision.pth'): (2, 20),
        ('text', 'text.pth'): (3, 24),
        ('tasks.cls', 'vision.pth'): (2, 10),
        ('tasks.morph', None): (2, 10),
    }
    assert report.loaded == 15 and all(row.covered for row in report.ignored)
    lines = report.lines()
    assert lines[1].split() == ['|', 'module', '|', 'from', '|', 'tensors', '|', 'parameters', '|']
    assert any(line.split()[1:4] == ['tasks.morph', '|', 'initialised'] for line in lines[3:])
    assert report.to_json()['parts'][0]['part'] == 'level_embed'


def test_nothing_and_everything(save):
    model = Model(1)
    model.backbone.init_cfg = dict(type='Pretrained', checkpoint='torchvision://resnet50')
    report = load_starts(model, [])
    assert report.loaded == 0 and {row.source for row in report.parts} == {None}
    assert [row.part for row in report.parts if row.pretrained] == ['backbone']
    assert any('initialised (torchvision://resnet50)' in line for line in report.lines())
    path = save('all.pth', Model(2))
    load_starts(model, [(path, None)])
    assert all(found == {2} for found in origins(model, {1: Model(1), 2: Model(2)}).values())


def test_safetensors_and_weights_in_half_precision(tmp_path):
    source = {
        name: value.half() for name, value in Model(2).state_dict().items() if name != 'text.out.weight'
    }
    source['text.out.weight'] = source['text.shared.weight'].clone()
    save_file(source, tmp_path / 'a.safetensors')
    model = Model(1)
    load_starts(model, [(tmp_path / 'a.safetensors', None)])
    assert model.level_embed.dtype == torch.float32
    assert torch.equal(model.level_embed.half(), source['level_embed'])


def test_missing(save):
    weights = Model(2).state_dict()
    for name in ('backbone.1.running_mean', 'backbone.1.num_batches_tracked', 'backbone.0.bias'):
        del weights[name]
    path = save('a.pth', weights)
    text = unchanged(Model(1), [(path, None)])
    assert 'a.pth: lacks 2 weights (backbone.0.bias, backbone.1.running_mean) of the modules' in text
    text = unchanged(Model(1), [(path, ['bbox_head', 'tasks', 'text'])], ['backbone'])
    assert 'a.pth: no start gives 1 weights (level_embed); add their modules to' in text
    load_starts(Model(1), [(path, ['bbox_head', 'tasks', 'text'])], ['backbone', 'level_embed'])
    load_starts(Model(1), [(path, None)], ['backbone'])


def test_unexpected(save):
    source = Model(2, vqa=CellTask())
    path = save('a.pth', source)
    text = unchanged(Model(1), [(path, None)])
    assert 'a.pth: 2 weights (tasks.vqa.head.weight, tasks.vqa.head.bias) are not in the model' in text
    report = load_starts(
        Model(1), [(path, ['level_embed', 'backbone', 'bbox_head', 'text', 'tasks.cls'])], ['tasks.morph']
    )
    assert report.lines()[-1].endswith(
        'holds weights that this model has not, tensors of each: tasks.vqa (2)'
    )


def test_other_shape_needs_a_declaration(save):
    """A COCO detector has 80 classes."""
    coco, model = Model(2, num_classes=80), Model(1)
    path = save('coco.pth', coco)
    text = unchanged(model, [(path, None)])
    assert 'coco.pth: 2 weights (bbox_head.cls_branches.weight, bbox_head.cls_branches.bias)' in text
    assert '(80, 4) there, (3, 4) here' in text and 'initialised' in text
    before = model.bbox_head.cls_branches.weight.clone()
    report = load_starts(model, [(path, None)], ['bbox_head.cls_branches'])
    assert torch.equal(model.bbox_head.cls_branches.weight, before)
    assert torch.equal(model.bbox_head.reg_branches.weight, coco.bbox_head.reg_branches.weight)
    assert [row.tensors for row in report.parts if row.part == 'bbox_head'] == [2, 2]


def test_a_weight_comes_from_one_start(save):
    first, second = save('a.pth', Model(1)), save('b.pth', Model(2))
    text = unchanged(Model(3), [(first, None), (second, ['text'])])
    assert 'b.pth: 4 weights (text.shared.weight, text.shared.bias, text.out.weight, ...) come from' in text
    assert text.count('a.pth too') == 1
    text = unchanged(Model(3), [(first, ['text', 'tasks'])], ['text', 'level_embed'])
    assert 'a.pth: modules: 1 (text) are among the initialised ones too' in text


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_weights_must_be_finite(save, value):
    weights = Model(2).state_dict()
    weights['backbone.1.running_var'][1] = value
    path = save('a.pth', weights)
    text = unchanged(Model(1), [(path, None)])
    assert 'a.pth: 1 weights (backbone.1.running_var) hold NaN or infinity' in text
    load_starts(Model(1), [(path, None)], ['backbone'])  # what is not taken does not matter


@pytest.mark.parametrize(
    ('modules', 'initialised', 'message'),
    [
        (['backbon'], [], r"a\.pth: modules: no module or parameter .* 'backbon'; .* backbone"),
        (['backbone'], ['level_embd'], r"initialised: no module .* 'level_embd'; .* level_embed"),
        ('backbone', [], 'must be a list of names'),
        (['x9'], [], "named 'x9'; write one such as level_embed, backbone, bbox_head, text, tasks$"),
        ([''], [], "named ''"),
        (['backbone'], 'text', 'must be a list of names'),
    ],
)
def test_unknown_names(save, modules, initialised, message):
    with pytest.raises(InputError, match=message):
        load_starts(Model(1), [(save('a.pth', Model(2)), modules)], initialised)


class _Bait:
    def __reduce__(self):
        return os.mkdir, ('bait',)


def test_files_that_are_no_checkpoints(save, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evil = save('evil.pth', Model(2), meta=_Bait())
    cut = save('cut.pth', Model(2))
    cut.write_bytes(cut.read_bytes()[:1500])
    for path, message in (
        (evil, 'evil.pth: refused, it names'),
        (cut, 'cut.pth: '),
        (tmp_path / 'absent.pth', 'absent.pth: checkpoint not found'),
        (
            save('odd.pth', {'model': {'a': 1}}),
            'odd.pth: its entries are no weights: 1 (model); give a state',
        ),
        (save('empty.pth', {}), 'empty.pth: holds no weights'),
    ):
        assert message in unchanged(Model(1), [(path, None)])
    assert not (tmp_path / 'bait').exists()
    good = save('good.pth', Model(2))
    assert 'cut.pth' in unchanged(Model(1), [(good, VISION), (cut, ['text'])])


def spaces(model, **classes):
    sets = [SimpleNamespace(tasks=(key,), metainfo=dict(classes=names)) for key, names in classes.items()]
    return find_label_spaces(model, sets)


def test_label_spaces():
    assert spaces(Model(), morph=('RBC', 'WBC', 'Platelets'), cls=('a', 'b')) == {
        'bbox_head.cls_branches': CLASSES,
        'tasks.cls.head': dict(classes=['a', 'b']),
        'tasks.morph.head': dict(attributes={'size': ['small', 'big']}),
    }
    sets = [SimpleNamespace(tasks=('cls', 'morph'), metainfo=dict(classes=names)) for names in ('ab', 'ba')]
    with pytest.raises(
        InputError, match=r"tasks\.cls\.head: output 0 is class 'a' in the others and class 'b'"
    ):
        find_label_spaces(Model(), sets)


def test_classes_for_which_attributes_are_annotated():
    def found(*annotated, task='morph'):
        sets = [SimpleNamespace(tasks=(task,), annotated_attributes=table) for table in annotated]
        return find_label_spaces(Model(), sets, sets)

    one, other = {'WBC': ['size']}, {'WBC': ['shape'], 'RBC': ['size']}
    space = found(one, other, None)['tasks.morph.head']
    assert space == {
        'attributes': {'size': ['small', 'big']},
        'annotated': {'WBC': ['size', 'shape'], 'RBC': ['size']},
    }
    unknown = found()
    assert 'annotated' not in unknown['tasks.morph.head'] and found(one, task='det') == unknown
    assert found({})['tasks.morph.head']['annotated'] == {}
    assert merge_label_spaces(found(one), unknown) == merge_label_spaces(unknown, found(one)) == found(one)
    assert merge_label_spaces(found(one), found(other))['tasks.morph.head'] == space
    cells = {'tasks.cls.head': dict(classes=['a'])}
    assert merge_label_spaces({**cells, **found(one)}, {}) == {**cells, **found(one)}
    assert merge_label_spaces(cells, {'tasks.cls.head': dict(classes=['b'])}) == {
        'tasks.cls.head': dict(classes=['b'])
    }


def test_other_classes_and_attributes(save):
    ours = spaces(Model(), morph=('RBC', 'WBC', 'Platelets'), cls=('a', 'b'))
    theirs = {**ours, 'tasks.cls.head': dict(classes=['b', 'a']), 'bbox_head.cls_branches': dict(classes=[])}
    path = save('a.pth', Model(2), meta=dict(label_spaces=theirs))
    starts = [(path, None)]
    text = unchanged(Model(1), starts, [], ours)
    assert 'a.pth: bbox_head.cls_branches was trained with other classes than those of this run' in text
    assert "output 0 is class 'RBC' here and absent there" in text
    text = unchanged(Model(1), starts, ['bbox_head.cls_branches'], ours)
    assert 'tasks.cls.head was trained' in text and "output 0 is class 'a' here and class 'b' there" in text
    report = load_starts(Model(1), starts, ['bbox_head.cls_branches', 'tasks.cls.head'], ours)
    assert set(report.label_spaces) == {'tasks.morph.head'}
    load_starts(Model(1), starts)  # this run says nothing of them

    other = Model(2, morph=BoxTask(('big', 'small')))
    path = save('b.pth', other, meta=dict(label_spaces=spaces(other)))
    text = unchanged(Model(1), [(path, None)], [], ours)
    assert (
        'tasks.morph.head was trained with other attributes' in text
        and "attribute 'size' 'small' here" in text
    )


@pytest.mark.parametrize(
    ('meta', 'refused'),
    [
        (dict(dataset_meta=dict(classes=('WBC', 'RBC', 'Platelets'))), True),
        (dict(CLASSES=('WBC', 'RBC', 'Platelets')), True),
        (dict(dataset_meta=dict(sets=dict(a=dict(classes=('x', 'y', 'z')), b=CLASSES))), False),
        (dict(dataset_meta=dict(classes=('a', 'b'))), False),  # of another head
        (dict(dataset_meta=None), False),
        (None, False),
    ],
)
def test_classes_of_checkpoints_of_other_programs(save, meta, refused):
    ours = spaces(Model(), morph=CLASSES['classes'])
    starts = [(save('a.pth', Model(2), meta=meta), None)]
    if refused:
        assert "class 'RBC' here and class 'WBC' there" in unchanged(Model(1), starts, [], ours)
    else:
        load_starts(Model(1), starts, [], ours)


@pytest.fixture
def build(repo, tiny_tokenizer):
    """Callable (seed, tokenizer) -> the tiny UniHema with all tasks."""
    init_default_scope('unihema_mm')

    def make(seed, tokenizer=tiny_tokenizer):
        cfg = Config.fromfile(repo / 'configs/_base_/models/uni_hema_tiny_all_tasks.py').model
        cfg.bbox_head.num_classes = 3
        cfg.text_encoder.tokenizer = str(tokenizer)
        torch.manual_seed(seed)
        model = MODELS.build(cfg)
        model.init_weights()
        return model

    return make


def test_uni_hema_from_a_text_stage_and_an_old_detector(build, save):
    """The detector has mmdet's narrow box encoding and no text branch."""
    model, detector, text = build(0), build(1), build(2)
    weights = {
        name: value for name, value in detector.state_dict().items() if not name.startswith(('text', 'tasks'))
    }
    wide = 'decoder.ref_point_head.layers.0.weight'
    narrow = weights[wide].reshape(len(weights[wide]), 4, -1, 2)[:, :, ::2].flatten(1)
    parts = [
        name for name, _ in model.named_children() if not name.startswith(('text', 'tasks', 'data', 'pos'))
    ]
    report = load_starts(
        model,
        [
            (save('coco.pth', {**weights, wide: narrow}), [*parts, 'level_embed']),
            (save('text.pth', text), ['text_encoder', 'text_decoder']),
        ],
        ['text_refiner', 'text_fusion', 'tasks'],
    )
    state = model.state_dict()
    assert torch.equal(state[wide].reshape(len(narrow), 4, -1, 2)[:, :, ::2].flatten(1), narrow)
    same = [name for name in weights if name != wide and not torch.equal(state[name], weights[name])]
    assert not same
    texts = {n: v for n, v in text.state_dict().items() if n.startswith(('text_encoder', 'text_decoder'))}
    assert all(torch.equal(state[name], value) for name, value in texts.items())
    assert model.text_decoder.model.lm_head.weight is model.text_decoder.model.shared.weight
    assert {row.part for row in report.parts if row.source is None} >= {'text_fusion', 'tasks.seg'}
    assert sum(row.parameters for row in report.parts) == sum(p.numel() for p in model.parameters())


def test_text_of_another_tokenizer(build, save, tmp_path):
    from unihema_mm.models.text.tokenizer import train_tokenizer

    train_tokenizer(['White cells with a nucleus'], tmp_path / 'other', vocab_size=512)
    path = save('text.pth', build(1, tmp_path / 'other'))
    model = build(0)
    rest = [name for name, _ in (*model.named_children(), *model.named_parameters(recurse=False))]
    text = unchanged(model, [(path, ['text_decoder'])], [name for name in rest if name != 'text_decoder'])
    assert 'text.pth: text_decoder was trained with another tokenizer than' in text
