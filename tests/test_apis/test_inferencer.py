"""One call on images of every kind, and what it does with those that are wrong."""

import json

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from PIL import Image

from unihema_mm.apis import FailedImage, ImageResult, UniHemaInferencer
from unihema_mm.apis.sources import ImageSources
from unihema_mm.registry import DATASETS
from unihema_mm.utils.errors import InputError

from .drawn import CELL_CLASSES, CLASSES, smear

ALL = dict(score_threshold=0.0, progress=False)


def boxes(result) -> np.ndarray:
    return np.array([cell.bbox for cell in result.cells])


def assert_same(one, other, atol=1e-3):
    assert [cell.label for cell in one.cells] == [cell.label for cell in other.cells]
    np.testing.assert_allclose(boxes(one), boxes(other), atol=atol)


def test_every_kind_of_input_gives_the_same(inferencer, tmp_path):
    image = smear()
    path = tmp_path / 'a.png'
    cv2.imwrite(str(path), image[..., ::-1])
    (reference,) = inferencer(path, tasks='det', **ALL)
    assert (reference.name, reference.path) == ('a.png', str(path))
    assert (reference.width, reference.height) == (72, 48) and len(reference.cells) > 3
    alpha = np.dstack([image, np.full(image.shape[:2], 7, np.uint8)])
    given = [path.read_bytes(), Image.open(path), Image.fromarray(alpha), image, alpha]
    for number, result in enumerate(inferencer(given, tasks='det', **ALL)):
        assert (result.name, result.path) == (f'image_{number}', None)
        assert_same(result, reference, 0)
    for single in (str(path), given[0], given[1], image, tmp_path, f'{tmp_path}/*.png', (i for i in [path])):
        (result,) = inferencer(single, tasks='det', **ALL)
        assert_same(result, reference, 0)
    (swapped,) = inferencer(image[..., ::-1], tasks='det', channel_order='bgr', **ALL)
    assert_same(swapped, reference, 0)
    (wrong,) = inferencer(image[..., ::-1], tasks='det', **ALL)
    assert not np.allclose(boxes(wrong), boxes(reference))


def test_grey_and_deep_images(inferencer, tmp_path):
    grey = smear()[..., 0]
    deep = grey.astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / 'grey.png'), grey)
    cv2.imwrite(str(tmp_path / 'deep.tif'), deep)
    cv2.imwrite(str(tmp_path / 'dark.png'), deep >> 4)
    given = [grey, grey[..., None], deep, Image.fromarray(grey), tmp_path / 'grey.png', tmp_path / 'deep.tif']
    results = list(inferencer(given, tasks='det', **ALL))
    for result in results:
        assert_same(result, results[0], 0)
    deep = ['16 bits per channel were read as their upper 8' in result.warnings for result in results]
    assert deep == [False, False, True, False, False, True]
    dark, real = inferencer([tmp_path / 'dark.png', grey.astype(float)], tasks='det', **ALL)
    assert 'dark.png: image: has 16 bits per channel, but no level above' in dark.error
    assert 'float64; give uint8' in real.error


def test_exif_orientation_is_applied(inferencer, tmp_path):
    image = Image.fromarray(smear())
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / 'turned.jpg', exif=exif)
    file, pil = inferencer([tmp_path / 'turned.jpg', Image.open(tmp_path / 'turned.jpg')], tasks='det', **ALL)
    assert (file.width, file.height) == (pil.width, pil.height) == (48, 72)


def test_folders_are_walked_in_order_and_names_are_unique(inferencer, image_folder):
    names = [result.name for result in inferencer(image_folder, tasks='det', **ALL)]
    assert names == ['a.png', 'b/a.png', 'c.PNG']
    given = [
        image_folder / 'a.png',
        image_folder,
        image_folder / 'b' / 'a.png',
        np.zeros((9, 9, 3), np.uint8),
    ]
    found = [result.name for result in inferencer(given, tasks='det', **ALL)]
    below = ['smears/a.png', 'smears/b/a.png', 'smears/c.PNG']
    assert found == ['a.png', *below, 'a_2.png', 'image_3']
    given = [image_folder, f'{image_folder}/*.png', image_folder / 'b']
    found = [source.name for source in ImageSources(given)]
    assert found == [*below, 'smears_2/a.png', 'b/a.png']
    found = [result.name for result in inferencer(f'{image_folder}/**/*.png', tasks='det', **ALL)]
    assert found == ['a.png', 'b/a.png']
    left = [result.name for result in inferencer(image_folder, tasks='det', skip={'b/a.png'}, **ALL)]
    assert left == ['a.png', 'c.PNG']


