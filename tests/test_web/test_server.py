"""Safety rules of a started page, over HTTP."""

import json
import os
import socket
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import cv2
import pytest

from unihema_mm.structures.results import RESEARCH_USE
from unihema_mm.utils.errors import InputError
from unihema_mm.web import PageOptions, build_page
from unihema_mm.web.guard import HEADERS
from unihema_mm.web.serve import FOLDER_PREFIX, own_folder, page_server, remove_broken_uploads

from .client import call, file_payload, join, run_data, upload, wait_for

httpx = pytest.importorskip('httpx')
pytest.importorskip('gradio')


@pytest.fixture(scope='module')
def client(page):
    with httpx.Client(base_url=page, timeout=60, trust_env=False) as client:
        yield client


@contextmanager
def running_client(conftest, options: PageOptions, inferencer=None):
    with (
        conftest.running(options, inferencer) as address,
        httpx.Client(base_url=address, timeout=60, trust_env=False) as client,
    ):
        yield client


@contextmanager
def begun_upload(client):
    """An upload that is broken off at the end."""
    head = 'POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n'
    head += 'Content-Type: multipart/form-data; boundary=xx\r\n\r\n'
    part = '--xx\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\nbeginning'
    with socket.create_connection((client.base_url.host, client.base_url.port), timeout=60) as connection:
        connection.sendall((head + part).encode())
        yield


def test_page_says_what_it_is_for_and_loads_nothing_from_elsewhere(client):
    answer = client.get('/')
    assert answer.status_code == 200 and RESEARCH_USE in answer.text
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    config = client.get('/config').json()
    assert not config['analytics_enabled'] and not config.get('stylesheets')


@pytest.mark.parametrize(
    'path',
    [
        '/gradio_api/file=/etc/passwd',
        '/gradio_api/file=../../../../etc/passwd',
        '/gradio_api/file=..%2f..%2f..%2fetc%2fpasswd',
        '/gradio_api/file=%2fetc%2fpasswd',
        '/gradio_api/file=file:///etc/passwd',
        '/gradio_api/file=http://127.0.0.1:1/x',
        '/gradio_api/file=setup.py',
        '/gradio_api/file/etc/passwd',
        '/gradio_api/file=%252e%252e/%252e%252e/etc/passwd',
        '/gradio_api/file=/proc/self/environ',
        '/gradio_api/stream/session/run/1/playlist.m3u8',
        '/gradio_api/file=%00/etc/passwd',
        f'/gradio_api/file={Path(__file__)}',
        '/file=/etc/passwd',
        '/file/etc/passwd',
        '/static/../../../../etc/passwd',
        '/static/%2e%2e/%2e%2e/%2e%2e/__init__.py',
        '/assets/..%2f..%2f..%2f__init__.py',
        '/svelte/..%2f..%2f..%2f__init__.py',
        '/gradio_api/proxy=http://127.0.0.1:1/x',
        '/gradio_api/deep_link',
        '/gradio_api/info',
        '/gradio_api/openapi.json',
        '/gradio_api/vibe-code',
        '/monitoring',
        '/docs',
        '/openapi.json',
        '/custom_component/x',
    ],
)
def test_no_other_file_and_no_other_route_is_served(client, page, path):
    answer = client.get(path, follow_redirects=False)
    assert answer.status_code in (403, 404), answer.text[:200]
    assert 'root:' not in answer.text
    # As a hand-written client sends it: httpx takes '..' out of an address itself.
    host, port = page.removeprefix('http://').split(':')
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(f'GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n'.encode())
        raw = b''.join(iter(lambda: connection.recv(65536), b''))
    assert raw.split(b' ', 2)[1] in (b'403', b'404', b'400') and b'root:' not in raw


def test_files_inside_by_a_link_to_the_outside_are_not_served(client):
    name = upload(client, b'text').json()[0]
    link = Path(name).with_name('link')
    link.symlink_to('/etc/passwd')
    assert client.get(f'/gradio_api/file={link}').status_code == 403
    own = client.get(f'/gradio_api/file={name}')
    assert own.content == b'text' and own.headers['cache-control'] == 'no-store'


def test_names_of_uploads_lead_nowhere(client):
    folder = Path(upload(client, b'text').json()[0]).parents[1]
    for name in ('../../../../tmp/evil.png', '/etc/evil.png', '..'):
        answer = upload(client, name.encode(), name)
        assert answer.is_error or Path(answer.json()[0]).resolve().is_relative_to(folder), name


