import pytest

from unihema_mm.datasets.text_generation.prior import prior_lines, prior_table
from unihema_mm.datasets.text_generation.split_texts import AskedFact, SplitTexts


def texts(*facts):
    made = SplitTexts([], [])
    made.asked = [AskedFact('kind', *fact) for fact in facts]
    return made


def test_the_most_frequent_answer_of_train_to_the_same_words():
    train = texts(('a', 'A?', 'x'), ('a', 'A?', 'x'), ('a', 'A, then?', 'y'), ('b', 'B?', 'z'))
    train.found = {('kind', 'a'): {'x': 8, 'y': 2}, ('kind', 'b'): {'z': 10}, ('other', 'c'): {'z': 99}}
    val = texts(('a', 'A?', 'x'), ('a', 'A, then?', 'y'), ('a', 'A again?', 'x'), ('c', 'C?', 'z'))
    row = prior_table({'train': train, 'val': val})['kind']
    assert row['number'] == {'train': 4, 'val': 4}
    assert row['text_only'] == {'val': 0.75}  # C? is new: x, the most frequent of all
    assert row['unbalanced'] == 0.9
    assert row['most_frequent'] == pytest.approx((2 + 1 + 2 + 1) / 8)


def test_lines_without_a_train_split():
    table = prior_table({'test': texts(('a', 'A?', 'x'))})
    assert table['kind']['text_only'] == {}
    head, line = prior_lines(table)
    assert line.split() == ['kind', '0', '0', '1', '0.0', '100.0', '-', '-'] and len(head) == len(line)
