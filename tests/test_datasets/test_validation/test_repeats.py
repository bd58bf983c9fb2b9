import copy
import json

import cv2
import pytest

from unihema_mm.datasets.validation import SplitImage, check_paths, check_repeats


@pytest.fixture
def data(tmp_path, document, picture):
    """Callable name, split -> seeds of its images -> data folder."""

    def write(name, **splits):
        root = tmp_path / name
        (root / 'annotations').mkdir(parents=True)
        for split, seeds in splits.items():
            content = copy.deepcopy(document)
            content['info']['split'] = split
            content['annotations'] = []
            record = {**content['images'][0], 'width': 128, 'height': 96}
            content['images'] = [
                {
                    **record,
                    'id': index + 1,
                    'file_name': f'images/{split}{index}.png',
                    'source': f'{split}{index}',
                }
                for index in range(len(seeds))
            ]
            (root / 'images').mkdir(exist_ok=True)
            for index, seed in enumerate(seeds):
                cv2.imwrite(str(root / 'images' / f'{split}{index}.png'), picture(seed))
            (root / 'annotations' / f'{split}.json').write_text(json.dumps(content))
        return root

    return write


def lines(summary):
    return [str(fault) for fault in summary.faults]


def test_a_clean_folder_and_repeats_within_a_split(data, picture):
    root = data('a', train=[0, 1, 2, 1, 1], val=[3, 4])
    cv2.imwrite(str(root / 'images' / 'train2.png'), picture(0), [cv2.IMWRITE_PNG_COMPRESSION, 0])
    cv2.imwrite(str(root / 'images' / 'val1.png'), cv2.convertScaleAbs(picture(3), alpha=0.9))
    summary = check_paths([root])
    assert lines(summary) == [] and summary.repeats.known == []
    assert (summary.repeats.images, summary.repeats.within) == (7, (2, 2))
    assert check_paths([root], compare=False).repeats is None


@pytest.mark.parametrize('workers', [1, 2])
def test_repeats_in_two_splits_of_a_folder(data, picture, workers):
    root = data('a', train=[0, 1, 2], val=[3, 1], test=[4, 5])
    cv2.imwrite(str(root / 'images' / 'test0.png'), picture(2)[1:-1, 1:-1])
    found = lines(check_paths([root], workers=workers))
    assert len(found) == 2
    (near,) = [line for line in found if 'near-identical' in line]
    assert near == (
        f"{root}/annotations/test.json: image 1: file_name: 'images/test0.png' (test) is near-identical to "
        f"'images/train2.png' (train) of {root}/annotations/train.json; "
        'keep both in one split, or drop one of them'
    )
    assert any(
        "val.json: image 2: file_name: 'images/val1.png' (val) is identical to" in line for line in found
    )


def test_repeats_across_folders(data):
    first, second = data('a', train=[0, 1], val=[2]), data('b', train=[3, 0], test=[1, 2])
    assert lines(check_paths([first])) == lines(check_paths([second])) == []
    summary = check_paths([first, second])
    found = lines(summary)
    assert len(found) == 2 and summary.repeats.within == (1, 0)
    assert all(f'{second}/annotations/test.json: image' in line for line in found)
    assert f"'images/test0.png' (test) is identical to 'images/train1.png' (train) of {first}" in found[0]
    assert all('do not train on one set and test on the other' in line for line in found)


def test_same_folder_twice_and_single_files(data):
    root = data('a', train=[0, 1], val=[2])
    assert check_paths([root, root / '.']).repeats.images == 3
    train, val = (root / 'annotations' / f'{split}.json' for split in ('train', 'val'))
    assert check_paths([train]).repeats is None
    assert check_paths([train, val]).repeats.images == 3
    assert check_paths([root, train]).repeats.images == 3


def test_an_image_of_two_splits_under_one_name_is_told_once(data):
    root = data('a', train=[0, 1], val=[2])
    document = json.loads((root / 'annotations' / 'val.json').read_text())
    document['images'][0]['file_name'] = 'images/train0.png'
    (root / 'annotations' / 'val.json').write_text(json.dumps(document))
    (found,) = lines(check_paths([root]))
    assert "'images/train0.png' is also in train.json" in found


def test_repeats_that_the_split_file_knows(data):
    """Those of the same contents in the same splits are known in all folders, others are not."""
    root, other = data('a', train=[0, 1], val=[0]), data('b', train=[0, 5], val=[0])
    assert len(lines(check_paths([root]))) == 1
    content = {
        'splits': {'train': ['train0', 'train1'], 'val': ['val0']},
        'known_repeats': [['train0', 'val0']],
    }
    (root / 'splits.json').write_text(json.dumps(content))
    found = [line for line in lines(check_paths([root, other])) if 'splits_sha256' not in line]
    assert found == []
    summary = check_paths([root, other, data('c', test=[0])])
    found = [line for line in lines(summary) if 'splits_sha256' not in line]
    assert len(found) == 1 and 'c/annotations/test.json' in found[0]
    assert summary.repeats.known[0].endswith(f'(val) is identical to {root}/images/train0.png (train)')


def test_images_that_cannot_be_compared(data):
    root = data('a', train=[0, 1], val=[2, 3])
    content = (root / 'images' / 'val0.png').read_bytes()
    (root / 'images' / 'val0.png').write_bytes(content[:300])
    (root / 'images' / 'val1.png').unlink()
    for decode in (False, True):
        found = lines(check_paths([root], decode=decode))
        assert len(found) == 2
        assert sum("'images/val0.png' is truncated; copy the file again" in line for line in found) == 1
        assert sum("'images/val1.png' does not exist" in line for line in found) == 1


def test_the_split_file_is_checked(data):
    root = data('a', train=[0], val=[1])
    (root / 'splits.json').write_text(json.dumps({'splits': {'train': ['train0'], 'val': ['other']}}))
    found = lines(check_paths([root]))
    assert sum('info: splits_sha256: is None, that of' in line for line in found) == 2
    assert sum("differ from the list 'val' of" in line for line in found) == 1 and len(found) == 3
    (root / 'splits.json').write_text('{')
    (found,) = lines(check_paths([root]))
    assert 'splits.json: file: content: is truncated' in found


def test_nothing_to_compare(tmp_path):
    summary = check_repeats([])
    assert (summary.images, summary.within, summary.known, summary.faults) == (0, (0, 0), [], [])


def test_one_image(data):
    root = data('a', train=[0])
    image = SplitImage(root, 'images/train0.png', 'train', 'train.json', 'image 1', '')
    assert check_repeats([image]).faults == []


def test_a_known_repeat_hides_no_other_one(data, picture):
    """The second image of train is near-identical to val0, whose bytes are those of train0."""
    root = data('a', train=[0, 0, 1], val=[0])
    cv2.imwrite(str(root / 'images' / 'train1.png'), cv2.convertScaleAbs(picture(0), alpha=0.9))
    (root / 'splits.json').write_text(json.dumps({'known_repeats': [['train0', 'val0']]}))
    names = [('train0', 'train'), ('train1', 'train'), ('train2', 'train'), ('val0', 'val')]
    images = [SplitImage(root, f'images/{n}.png', s, f'{s}.json', 'image', n) for n, s in names]
    summary = check_repeats(images)
    (fault,) = lines(summary)
    assert "'images/val0.png' (val) is near-identical to 'images/train1.png' (train)" in fault
    assert (len(summary.known), summary.within) == (1, (0, 1))
