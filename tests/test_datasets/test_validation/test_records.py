import pytest

from unihema_mm.datasets.validation import check_records


def test_valid(document):
    assert check_records(document, 'f.json') == []


SPOILERS = {
    'info: is missing': lambda d: d.pop('info'),
    'info: schema_version: is None; write "1.0"': lambda d: d['info'].pop('schema_version'),
    "info: split: is 'dev'; write one of train, val, test": lambda d: d['info'].update(split='dev'),
    "info: licence: is ''": lambda d: d['info'].update(licence=''),
    'info: attributes: is not an object of value lists': lambda d: d['info'].update(
        attributes={'cell_size': []}
    ),
    'image 1: tasks: is None; list any of det': lambda d: d['images'][0].pop('tasks'),
    "image 1: tasks: 'detection' is not a task": lambda d: d['images'][0].update(tasks=['detection']),
    'image 1: prompt: is missing': lambda d: d['images'][0].pop('prompt'),
    "image 1: prompt: is ' '": lambda d: d['images'][0].update(prompt=' '),
    'image 2: class_name: is missing': lambda d: d['images'][1].pop('class_name'),
    'image 2: questions: is None; write a list': lambda d: d['images'][1].pop('questions'),
    'image 2: questions: is []; write a list': lambda d: d['images'][1].update(questions=[]),
    'questions[0].answer: is missing': lambda d: d['images'][1]['questions'][0].pop('answer'),
    "image 2: questions: is {'question': 'A?'}; write a list": lambda d: d['images'][1].update(
        questions={'question': 'A?'}
    ),
    "questions[0].answer_type: is 'free'": lambda d: d['images'][1]['questions'][0].update(
        answer_type='free'
    ),
    'questions[0].generated: is None': lambda d: d['images'][1]['questions'][0].pop('generated'),
    'sentences: is None': lambda d: d['images'][1].pop('sentences'),
    'sentences[0].masked: has no gap': lambda d: d['images'][1]['sentences'][0].update(masked='A cell.'),
    'sentences[0].completed: holds a gap': lambda d: d['images'][1]['sentences'][0].update(
        completed='A <extra_id_0>.'
    ),
    "mask_file: '../m.png' leaves the data root": lambda d: d['images'][0].update(mask_file='../m.png'),
    'image 1: segmentation: is missing in 2 of its 2 objects; add them': lambda d: d['images'][0].update(
        tasks=['inst']
    ),
    'add them, or mask images (mask_file or masks)': lambda d: d['images'][0].update(tasks=['seg']),
    'image 1: masks: is []; write a list': lambda d: d['images'][0].update(masks=[]),
    'image 1: masks: is {}; write a list': lambda d: d['images'][0].update(masks={}),
    "image 1: masks[0]: is 'm.png'; write a list": lambda d: d['images'][0].update(masks=['m.png']),
    'image 1: masks[0].prompt: is missing': lambda d: d['images'][0].update(masks=[{'file': 'm.png'}]),
    "image 1: masks[0].file: '/m.png' is absolute": lambda d: d['images'][0].update(
        masks=[{'prompt': 'nucleus', 'file': '/m.png'}]
    ),
    "image 1: masks[1].prompt: 'nucleus' is used twice": lambda d: d['images'][0].update(
        masks=[{'prompt': 'nucleus', 'file': name} for name in ('m.png', 'n.png')]
    ),
    "image 1: masks[1].file: 'm.png' is used twice": lambda d: d['images'][0].update(
        masks=[{'prompt': prompt, 'file': 'm.png'} for prompt in ('nucleus', 'RBC')]
    ),
    'image 1: masks: stands beside mask_file; keep one': lambda d: d['images'][0].update(
        mask_file='m.png', masks=[{'prompt': 'nucleus', 'file': 'm.png'}]
    ),
    'annotation 1: area: is 0': lambda d: d['annotations'][0].update(area=0),
    'annotation 1: iscrowd: is None': lambda d: d['annotations'][0].pop('iscrowd'),
    'annotation 1: segmentation: is neither polygons nor RLE': lambda d: d['annotations'][0].update(
        segmentation=[[1, 2, 3, 4]]
    ),
    'annotation 2: attributes.colour: is not declared': lambda d: d['annotations'][1].update(
        attributes={'colour': 'red'}
    ),
    "annotation 2: attributes.cell_size: is 'huge'; use one of small, big": lambda d: d['annotations'][
        1
    ].update(attributes={'cell_size': 'huge'}),
}


@pytest.mark.parametrize('expected', SPOILERS)
def test_one_fault(document, expected):
    SPOILERS[expected](document)
    found = [str(fault) for fault in check_records(document, 'f.json')]
    assert any(expected in fault for fault in found), found


def test_masks_satisfy_inst_and_mask_file_satisfies_seg(document):
    document['images'][0]['tasks'] = ['seg', 'inst']
    for annotation in document['annotations'][:2]:
        annotation['segmentation'] = [[1, 1, 5, 1, 5, 5]]
    document['annotations'][1]['segmentation'] = {'size': [30, 40], 'counts': [0, 1200]}
    document['images'][1].update(tasks=['seg'], mask_file='masks/b.png')
    assert check_records(document, 'f.json') == []
    del document['images'][1]['mask_file']
    document['images'][1]['masks'] = [{'prompt': name, 'file': f'masks/{name}.png'} for name in ('a', 'b')]
    assert check_records(document, 'f.json') == []


def test_image_without_objects_needs_no_masks(document):
    document['images'][2]['tasks'] = ['det', 'inst']
    assert check_records(document, 'f.json') == []
