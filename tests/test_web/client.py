"""Sends to a page over HTTP what the browser sends."""

import json
import time
from typing import Any


def wait_for(condition, seconds: float = 60):
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def upload(client, content: bytes, name: str = 'a.png') -> Any:
    return client.post('/gradio_api/upload', files={'files': (name, content)})


def event_of(client, name: str) -> dict:
    """The event of the page whose function has this name."""
    config = client.get('/config').json()
    return next(event for event in config['dependencies'] if event['api_name'] == name)


def join(client, name: str, data: list, session: str = 'session') -> Any:
    """Put an event of the page into the queue."""
    body = {'data': data, 'fn_index': event_of(client, name)['id'], 'session_hash': session}
    return client.post('/gradio_api/queue/join', json=body)


def call(client, name: str, data: list) -> tuple[Any, list[dict]]:
    """Send an event as the page does and read all messages about it."""
    joined = join(client, name, data)
    if joined.is_error:
        return joined, []
    messages = []
    with client.stream('GET', '/gradio_api/queue/data', params={'session_hash': 'session'}) as stream:
        for line in stream.iter_lines():
            if line.startswith('data: '):
                messages.append(json.loads(line[6:]))
                if messages[-1]['msg'] in ('process_completed', 'close_stream'):
                    break
    return joined, messages


def file_payload(path: str, **more) -> dict:
    return {'path': path, 'meta': {'_type': 'gradio.FileData'}, 'orig_name': 'a.png', **more}


def run_data(files: list[dict]) -> list:
    return [files, ['det'], 'Malaria', 0.3, ['Boxes'], None]
