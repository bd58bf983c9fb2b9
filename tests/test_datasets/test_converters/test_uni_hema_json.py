"""Files written by hand from the description of the authors' JSON; none of theirs is at hand."""

import json
import re

import cv2
import numpy as np
import pytest

from unihema_mm.datasets.catalogue import CatalogueEntry
from unihema_mm.datasets.converters import convert, own_entry
from unihema_mm.datasets.schema import DataError
from unihema_mm.datasets.validation import check_path

TASKS = ['det', 'morph', 'cls', 'seg', 'vqa', 'mlm']
ATTRIBUTES = {
    'nuclear_chromatio': 1,
    'nuclear_shape': 2,
    'nucleolus': 0,
    'cytoplasm': 4,
    'cytoplasmic_basophilia': None,
    'cytoplasmic_vacuoles': 1,
}


def image(id_, name, **extra):
    return {'id': id_, 'file_name': name, **extra}


def box(id_, image_id, **extra):
    return {
        'id': id_,
        'image_id': image_id,
        'category_id': 1,
        'bbox': [2, 3, 10, 12],
        'area': 120,
        'iscrowd': 0,
        'prompt': 'Leukemia',
        **extra,
    }


class Source:
    """One file of every kind, with an image each, below one folder."""

    def __init__(self, root, tools):
        self.root, self.tools = root, tools
        for folder, names in {
            'Detection': ['4_1_1000_ALL.png', '4_2_1000_ALL.png'],
            'Segmentation': ['s.png'],
            'classification': ['c.png'],
        }.items():
            for name in names:
                tools.image(root / folder / name, '.png')
        self.mask('Segmentation/gt/s.png')
        self.files = {
            'det.json:Detection': {
                'images': [image(7, '4_1_1000_ALL.png', width=40, height=30, license=1)],
                'annotations': [
                    box(1, 7, **ATTRIBUTES, cell_size=2),
                    box(2, 7, category_id=2, bbox=[20, 4, 9, 9]),
                ],
                'categories': [{'id': 1, 'name': 'myeloblast'}, {'id': 2, 'name': 'none'}],
                'info': {},
            },
            'seg.json:Segmentation': {
                'images': [image(0, 's.png')],
                'annotations': [{'id': 0, 'image_id': 0, 'mask_name': 'gt/s.png', 'prompt': 'Malaria'}],
            },
            'cls.json:classification': {
                'images': [image(1, 'c.png')],
                'annotations': [
                    {
                        'id': 1,
                        'image_id': 1,
                        'class_name': 'band neutrophil',
                        'category_id': 14,
                        'bbox': [0, 0, 1, 1],
                    }
                ],
                'categories': [{'id': 14, 'name': 'neutrophil band', 'supercategory': 'cell'}],
            },
            # The image is repeated for every question.
            'text.json:Detection': {
                'images': [
                    image(1, '4_2_1000_ALL.png'),
                    image(2, '4_2_1000_ALL.png'),
                    image(3, '4_1_1000_ALL.png'),
                ],
                'annotations': [
                    {
                        'id': 1,
                        'image_id': 1,
                        'Question': 'Q: Is it a blast?',
                        'Answer': 'Yes, it is.',
                        'task': 'QA',
                    },
                    {
                        'id': 2,
                        'image_id': 2,
                        'Question': 'What is shown?',
                        'Answer': 'A myeloblast.',
                        'task': 'QA',
                    },
                    {
                        'id': 3,
                        'image_id': 2,
                        'Question': 'What is shown?',
                        'Answer': 'A myeloblast.',
                        'task': 'QA',
                    },
                    {
                        'id': 4,
                        'image_id': 3,
                        'masked_comment': 'Myeloblasts show <extra_id_0> chromatin.',
                        'completed_text': 'Myeloblasts show coarse chromatin.',
                    },
                ],
                'categories': [{'id': 1, 'name': 'QA'}],
            },
        }

    def mask(self, name, levels=(0, 255), width=40, height=30):
        pixels = np.zeros((height, width), np.uint8)
        pixels[5:15, 5:15] = levels[1]
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode('.png', pixels)[1].tobytes())

    def record(self, file, kind='annotations', index=0):
        return next(document for name, document in self.files.items() if name.startswith(file))[kind][index]

    def write(self):
        for name, document in self.files.items():
            (self.root / name.partition(':')[0]).write_text(json.dumps(document))
        return {'splits': {'train': list(self.files)}}

    def convert(self, out, **parameters):
        entry = own_entry('uni_hema_json', self.root, 'toy', {**self.write(), **parameters})
        report = convert(entry, self.root, out)
        assert check_path(out, decode=True).faults == []
        return report, json.loads((out / 'annotations' / 'train.json').read_text())


