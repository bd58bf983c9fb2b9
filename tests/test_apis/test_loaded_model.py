"""What a model can be loaded from, and what is said where it cannot."""

import shutil
import sys

import pytest
import torch
from mmengine.config import Config

from unihema_mm.apis import UniHemaInferencer, load_model
from unihema_mm.apis.plain_config import read_plain_config
from unihema_mm.engine.publishing import publish
from unihema_mm.utils.errors import InputError

from .drawn import CELL_CLASSES, CLASSES, smear


@pytest.fixture
def copied(work_folder, tmp_path):
    """Copy of the work folder that a test may change."""
    return shutil.copytree(work_folder, tmp_path / 'work')


def rewrite(folder, change):
    """Change the content of the checkpoint."""
    content = torch.load(folder / 'epoch_1.pth', weights_only=True)
    change(content)
    torch.save(content, folder / 'epoch_1.pth')


def test_checkpoint_folder_and_given_config(copied, tmp_path):
    shutil.move(copied / 'all.py', tmp_path / 'elsewhere.py')
    loaded = load_model(copied / 'epoch_1.pth', tmp_path / 'elsewhere.py', 'cpu')
    assert loaded.classes == CLASSES and loaded.cell_classes == CELL_CLASSES
    assert not loaded.model.training and loaded.device.type == 'cpu'
    assert set(loaded.learned) == {'det', 'morph', 'inst', 'seg', 'cls', 'vqa', 'mlm'}
    assert len(loaded.cell_schema) == len(loaded.image_schema) == 11
    (copied / 'last_checkpoint').unlink()
    assert load_model(copied, tmp_path / 'elsewhere.py', 'cpu').source == str(copied / 'epoch_1.pth')


def test_names_come_from_the_weights_or_the_config(copied):
    spaces = {'bbox_head.cls_branches': dict(classes=['a', 'b', 'c'])}
    rewrite(copied, lambda content: content['meta'].update(label_spaces=spaces))
    assert load_model(copied, device='cpu').classes == ('a', 'b', 'c')
    rewrite(copied, lambda content: content.pop('meta'))
    loaded = load_model(copied, device='cpu')
    assert loaded.classes == () and set(loaded.learned) == {'seg', 'vqa', 'mlm'}
    with (copied / 'all.py').open('a') as file:
        file.write("test_dataloader['det']['dataset']['classes'] = ['x', 'y', 'z']\n")
    loaded = load_model(copied, device='cpu')
    assert loaded.classes == ('x', 'y', 'z') and 'det' in loaded.learned and 'cls' not in loaded.learned
    with (copied / 'all.py').open('a') as file:
        file.write("test_dataloader['det']['dataset']['classes'] = ['x', 'y']\n")
    with pytest.raises(InputError, match='has 3 outputs, but 2 classes are named'):
        load_model(copied, device='cpu')


def test_attributes_are_told_of_classes_that_have_them(copied):
    def predicted():
        model = UniHemaInferencer(copied, device='cpu')
        (field,) = model(smear(), tasks='morph', score_threshold=0.0, progress=False)
        (cell,) = model(smear(30, 30), tasks='cls', progress=False)
        return field.cells, cell.cell_class

    cells, cell_class = predicted()
    assert all(len(cell.attributes) == 11 for cell in (*cells, cell_class))
    labels = sorted({cell.label for cell in cells})
    assert len(labels) > 1
    schema = load_model(copied, device='cpu').cell_schema.attributes
    annotated = {labels[0]: ['cell_size']}
    spaces = {
        'tasks.morph.head': dict(annotated=annotated, attributes={'cell_size': ['small', 'big']}),
        'tasks.cls.attribute_head': dict(
            annotated={}, attributes={name: list(values) for name, values in schema.items()}
        ),
    }
    rewrite(copied, lambda content: content['meta'].update(label_spaces=spaces))
    with pytest.raises(InputError, match=r'tasks\.morph\.head: output 2 is'):
        load_model(copied, device='cpu')
    spaces['tasks.morph.head']['attributes'] = spaces['tasks.cls.attribute_head']['attributes']
    rewrite(copied, lambda content: content['meta'].update(label_spaces=spaces))
    found, found_class = predicted()
    for one, other in zip(cells, found, strict=True):
        names = annotated.get(one.label, [])
        assert other.attributes == {name: one.attributes[name] for name in names}
        assert list(other.attribute_scores) == names
    assert found_class.label == cell_class.label and found_class.attributes == {}


def test_tasks_that_were_not_trained_are_not_learned(copied):
    text = (copied / 'all.py').read_text() + "train_dataloader['dataset']['datasets'].pop('vqa')\n"
    (copied / 'all.py').write_text(text + "test_dataloader.pop('vqa')\n")
    assert 'vqa' not in load_model(copied, device='cpu').learned


def test_what_cannot_be_loaded_is_said_in_one_line(copied, tmp_path):
    (tmp_path / 'empty').mkdir()
    for model, text in (
        (tmp_path / 'gone.pth', 'gone.pth: not found'),
        (tmp_path / 'empty', 'holds no model'),
        ('someone/some-model', 'give download=True'),
    ):
        with pytest.raises(InputError, match=text) as error:
            load_model(model)
        assert '\n' not in str(error.value)
    with pytest.raises(InputError, match='device cuda:99: cannot be used'):
        load_model(copied, device='cuda:99')
    shutil.copy(copied / 'all.py', copied / 'other.py')
    with pytest.raises(InputError, match=r'it holds all.py, other.py; give it as config'):
        load_model(copied)
    with (copied / 'other.py').open('a') as file:
        file.write('stage = dict(number=1)\n')
    with pytest.raises(InputError, match='completed by the data'):
        load_model(copied, copied / 'other.py')
    rewrite(copied, lambda content: content['state_dict'].popitem())
    with pytest.raises(InputError, match='does not fit the model'):
        load_model(copied, copied / 'all.py', 'cpu')


def test_a_tokenizer_is_found_from_the_config_upwards(copied, tmp_path, work_folder, monkeypatch):
    shutil.copytree(work_folder.parent / 'tokenizer', tmp_path / 'data' / 'some' / 'tokenizer')
    text = (copied / 'all.py').read_text()
    text = text.replace(str(work_folder.parent / 'tokenizer'), 'data/some/tokenizer')
    (copied / 'all.py').write_text(text)
    monkeypatch.chdir('/')
    assert load_model(copied, device='cpu').classes == CLASSES
    shutil.rmtree(tmp_path / 'data')
    with pytest.raises(InputError, match='tokenizer not found; publish the model'):
        load_model(copied, device='cpu')


def test_a_published_config_is_not_run(work_folder, tmp_path):
    folder = tmp_path / 'published'
    publish(Config.fromfile(work_folder / 'all.py'), work_folder / 'epoch_1.pth', folder)
    plain = read_plain_config(folder / 'config.py')
    run = Config.fromfile(folder / 'config.py')
    assert plain.to_dict() == run.to_dict()
    with (folder / 'config.py').open('a') as file:
        file.write('import this\n')
    sys.modules.pop('this', None)
    with pytest.raises(InputError, match='values only'):
        load_model(folder)
    assert 'this' not in sys.modules