def test_names_among_several_folders_do_not_depend_on_their_content(tmp_path):
    for name in ('mon/a.png', 'tue/b.png'):
        (tmp_path / name).parent.mkdir()
        cv2.imwrite(str(tmp_path / name), smear())
    before = {source.name: source.path for source in ImageSources([tmp_path / 'mon', tmp_path / 'tue'])}
    assert list(before) == ['mon/a.png', 'tue/b.png']
    cv2.imwrite(str(tmp_path / 'mon' / 'b.png'), smear())
    after = {source.name: source.path for source in ImageSources([tmp_path / 'mon', tmp_path / 'tue'])}
    assert after == {**before, 'mon/b.png': str(tmp_path / 'mon' / 'b.png')}


@pytest.mark.parametrize('batch_size', [1, 2, 5])
def test_a_bad_file_is_reported_and_the_rest_goes_on(inferencer, image_folder, batch_size):
    whole = (image_folder / 'a.png').read_bytes()
    (image_folder / 'aa.png').write_bytes(b'')
    (image_folder / 'ab.png').write_text('some text')
    (image_folder / 'ac.png').write_bytes(whole[: len(whole) // 2])
    given = [image_folder, image_folder / 'gone.png', 3, image_folder / 'notes.txt', image_folder / 'a.png']
    results = list(inferencer(given, tasks='det', batch_size=batch_size, **ALL))
    kinds = [type(result) for result in results]
    good, bad = ImageResult, FailedImage
    assert kinds == [good, bad, bad, bad, good, good, bad, bad, bad, good]
    errors = {result.name: result.error for result in results if isinstance(result, bad)}
    broken = [f'smears/{name}.png' for name in ('aa', 'ab', 'ac')]
    assert list(errors) == [*broken, 'gone.png', 'image_2', 'notes.txt']
    words = ['is empty', 'not an image', 'truncated', 'No such file', 'int is no image', 'not an image']
    for text, error in zip(words, errors.values(), strict=True):
        assert text in error and '\n' not in error
    assert_same(results[0], results[-1])


def test_wrong_requests_say_so_before_the_first_image(inferencer, tmp_path, image_folder):
    (tmp_path / 'empty').mkdir()
    for inputs, text in (
        (tmp_path / 'empty', 'holds no image'),
        (tmp_path / 'gone.png', 'not found'),
        (f'{tmp_path}/*.tif', 'fits no image'),
        ([], 'list is empty'),
        (3, 'int is no image'),
    ):
        with pytest.raises(InputError, match=text):
            inferencer(inputs)
    for request, text in (
        (dict(tasks='grade'), "'grade' is no task of this model, which has learned"),
        (dict(tasks=()), 'are empty'),
        (dict(tasks='vqa'), 'vqa needs texts; give questions'),
        (dict(tasks='mlm', questions='Why?'), 'give sentences'),
        (dict(tasks='det', questions='Why?'), 'no task among det reads them'),
        (dict(questions=' '), 'not empty'),
        (dict(tasks='cls', prompt='Malaria'), 'prompt: no task'),
        (dict(prompt=' '), 'prompt is empty'),
        (dict(score_threshold=2), 'score_threshold: is 2'),
        (dict(max_detections=0), 'max_detections: is 0'),
        (dict(batch_size=0), 'batch_size: is 0'),
        (dict(channel_order='brg'), 'channel_order'),
        (dict(tile=-1), 'tiles of'),
        (dict(tile=32, tasks='cls'), 'tiles are for detection'),
    ):
        with pytest.raises(InputError, match=text):
            inferencer(image_folder, **request)


def test_all_that_is_asked_of_an_image_is_one_vision_pass(inferencer):
    calls = []
    handle = inferencer.loaded.model.backbone.register_forward_hook(lambda *_: calls.append(1))
    try:
        (result,) = inferencer(
            smear(), questions=['How many?', 'Which?', 'Where?'], sentences='A <extra_id_0> cell.', **ALL
        )
    finally:
        handle.remove()
    assert set(result.tasks) == {'det', 'morph', 'inst', 'seg', 'vqa', 'mlm'} and len(calls) == 1
    assert [answer.question for answer in result.answers] == ['How many?', 'Which?', 'Where?']
    assert [sentence.masked for sentence in result.sentences] == ['A <extra_id_0> cell.']
    assert result.mask.shape == (48, 72) and result.prompt == 'complete blood count'
    assert result.classes == CLASSES and set(cell.label for cell in result.cells) <= set(CLASSES)
    assert all(len(cell.attributes) == len(cell.attribute_scores) == 11 for cell in result.cells)
    assert any(cell.mask is not None for cell in result.cells)
    (one,) = inferencer(smear(), tasks='vqa', questions='How many?', **ALL)
    assert one.cells is None and one.mask is None and one.answers == result.answers[:1]


def test_an_object_query_is_one_cell(inferencer):
    (result,) = inferencer(smear(), tasks='det', **ALL)
    assert len(set(map(tuple, boxes(result)))) == len(result.cells)
    scores = [cell.score for cell in result.cells]
    assert scores == sorted(scores, reverse=True)
    middle = scores[len(scores) // 2]
    (fewer,) = inferencer(smear(), tasks=('det', 'inst'), score_threshold=middle - 1e-6, progress=False)
    assert [cell.score for cell in fewer.cells] == pytest.approx(
        [score for score in scores if score >= middle]
    )
    (few,) = inferencer(smear(), tasks='det', max_detections=2, **ALL)
    assert [cell.score for cell in few.cells] == pytest.approx(scores[:2])


def test_no_cells(inferencer):
    (result,) = inferencer(smear(), score_threshold=1.0, progress=False)
    assert result.cells == () and result.thresholds == {'score': 1.0, 'mask': 0.0}
    (other,) = inferencer(smear(), tasks='seg', progress=False)
    assert other.cells is None and other.mask is not None


def test_single_cells(inferencer):
    (result,) = inferencer(smear(30, 30), tasks='cls', progress=False)
    cell = result.cell_class
    assert set(cell.scores) == set(CELL_CLASSES) and cell.scores[cell.label] == max(cell.scores.values())
    assert cell.label_id == list(cell.scores).index(cell.label) and len(cell.attributes) == 11
    assert result.cells is None and result.prompt is None


@pytest.mark.parametrize('size', [(1, 1), (2, 300), (1, 2000), (2000, 1)])
def test_odd_sizes_give_a_result_or_one_line(inferencer, size):
    odd, good = inferencer(
        [np.full((*size, 3), 200, np.uint8), smear()], questions='Why?', batch_size=2, **ALL
    )
    assert isinstance(good, ImageResult)
    if isinstance(odd, FailedImage):
        assert f'image of {size[1]}x{size[0]} pixels' in odd.error and '\n' not in odd.error
    else:
        assert (odd.height, odd.width) == size == odd.mask.shape
        inside = boxes(odd)
        assert (inside >= 0).all() and (inside <= [size[1], size[0]] * 2).all()


def test_the_batch_does_not_change_a_result(inferencer):
    images = [smear(seed=seed, width=72 if seed % 2 else 50) for seed in range(5)]
    alone = list(inferencer(images, questions='How many?', **ALL))
    for batch_size in (2, 3, 8):
        together = list(inferencer(images, questions='How many?', batch_size=batch_size, **ALL))
        for one, other in zip(alone, together, strict=True):
            assert_same(one, other)
            assert one.answers == other.answers and (one.mask != other.mask).mean() < 0.01


def test_results_come_as_they_are_taken(inferencer):
    taken = []

    def images():
        for number in range(100):
            taken.append(number)
            yield smear(20, 20, number)

    results = inferencer(images(), tasks='det', batch_size=2, **ALL)
    assert not taken
    next(results)
    assert len(taken) == 2


def test_boxes_are_those_of_the_test(inferencer, tmp_path):
    """The data set and its pipeline, as tools/test.py runs them."""
    init_default_scope('unihema_mm')
    images = [smear(seed=seed, width=72 if seed else 90) for seed in range(3)]
    records = []
    for number, image in enumerate(images):
        cv2.imwrite(str(tmp_path / f'{number}.png'), image[..., ::-1])
        size = dict(height=image.shape[0], width=image.shape[1])
        records.append(dict(id=number, file_name=f'{number}.png', tasks=['det'], prompt='Malaria', **size))
    categories = [dict(id=number, name=name) for number, name in enumerate(CLASSES)]
    box = dict(id=1, image_id=0, category_id=0, bbox=[1, 1, 9, 9], area=81, iscrowd=0)
    content = dict(info={}, images=records, annotations=[box], categories=categories)
    (tmp_path / 'test.json').write_text(json.dumps(content))
    config = inferencer.loaded.cfg.test_dataloader.det.dataset
    dataset = DATASETS.build(
        {**config, 'data_root': str(tmp_path), 'ann_file': 'test.json', 'tasks': ('det',)}
    )
    with torch.no_grad():
        samples = inferencer.loaded.model.test_step(pseudo_collate([dataset[0]]))
        samples += inferencer.loaded.model.test_step(pseudo_collate([dataset[1], dataset[2]]))
    results = list(inferencer(tmp_path, tasks='det', prompt='Malaria', **ALL))
    for sample, result in zip(samples, results, strict=True):
        found = sample.pred_instances
        first = {query: place for place, query in reversed(list(enumerate(found.queries.tolist())))}
        kept = sorted(first.values())
        np.testing.assert_allclose(found.bboxes[kept], boxes(result), atol=1e-4)
        np.testing.assert_allclose(found.scores[kept], [cell.score for cell in result.cells], atol=1e-5)
        assert found.labels[kept].tolist() == [cell.label_id for cell in result.cells]


def test_the_prompt_reaches_the_model(inferencer):
    texts = []
    encoder = inferencer.loaded.model.text_encoder
    handle = encoder.register_forward_pre_hook(lambda _, given: texts.extend(given[0]))
    try:
        results = list(inferencer(smear(), tasks='det', prompt='Malaria', **ALL))
    finally:
        handle.remove()
    assert texts == ['This image is for the detection of Malaria cells'] and results[0].prompt == 'Malaria'


def test_tiles_find_what_the_field_shows(inferencer, tmp_path):
    (whole,) = inferencer(smear(), questions='How many?', **ALL)
    (tiled,) = inferencer(smear(), questions='How many?', tile=(72, 48), **ALL)
    assert_same(whole, tiled, 0)
    assert whole.answers == tiled.answers
    cv2.imwrite(str(tmp_path / 'large.png'), np.tile(smear(), (2, 2, 1)))
    (large, gone) = inferencer(
        [tmp_path / 'large.png', tmp_path / 'gone.png'], questions='How many?', tile=72, batch_size=3, **ALL
    )
    assert (large.width, large.height) == (144, 96) and large.mask.shape == (96, 144)
    assert large.path == str(tmp_path / 'large.png') and len(large.answers) == 1
    (few,) = inferencer(tmp_path / 'large.png', tasks='det', tile=72, max_detections=3, **ALL)
    (every,) = inferencer(tmp_path / 'large.png', tasks='det', tile=72, **ALL)
    assert few.cells == every.cells[:3] and few.thresholds['max_detections'] == 3 < len(every.cells)
    assert isinstance(gone, FailedImage)


def test_a_published_folder_alone_is_enough(work_folder, tmp_path, inferencer):
    from mmengine.config import Config

    from unihema_mm.engine.publishing import publish

    publish(Config.fromfile(work_folder / 'all.py'), work_folder / 'epoch_1.pth', tmp_path / 'published')
    published = UniHemaInferencer(tmp_path / 'published', device='cpu')
    assert published.classes == CLASSES and published.tasks == inferencer.tasks
    (one,), (other,) = (model(smear(), tasks='det', **ALL) for model in (published, inferencer))
    assert_same(one, other, 0)