@pytest.fixture
def source(tmp_path, tools):
    return Source(tmp_path / 'source', tools)


@pytest.fixture
def out(tmp_path):
    return tmp_path / 'out'


def test_every_task_comes_through(source, out):
    report, document = source.convert(out)
    images = {record['source']: record for record in document['images']}
    assert {name: record['tasks'] for name, record in images.items()} == {
        'Detection/4_1_1000_ALL.png': ['det', 'morph', 'mlm'],
        'Detection/4_2_1000_ALL.png': ['vqa'],
        'Segmentation/s.png': ['seg'],
        'classification/c.png': ['cls'],
    }
    assert images['Detection/4_1_1000_ALL.png']['prompt'] == 'Leukemia'
    assert images['Segmentation/s.png']['prompt'] == 'Malaria'
    assert images['classification/c.png']['class_name'] == 'band neutrophil'
    assert [record['name'] for record in document['categories']] == ['myeloblast', 'none', 'band neutrophil']
    (mask,) = images['Segmentation/s.png']['masks']
    pixels = cv2.imread(str(out / mask['file']), cv2.IMREAD_UNCHANGED)
    assert (mask['prompt'], pixels.shape, (pixels == 255).sum()) == ('Malaria', (30, 40), 100)
    assert report.total('images') == 4


def test_texts_are_kept_once_without_the_prefix_of_training(source, out):
    report, document = source.convert(out)
    images = {record['source']: record for record in document['images']}
    assert images['Detection/4_2_1000_ALL.png']['questions'] == [
        {'question': 'Is it a blast?', 'answer': 'Yes, it is.', 'answer_type': 'closed', 'generated': True},
        {'question': 'What is shown?', 'answer': 'A myeloblast.', 'answer_type': 'open', 'generated': True},
    ]
    assert images['Detection/4_1_1000_ALL.png']['sentences'] == [
        {
            'masked': 'Myeloblasts show <extra_id_0> chromatin.',
            'completed': 'Myeloblasts show coarse chromatin.',
            'generated': True,
        }
    ]
    assert report.changes['text_prefix'] == ['text.json: annotation 1: Question']
    assert report.changes['duplicate_text'] == ['text.json: annotation 3: What is shown?']


def test_text_of_people_is_marked_so(source, out):
    _, document = source.convert(out, generated=False)
    texts = [item for record in document['images'] for item in record.get('questions', [])]
    assert [item['generated'] for item in texts] == [False, False]


def test_attribute_codes_get_names(source, out):
    report, document = source.convert(out)
    assert [record.get('attributes') for record in document['annotations']] == [
        {'nuclear_chromatin': 'coarse', 'nucleolus': 'inconspicuous', 'cytoplasmic_vacuoles': 'prominent'},
        None,
    ]
    assert document['info']['attributes']['nuclear_chromatin'] == ['open', 'coarse']
    assert report.changes['attribute_without_name'] == ['det.json: annotation 1: nuclear_shape 2']


def test_keys_that_carry_nothing_are_listed(source, out):
    report, _ = source.convert(out)
    assert report.changes['keys_dropped'] == [
        'det.json: annotations: area',
        'det.json: annotations: cell_size',
        'det.json: file: info',
        'det.json: images: license',
        'cls.json: annotations: bbox of cls',
        'cls.json: categories: supercategory',
        'text.json: annotations: task',
    ]


def test_one_record_may_carry_two_tasks(source, out):
    source.record('seg').update(class_name='ring', category_id=1)
    _, document = source.convert(out)
    record = next(record for record in document['images'] if record['source'] == 'Segmentation/s.png')
    assert (record['tasks'], record['class_name']) == (['cls', 'seg'], 'ring')


def test_ids_of_the_released_model_where_a_file_has_no_categories(source, out):
    source.files = {'det.json:Detection': source.files['det.json:Detection']}
    del source.files['det.json:Detection']['categories']
    _, document = source.convert(out)
    names = {record['id']: record['name'] for record in document['categories']}
    assert [names[record['category_id']] for record in document['annotations']] == [
        'myeloblast',
        'lymphoblast',
    ]


def test_object_without_prompt_gets_that_of_the_entry(source, out):
    source.files = {'det.json:Detection': source.files['det.json:Detection']}
    for index in range(2):
        del source.record('det', index=index)['prompt']
    assert source.convert(out)[1]['images'][0]['prompt'] == 'complete blood count'


def test_default_files_and_a_folder_of_masks(source, out):
    seg = source.files['seg.json:Segmentation']
    seg['images'][0]['file_name'] = 'Segmentation/s.png'
    seg['annotations'][0]['mask_name'] = 's.png'
    source.tools.text(source.root / 'annotations' / 'train.json', json.dumps(seg))
    entry = own_entry('uni_hema_json', source.root, 'toy', {'masks': 'Segmentation/gt'})
    assert (entry.tasks, entry.attributes, entry.classes) == (['seg'], '', {})
    assert convert(entry, source.root, out).counts('masks') == {'Malaria': 1}


