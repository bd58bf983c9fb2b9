"""``unihema serve`` hands its options to the page."""

import pytest

web = pytest.importorskip('unihema_mm.web')


def test_options(unihema, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(web, 'serve', lambda *arguments: calls.append(arguments))
    monkeypatch.setenv('UNIHEMA_PASSWORD', 'secret')
    assert unihema('serve', 'model')[0] == 0
    given = [
        '--host',
        '0.0.0.0',
        '--port',
        0,
        '--samples',
        tmp_path,
        '--user',
        'lab',
        '--allow-host',
        'lab.example',
    ]
    assert (
        unihema('serve', 'model', *given, '--max-seconds', 9, '--device', 'cpu', '--config', 'c.py')[0] == 0
    )
    assert calls == [
        ('model', '127.0.0.1', 7860, web.PageOptions(), None, None),
        (
            'model',
            '0.0.0.0',
            0,
            web.PageOptions(
                samples=str(tmp_path), login=('lab', 'secret'), allowed_hosts=('lab.example',), max_seconds=9
            ),
            'c.py',
            'cpu',
        ),
    ]


def test_a_wrong_limit(unihema):
    code, _, err = unihema('serve', 'model', '--max-seconds', 0)
    assert code == 2 and 'max_seconds' in err


def test_the_end_does_not_wait_for_the_model(unihema, monkeypatch):
    ends = []
    monkeypatch.setattr('os._exit', ends.append)
    for is_computing in (False, True):
        monkeypatch.setattr(web, 'serve', lambda *_, answer=is_computing: answer)
        assert unihema('serve', 'model')[0] == 0
    assert ends == [0]