def test_what_the_page_keeps_is_not_served_by_its_path(client, picture_file):
    name = upload(client, picture_file.read_bytes(), 'smear.png').json()[0]
    call(client, 'run_files', run_data([file_payload(name)]))
    kept = [path for path in Path(name).parents[2].rglob('*.png') if 'gradio' not in path.parts[-3:]]
    assert any(path.parent.name.startswith('visitor_') for path in kept)
    for path in kept:
        assert client.get(f'/gradio_api/file={path}').status_code == 403, path


def test_folders_that_gradio_would_serve_too_are_not_served(client, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inside = tmp_path / '.gradio' / 'cached_examples' / 'a.txt'
    inside.parent.mkdir(parents=True)
    inside.write_text('private')
    assert client.get(f'/gradio_api/file={inside}').status_code == 403


def test_uploaded_pages_are_not_run_by_the_browser(client):
    name = upload(client, b'<script>alert(1)</script>', 'a.html').json()[0]
    answer = client.get(f'/gradio_api/file={name}')
    assert answer.headers['content-disposition'].startswith('attachment')
    assert answer.headers['content-type'] == 'application/octet-stream'


@pytest.mark.parametrize('method', ['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'])
def test_other_methods_are_refused(client, method):
    assert client.request(method, '/').status_code in (404, 405)


@pytest.mark.parametrize(
    'path',
    [
        '/gradio_api/run/run_files',
        '/gradio_api/call/run_files',
        '/gradio_api/vibe-edit',
        '/gradio_api/component_server',
    ],
)
def test_functions_are_not_called_by_name(client, path):
    assert client.post(path, json={'data': []}).status_code == 404


def test_other_names_and_other_pages_are_refused(client):
    assert client.get('/', headers={'host': 'evil.example'}).status_code == 421
    assert client.get('/', headers={'host': 'localhost'}).status_code == 200
    for origin in ('http://evil.example', 'null', 'http://localhost:1'):
        refused = client.post('/gradio_api/upload', headers={'origin': origin}, files={'files': b'a'})
        assert refused.status_code == 403, origin


def test_large_files_and_requests_are_refused(client):
    assert upload(client, bytes(2_100_000)).status_code == 413
    assert upload(client, bytes(1_900_000)).status_code == 200
    assert client.post('/gradio_api/queue/join', content=b'[' * 1_100_000).status_code == 413
    assert client.post('/gradio_api/queue/join', content=b'[' * 100_000).status_code == 400
    assert client.post('/gradio_api/queue/join', content=b'\xff').status_code == 400


def test_only_uploads_are_read(client, tmp_path):
    secret = tmp_path / 'secret.png'
    secret.write_bytes(b'secret')
    for path in ('/etc/passwd', str(secret)):
        _, messages = call(client, 'run_files', run_data([file_payload(path)]))
        assert messages[-1]['success'] is False and 'secret' not in json.dumps(messages)
    refused, _ = call(client, 'run_files', run_data([file_payload('http://127.0.0.1:1/a.png')]))
    assert refused.status_code == 400 and 'uploads only' in refused.text


def test_an_upload_is_run(client, picture_file):
    name = upload(client, picture_file.read_bytes(), 'smear.png').json()[0]
    _, messages = call(client, 'run_files', run_data([file_payload(name)]))
    assert messages[-1]['success'] and '1 of 1 done' in json.dumps(messages)


def test_values_outside_the_choices_are_refused(client):
    for data in (
        [[], ['rm'], 'x', 0.3, [], None],
        [[], ['det'], 'x', 0.3, ['Everything'], None],
        [[], ['det'], 'x', 7, [], None],
    ):
        _, messages = call(client, 'run_files', data)
        assert messages[-1]['success'] is False


def test_files_go_with_the_page(conftest, tmp_path, monkeypatch):
    monkeypatch.setenv('GRADIO_TEMP_DIR', 'of someone else')
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    with running_client(conftest, PageOptions(max_queue=1)) as client:
        assert Path(upload(client, b'text').json()[0]).is_relative_to(tmp_path)
        with begun_upload(client):
            assert wait_for(lambda: list(tmp_path.rglob('tmp*')))
        assert [path.name[: len(FOLDER_PREFIX)] for path in tmp_path.iterdir()] == [FOLDER_PREFIX]
    assert not list(tmp_path.iterdir())
    assert os.environ['GRADIO_TEMP_DIR'] == 'of someone else'


def test_the_server_asks_nothing_of_other_machines(conftest, monkeypatch):
    asked = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def recorded_connect(self, address):
        asked.append(address[0])
        return connect(self, address)

    def recorded_look_up(host, *more, **options):
        asked.append(host)
        return look_up(host, *more, **options)

    monkeypatch.setattr(socket.socket, 'connect', recorded_connect)
    monkeypatch.setattr(socket, 'getaddrinfo', recorded_look_up)
    with running_client(conftest, PageOptions()) as client:
        assert client.get('/').status_code == 200
    assert set(asked) == {'127.0.0.1'}


def test_broken_uploads_go_after_a_time(tmp_path):
    old, new, other = (tmp_path / name for name in ('tmpold', 'tmpnew', 'other'))
    for path in (old, new, other):
        path.touch()
    os.utime(old, (0, 0))
    os.utime(other, (0, 0))
    remove_broken_uploads(tmp_path, 60)
    assert not old.exists() and new.exists() and other.exists()


def test_uploads_go_after_a_time(conftest):
    with running_client(conftest, PageOptions(keep_minutes=0.01)) as client:
        name = Path(upload(client, b'text').json()[0])
        assert wait_for(lambda: not name.exists())
        assert client.get(f'/gradio_api/file={name}').is_error


def test_a_full_queue_is_told(conftest):
    is_over = threading.Event()

    class Slow(conftest.FakeInferencer):
        def __call__(self, inputs, **request):
            is_over.wait(60)
            yield from super().__call__(inputs, **request)

    with running_client(conftest, PageOptions(max_queue=1), Slow()) as client:
        payload = file_payload(upload(client, cv2.imencode('.png', conftest.smear())[1].tobytes()).json()[0])
        joined = [join(client, 'run_files', run_data([payload]), f'tab {number}') for number in range(4)]
        is_over.set()
    assert joined[0].status_code == 200
    assert joined[-1].status_code == 503 and 'full' in joined[-1].text


def test_full_storage_is_told(conftest):
    with running_client(conftest, PageOptions(max_storage_mb=0.001)) as client:
        refused = upload(client, b'text')
        assert refused.status_code == 507 and 'try again' in refused.text


def test_login_is_asked_for(conftest):
    with running_client(conftest, PageOptions(login=('lab', 'pass word'))) as client:
        assert upload(client, b'text').status_code == 401
        assert client.get('/config').status_code == 401
        assert client.post('/login', data={'username': 'lab', 'password': 'no'}).status_code == 400
        assert client.post('/login', data={'username': 'lab', 'password': 'pass word'}).status_code == 200
        assert upload(client, b'text').status_code == 200


def test_what_killed_pages_left_goes_and_what_others_use_stays(tmp_path, monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    left = tmp_path / f'{FOLDER_PREFIX}left'
    left.mkdir()
    (left / 'patient.png').touch()
    (tmp_path / f'{FOLDER_PREFIX}link').symlink_to(tmp_path / 'x')
    with own_folder() as first:
        assert not left.exists()
        with own_folder() as second:
            assert first.exists() and second.exists()
        assert first.exists() and not second.exists()
    assert not first.exists()


def test_a_taken_port_is_one_line():
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        with (
            pytest.raises(InputError, match='choose another port'),
            page_server(None, port=taken.getsockname()[1]),
        ):
            pass
    with pytest.raises(InputError, match='choose another port'), page_server(None, port=99_999):
        pass


def test_an_open_address_is_warned_of(inferencer, capsys):
    with page_server(inferencer, '0.0.0.0', 0, PageOptions()):
        warning = capsys.readouterr().err
    assert warning.startswith('WARNING: 0.0.0.0') and warning.count('\n') == 1


def test_missing_gradio_is_one_line(inferencer, monkeypatch):
    monkeypatch.setitem(sys.modules, 'gradio', None)
    with pytest.raises(InputError, match='pip install'):
        build_page(inferencer)


def test_page_can_be_built_alone(inferencer):
    page = build_page(inferencer)
    folder = page.handlers.visitors._folder
    with own_folder():  # of a page that starts later
        assert len(list((folder / 'samples').iterdir())) > 1
