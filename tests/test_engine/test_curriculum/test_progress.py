"""How long a curriculum will take."""

import pytest

from unihema_mm.engine.curriculum.progress import Progress, clock
from unihema_mm.engine.stages.schedule import AutoSchedule

from .parts import planned, write_scalars


def test_remaining_time_goes_by_the_steps(tmp_path):
    stages = [planned(tmp_path, number, steps) for number, steps in ((1, 10), (2, 30), (3, 20))]
    progress = Progress(stages, print, len(stages))
    assert progress.remaining(5.0) is None and progress.remaining_text() == ''
    progress.finish(stages[0], 100.0)  # 20 steps in 2 epochs
    assert progress.remaining() == pytest.approx(500)
    assert progress.remaining(120.0) == pytest.approx(380)
    assert progress.remaining(1000.0) == pytest.approx(200)
    assert progress.remaining_text() == ', about 0:08:20 left'
    progress.finish(stages[1], 300.0)
    progress.finish(stages[2], 200.0)
    assert progress.remaining() == 0


def test_a_stage_that_has_ended_early_counts_its_own_steps(tmp_path):
    stages = [planned(tmp_path, number, 10, schedule=AutoSchedule()) for number in (1, 2)]
    progress = Progress(stages, print, len(stages))
    progress.finish(stages[0], 100.0, steps=5)  # of 20
    assert progress.remaining() == pytest.approx(400)
    assert progress.remaining_text() == ', at most about 0:06:40 left'
    stages[1] = planned(tmp_path, 2, 'longest')
    progress = Progress(stages, print, len(stages))
    progress.finish(stages[0], 100.0, steps=5)
    assert progress.remaining_text() == ', about 0:01:40 left'


def test_stages_count_alike_where_one_does_not_know_its_steps(tmp_path):
    stages = [planned(tmp_path, 1, 10), planned(tmp_path, 2, 'longest')]
    progress = Progress(stages, print, len(stages))
    progress.finish(stages[0], 100.0)
    assert progress.remaining() == pytest.approx(100)


def test_lines_come_from_time_to_time(tmp_path):
    said, stage = [], planned(tmp_path, 1)
    write_scalars(stage.folder, 'run', [dict(step=7, loss=1.234)])
    progress = Progress([stage], said.append, 1)
    for seconds in (1, 29, 31, 59, 62):
        progress.beat(stage, 'training', seconds, seconds + 100)
    progress.beat(stage, 'testing', 2, 200)
    progress.beat(stage, 'testing', 33, 233)
    assert said == [
        'stage 1 of 1, part 1: training, step 7 of 20, loss 1.23, 0:02:11 spent',
        'stage 1 of 1, part 1: training, step 7 of 20, loss 1.23, 0:02:42 spent',
        'stage 1 of 1, part 1: testing, 0:03:53 spent',
    ]


def test_clock():
    assert [clock(seconds) for seconds in (0, 59.6, 3661)] == ['0:00:00', '0:01:00', '1:01:01']
