"""TextMetric against sacrebleu, rouge-score and hand-computed numbers."""

import math

import pytest

from unihema_mm.evaluation.metrics import TextMetric
from unihema_mm.evaluation.metrics.gaps import gap_fillers
from unihema_mm.utils.errors import InputError

MLM = dict(questions='masked', targets='completed', predictions='pred_completed', answer_types=None)


@pytest.fixture
def asked(make_sample):
    """Callable: rows (answer, prediction[, type]) of one image -> sample."""

    def build(*rows):
        answers, predictions = ([row[place] for row in rows] for place in (0, 1))
        types = [row[2] for row in rows if len(row) > 2]
        extra = dict(answer_types=types) if types else {}
        return make_sample(
            questions=['What?'] * len(rows), answers=answers, pred_answers=predictions, **extra
        )

    return build


@pytest.fixture
def completed(make_sample):
    def build(*rows):
        keys = 'masked', 'completed', 'pred_completed'
        return make_sample(**{key: [row[place] for row in rows] for place, key in enumerate(keys)})

    return build


def test_hand_computed_bleu_and_rouge(run, asked):
    """5 of 6 words, 3 of 5 pairs, 1 of 4 triples ('the cell is'); the lengths are equal."""
    found = run(TextMetric(), [asked(('the cell is big and round', 'The cell is small and round'))])
    assert found['bleu1'] == pytest.approx(100 * 5 / 6)
    assert found['bleu2'] == pytest.approx(100 * math.sqrt(5 / 6 * 3 / 5))
    assert found['bleu3'] == pytest.approx(100 * (5 / 6 * 3 / 5 * 1 / 4) ** (1 / 3))
    assert found['bleu4'] == pytest.approx(100 * (5 / 6 * 3 / 5 * 1 / 4 * 1 / 2 / 3) ** (1 / 4))  # smoothed
    assert found['rouge_l'] == pytest.approx(100 * 5 / 6)
    assert found['sentences'] == 1


def test_brevity_penalty_and_empty_predictions(run, asked):
    found = run(TextMetric(), [asked(('a b c d', 'a b c d'), ('a b c d', ''))])
    assert found['bleu1'] == found['bleu4'] == pytest.approx(100 * math.exp(1 - 8 / 4))
    assert found['rouge_l'] == found['exact_match'] == 50
    nothing = run(TextMetric(), [asked(('a b c d', ''))])
    assert [nothing[key] for key in ('bleu1', 'bleu4', 'rouge_l', 'exact_match')] == [0, 0, 0, 0]


def test_exact_match_and_closed_questions(run, asked):
    samples = [
        asked(
            ('Yes', ' yes. ', 'closed'),
            ('No.', 'Yes', 'closed'),
            ('Round  nucleus', 'round nucleus.', 'open'),
        ),
        asked(('Yes', 'Yes, it is', 'closed')),
    ]
    found = run(TextMetric(), samples)
    assert found['exact_match'] == 50
    assert found['closed_accuracy'] == pytest.approx(100 / 3)
    assert found['sentences'] == 4


def test_short_answers_have_no_bleu4(run, asked):
    found = run(TextMetric(), [asked(('Yes', 'Yes', 'closed'), ('No way', 'No way', 'closed'))])
    assert found['bleu1'] == found['bleu2'] == pytest.approx(100)
    assert found['closed_accuracy'] == 100
    assert 'bleu3' not in found and 'bleu4' not in found
    assert 'no bleu3, bleu4' in run.log


def test_no_key_without_anything_to_score(run, asked, make_sample):
    found = run(TextMetric(), [asked(('a b c d', 'a b c d', 'open')), asked(('a', 'a'))])
    assert 'closed_accuracy' not in found and 'gap_accuracy' not in found
    assert run(TextMetric(), [make_sample()]) == {}
    assert run(TextMetric(), [asked()]) == {}
    assert 'without a sentence' in run.log


def test_gap_accuracy(run, completed):
    frame = 'Blasts show <extra_id_0> chromatin, <extra_id_0> nuclear shape; suggestive of <extra_id_0>.'
    truth = 'Blasts show open chromatin, irregular nuclear shape; suggestive of AML.'
    rows = [
        (frame, truth, 'blasts show open chromatin, irregular nuclear shape; suggestive of aml'),
        (frame, truth, 'Blasts show coarse chromatin, irregular nuclear shape; suggestive of acute AML.'),
        (frame, truth, 'Blasts show open chromatin.'),
    ]
    found = run(TextMetric(**MLM), [completed(*rows[:2]), completed(rows[2])])
    assert found['gap_accuracy'] == pytest.approx(100 * (3 + 1 + 0) / 9)
    assert found['exact_match'] == pytest.approx(100 / 3)
    assert 'closed_accuracy' not in found


def test_truth_that_does_not_fit_its_frame_is_named(run, completed):
    found = run(
        TextMetric(**MLM), [completed(('a <extra_id_0>', 'b c', 'b c'), ('a <extra_id_0>', 'a b', 'a b'))]
    )
    assert found['gap_accuracy'] == 100
    assert '1 true sentences do not fit their masked form' in run.log and "'b c'" in run.log


@pytest.mark.parametrize(
    ('masked', 'sentence', 'fillers'),
    [
        ('a <extra_id_0> c', 'a b c', ['b']),
        ('<extra_id_0> b <extra_id_1>', 'a x b c d', ['a x', 'c d']),
        ('<extra_id_0> and <extra_id_0>', 'a and b and c', ['a', 'b and c']),
        ('<extra_id_0> <extra_id_0> c', 'a b c', ['a b']),
        ('<extra_id_0><extra_id_1>', 'ab', ['ab']),
        ('<extra_id_0>', 'all of it', ['all of it']),
        ('un<extra_id_0>ed', 'unstain', None),
        ('un<extra_id_0>ed', 'uncoated', ['coat']),
        ('a <extra_id_0> c', 'a c', None),
        ('a <extra_id_0>', 'a ', None),
        ('a <extra_id_0> a', 'a a', None),
        ('a <extra_id_0> b <extra_id_0> b', 'a x b', None),
        ('(<extra_id_0>)', '(+)', ['+']),
        ('<extra_id_0>,<extra_id_0>', ',,b', [',', 'b']),
        ('no gap', 'no gap', []),
        ('no gap', 'gap', None),
        ('', '', []),
    ],
)
def test_gap_fillers(masked, sentence, fillers):
    assert gap_fillers(masked, sentence) == fillers


def test_gaps_of_a_sentence_that_repeats_itself():
    """A regular expression with lazy groups would not come back from this."""
    frame = ' and '.join(['<extra_id_0>'] * 12) + ' x.'
    assert gap_fillers(frame, 'and ' * 500) is None


def test_lists_that_do_not_fit(run, make_sample):
    sample = make_sample(questions=['a', 'b'], answers=['c', 'd'], pred_answers=['e'])
    with pytest.raises(InputError, match=r'cell\.png: pred_answers must be a list of 2 texts'):
        run(TextMetric(), [sample])
    sample.set_metainfo(dict(pred_answers=['e', 'f'], answer_types=['open']))
    with pytest.raises(InputError, match='answer_types must be a list of 2 texts'):
        run(TextMetric(), [sample])
    with pytest.raises(InputError, match='pred_answers is missing'):
        run(TextMetric(), [make_sample(questions=['a'], answers=['c'])])