WRONG = [
    ('det', {'nuclear_chromatin': 1}, r'nuclear_chromatin: is not a key .*nearest: nuclear_chromatio'),
    ('det', {'nuclear_shape': 5}, r'annotation 1: nuclear_shape: is 5; write 0, 1, or 4 \(not annotated\)'),
    ('det', {'nuclear_shape': '1'}, r"nuclear_shape: is '1'; write 0"),
    ('det', {'nuclear_shape': True}, r'nuclear_shape: is True; write 0'),
    ('det', {'category_id': 3}, r'category_id: 3 is out of range, the categories are 1, 2; correct it'),
    ('det', {'bbox': [1, 2, 3]}, r'bbox: is \[1, 2, 3\]; must be \[x, y, w, h\]'),
    ('det', {'bbox': [1, 2, float('nan'), 4]}, r'bbox: is .*; must be'),
    ('det', {'bbox': None}, r'bbox: is None'),
    ('det', {'prompt': ''}, r"prompt: is ''; write disease"),
    ('det', {'iscrowd': 2}, r'iscrowd: is 2; write 0 or 1'),
    ('det', {'image_id': 8}, r'image_id: 8 is not an image of this file'),
    ('det', {'id': 2}, r'det.json: annotation 2: id: 2 is used twice'),
    ('det', {'id': '1'}, r"annotations\[0\]: id: is '1'; must be an integer"),
    ('det', {'Bbox': [1, 2, 3, 4]}, r'Bbox: is not a key of this format \(nearest: bbox'),
    ('seg', {'mask_name': '../s.png'}, r"annotation 0: mask_name: '../s.png' leaves the data root"),
    ('seg', {'mask_name': 'C:/s.png'}, r'mask_name: .* is absolute'),
    ('seg', {'mask_name': 3}, r'mask_name: is 3; write a text'),
    ('seg', {'prompt': None}, r'prompt: is None; write a text'),
    ('seg', {'prompt': 'word ' * 40}, r'prompt: has 200 characters; write a few words'),
    ('cls', {'class_name': ' '}, r"class_name: is ' '; write a text"),
    ('cls', {'category_id': '14'}, r"category_id: is '14'; must be an integer"),
    ('cls', {'class_name': 'monocyte'}, r"category_id: 14 is 'neutrophil band', class_name is 'monocyte'"),
    ('text', {'Answer': ''}, r"text.json: annotation 1: Answer: is ''; write a text"),
    ('text', {'Answer': 'half a letter \ud83d'}, r"Answer: is 'half a letter .*; write a text"),
    ('text', {'Answer': 'A: '}, r"text.json: annotation 1: Answer: is 'A: '; write a text"),
]


@pytest.mark.parametrize(('file', 'change', 'message'), WRONG)
def test_wrong_values_name_file_record_field_and_mend(source, out, file, change, message):
    source.record(file).update(change)
    with pytest.raises(DataError, match=message):
        source.convert(out)
    assert not (out / 'annotations').exists()


@pytest.mark.parametrize(
    ('index', 'key', 'value', 'message'),
    [
        (3, 'masked_comment', 'No gap.', r'annotation 4: masked_comment: has no gap; write <extra_id_0>'),
        (3, 'completed_text', 'A <extra_id_0>.', r'completed_text: holds a gap; write the whole sentence'),
        (3, 'completed_text', None, r'completed_text: is None; write a text'),
    ],
)
def test_wrong_sentences(source, out, index, key, value, message):
    source.record('text', index=index)[key] = value
    with pytest.raises(DataError, match=message):
        source.convert(out)


@pytest.mark.parametrize('key', ['prompt', 'mask_name'])
def test_half_a_mask_record(source, out, key):
    del source.record('seg')[key]
    message = (
        'prompt: is missing beside mask_name'
        if key == 'prompt'
        else 'bbox: is missing, and no key of another'
    )
    with pytest.raises(DataError, match=message):
        source.convert(out)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'file_name': '../c.png'}, r"image 1: file_name: '../c.png' leaves the data root"),
        ({'file_name': None}, r'image 1: file_name: is None'),
        ({'width': 0, 'height': 30}, r'image 1: width: is 0; must be a positive'),
        ({'width': 41, 'height': 30}, r'c.png: image: size: is 40x30, its record says 41x30'),
        (
            {'file_name': 'd.png'},
            r'cls.json: image 1: classification/d.png: file: image: its image does not exist',
        ),
        ({'path': 'x'}, r'image 1: path: is not a key of this format'),
    ],
)
def test_wrong_images(source, out, change, message):
    source.record('cls', 'images').update(change)
    with pytest.raises(DataError, match=message):
        source.convert(out)


