"""What a config says about the end of a stage."""

import pytest

from unihema_mm.engine.stages.schedule import AutoSchedule, read_schedule
from unihema_mm.utils.errors import InputError


@pytest.mark.parametrize(
    ('value', 'schedule'),
    [
        ('fixed', None),
        (dict(type='fixed'), None),
        ('auto', AutoSchedule(3, 0.2, 10)),
        (dict(type='auto', patience=1, min_delta=0, checks=3), AutoSchedule(1, 0, 3)),
    ],
)
def test_schedules(value, schedule):
    assert read_schedule(value, 'stage.schedule') == schedule


@pytest.mark.parametrize(
    ('value', 'message'),
    [
        (None, r"^stage\.schedule: is None; write 'fixed', 'auto' or dict"),
        (3, r'^stage\.schedule: is 3'),
        (dict(patience=3), r"^stage\.schedule: is \{'patience': 3\}"),
        (dict(type='fixed', patience=3), r'^stage\.schedule: is'),
        (dict(type='auto', patient=3), r'schedule\.patient: is unknown \(nearest: patience'),
        (dict(type='auto', patience=0), r'schedule\.patience: is 0; write a whole number'),
        (dict(type='auto', checks=True), r'schedule\.checks: is True'),
        (dict(type='auto', checks=2.5), r'schedule\.checks: is 2\.5'),
        (dict(type='auto', min_delta=-1), r'schedule\.min_delta: is -1'),
        (dict(type='auto', min_delta=float('nan')), r'schedule\.min_delta: is nan'),
        (dict(type='auto', min_delta='0.2'), r"schedule\.min_delta: is '0\.2'"),
        (dict(type='auto', patience=9), r'10 checks with a patience of 9 cannot end .* checks=11 or more'),
    ],
)
def test_wrong_schedules(value, message):
    with pytest.raises(InputError, match=message):
        read_schedule(value, 'stage.schedule')
