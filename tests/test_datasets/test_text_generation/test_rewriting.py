import json
import re

import pytest

from unihema_mm.datasets.text_generation import add_texts
from unihema_mm.datasets.text_generation.rewriting import keeps_truth, move_gaps
from unihema_mm.datasets.validation import check_path
from unihema_mm.registry import TASK_UTILS


@TASK_UTILS.register_module()
class StubRewriter:
    """Turns some words, and spoils every text with the word ``spoil``."""

    def __init__(self, old='', new='', spoil='no such word'):
        self.old, self.new, self.spoil = old, new, spoil

    def rewrite(self, texts):
        texts = [text.replace(self.old, self.new) if self.old else text for text in texts]
        return [re.sub(r'\d+', '7777', text) if self.spoil in text else text for text in texts]


def run(root, **options):
    report = add_texts(root, rewriter=TASK_UTILS.build({'type': 'StubRewriter', **options}))
    document = json.loads((root / 'annotations' / 'train.json').read_text())
    return report, document['images'], json.dumps(document)


def test_off_by_default(makers, write_set):
    assert add_texts(write_set(makers['fields']())).rewriting is None


def test_new_words_are_used_everywhere(makers, write_set):
    root = write_set(makers['fields']())
    _, plain, _ = run(root)
    report, images, text = run(root, old='in this field', new='in the field of view')
    assert report.rewriting.used > 0 and report.rewriting.rejected == 0
    assert report.rewriting.texts == report.rewriting.used + report.rewriting.unchanged
    assert 'in the field of view?' in text and 'in this field?' not in text
    for before, after in zip(plain, images, strict=True):
        assert [r['answer'] for r in before['questions']] == [r['answer'] for r in after['questions']]
        for old, new in zip(before.get('sentences', ()), after.get('sentences', ()), strict=True):
            assert new['completed'] == old['completed'].replace('in this field', 'in the field of view')
            assert new['masked'].count('<extra_id_0>') == old['masked'].count('<extra_id_0>')
    assert not check_path(root).faults
    assert 'rewriting: ' in '\n'.join(report.lines()) and report.as_dict()['rewriting']['used'] > 0


def test_changed_numbers_are_thrown_away(makers, write_set):
    root = write_set(makers['fields']())
    _, plain, _ = run(root)
    report, images, text = run(root, spoil='number')
    assert report.rewriting.rejected > 0 and report.rewriting.used == 0
    assert images == plain and '7777' not in text


def test_lost_names_are_thrown_away(makers, write_set):
    root = write_set(makers['cells']())
    report, _, text = run(root, old='white blood cell', new='thing')
    assert report.rewriting.rejected > 0 and 'thing' not in text


def test_another_number_of_texts(makers, write_set):
    class Short:
        def rewrite(self, texts):
            return list(texts)[1:]

    root = write_set(makers['fields']())
    before = (root / 'annotations' / 'train.json').read_bytes()
    with pytest.raises(ValueError, match='the rewriter returned'):
        add_texts(root, rewriter=Short())
    assert (root / 'annotations' / 'train.json').read_bytes() == before


@pytest.mark.parametrize(
    ('new', 'truth'),
    [
        ('Can you see more than 3 platelets?', True),
        ('can you see More than 3 PLATELETS?', True),
        ('Are more than 3 platelets here', False),
        ('Are there more than 4 platelets?', False),
        ('Are there more than 3 thrombocytes?', False),
        ('Are there not more than 3 platelets?', False),
        ("Aren't there more than 3 platelets?", False),
        ('Are there more than 3 platelets, more than 3 platelets?', False),
        ('Are there more than 3 platelets <extra_id_0>?', False),
        ('Are there more than 3 platelets 3?', False),
        ('', False),
    ],
)
def test_what_keeps_the_truth(new, truth):
    kept = ('more than 3', 'platelets')
    assert keeps_truth('Are there more than 3 platelets?', new, kept) is truth


def test_numbers_and_names_keep_their_order():
    old = 'The numbers of platelets and red blood cells are 2 and 12.'
    kept = ('2', '12', 'platelets', 'red blood cells')
    assert keeps_truth(old, 'Platelets and red blood cells number 2 and 12.', kept)
    assert not keeps_truth(old, 'Platelets and red blood cells number 12 and 2.', kept)
    assert not keeps_truth(old, 'Red blood cells and platelets number 2 and 12.', kept)


@pytest.mark.parametrize(
    ('masked', 'completed', 'new', 'result'),
    [
        ('A, B: G and 1.', 'A, B: 1 and 1.', 'A and B are 1 and 1.', 'A and B are G and 1.'),
        ('A, B: 1 and G.', 'A, B: 1 and 1.', 'A and B are 1 and 1.', 'A and B are 1 and G.'),
        ('The G is G.', 'The cell is light blue.', 'Light blue is the cell.', 'G is the G.'),
        ('The G is big.', 'The cell is big.', 'It is big.', None),
        ('The G is big.', 'The cell is big.', 'The cell, the cell is big.', None),
    ],
)
def test_gaps_move_with_their_words(masked, completed, new, result):
    record = {'masked': masked.replace('G', '<extra_id_0>'), 'completed': completed, 'generated': True}
    moved = move_gaps(record, new)
    if result is None:
        assert moved is None
    else:
        masked = result.replace('G', '<extra_id_0>')
        assert moved == {'masked': masked, 'completed': new, 'generated': True}