@pytest.mark.parametrize(
    ('document', 'message'),
    [
        ({'images': []}, r'det.json: file: annotations: is missing; add'),
        ({'images': {}, 'annotations': []}, r'images: is a dict; must be a list'),
        ({'images': [3], 'annotations': []}, r'images\[0\]: record: is 3; must be an object'),
        (
            {'images': [], 'annotations': [], 'anotations': []},
            r'anotations: is not a key .*nearest: annotations',
        ),
        (
            {'images': [], 'annotations': [], 'categories': [{'id': 1, 'name': ''}]},
            r"name: is ''; must be a class",
        ),
        ({'images': [], 'annotations': []}, r'no image was found'),
    ],
)
def test_wrong_files(source, out, document, message):
    source.files = {'det.json:Detection': document}
    with pytest.raises(DataError, match=message):
        source.convert(out)


def test_faults_of_all_files_come_together(source, out):
    source.record('det').update(bbox=None)
    source.record('cls').update(class_name='')
    with pytest.raises(DataError) as error:
        source.convert(out)
    assert [fault.file for fault in error.value.faults] == ['det.json', 'cls.json']


def test_an_unknown_key_can_be_ignored(source, out):
    source.record('det').update(note='x')
    report, _ = source.convert(out, ignored_keys=['note'])
    assert 'det.json: annotations: note' in report.changes['keys_dropped']


def test_two_classes_of_one_image(source, out):
    source.files['cls.json:classification']['annotations'].append(
        {'id': 2, 'image_id': 1, 'class_name': 'monocyte'}
    )
    with pytest.raises(
        DataError, match=r"annotation 2: class_name: .*c.png is given 'band neutrophil' and 'monocyte'"
    ):
        source.convert(out)


def test_two_masks_of_one_prompt(source, out):
    source.files['seg.json:Segmentation']['annotations'].append(
        {'id': 1, 'image_id': 0, 'mask_name': 'gt/other.png', 'prompt': 'Malaria'}
    )
    with pytest.raises(
        DataError, match=r'annotation 1: mask_name: .* both show .Malaria. of one image; join'
    ):
        source.convert(out)


@pytest.mark.parametrize(
    ('mask', 'message'),
    [
        ({'levels': (0, 1)}, r'gt/s.png: file: levels: has levels up to 1, none is foreground; write .* 255'),
        ({'width': 41}, r'gt/s.png: file: size: is 41x30, its image 40x30'),
    ],
)
def test_wrong_masks(source, out, mask, message):
    source.mask('Segmentation/gt/s.png', **mask)
    with pytest.raises(DataError, match=message):
        source.convert(out)


def test_masks_of_other_levels_are_noted(source, out):
    source.mask('Segmentation/gt/s.png', levels=(0, 200))
    report, _ = source.convert(out)
    assert report.changes['quantised_mask'] == [
        'Segmentation/gt/s.png: 100 pixels of levels between 0 and 255'
    ]


def test_images_without_annotation(source, out):
    source.files['det.json:Detection']['images'].append(image(8, '4_2_1000_ALL.png'))
    del source.files['text.json:Detection']
    with pytest.raises(DataError, match=r'4_2_1000_ALL.png: file: label: its label file does not exist'):
        source.convert(out)
    report, _ = source.convert(out, unlabelled='skip')
    assert (report.total('images'), report.changes['image_without_label']) == (
        3,
        ['Detection/4_2_1000_ALL.png'],
    )


def test_images_without_annotation_as_background(source, out):
    source.files['det.json:Detection']['images'].append(image(8, '4_2_1000_ALL.png'))
    del source.files['text.json:Detection']
    _, document = source.convert(out, unlabelled='background')
    (record,) = [record for record in document['images'] if record['source'].endswith('4_2_1000_ALL.png')]
    assert record['tasks'] == ['det']


@pytest.mark.parametrize(
    ('tasks', 'attributes', 'message'),
    [
        (['seg'], '', r'entry: tasks: Detection/4_1_1000_ALL.png is for none of seg; add its task'),
        (TASKS, 'wbcatt', r'annotation 1: attributes.nucle.*: is not an attribute of the entry'),
    ],
)
def test_entry_that_does_not_fit(source, out, tasks, attributes, message):
    names = ['myeloblast', 'none', 'band neutrophil']
    classes = dict(zip(names, names, strict=True))
    entry = CatalogueEntry('toy', classes, 'uni_hema_json', source.write(), 'x', tasks, attributes=attributes)
    with pytest.raises(DataError) as error:
        convert(entry, source.root, out)
    assert any(re.search(message, str(fault)) for fault in error.value.faults)
