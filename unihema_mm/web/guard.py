"""What the page answers to: known routes, its own host, requests of bounded size."""

import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Gradio serves many more, which this page has no use for: running code by name, a proxy, an editor.
PAGES = {'/', '/config', '/favicon.ico', '/manifest.json', '/robots.txt', '/theme.css', '/logout'}
GET_BELOW = ('/assets/', '/static/', '/svelte/')
API = '/gradio_api'
API_GET = {'/queue/data', '/startup-events', '/upload_progress', '/app_id', '/user', '/login_check', '/token'}
HEARTBEAT = f'{API}/heartbeat/'
FILES = f'{API}/file='
UPLOAD = f'{API}/upload'
POSTS = {'/login', *(API + route for route in ('/queue/join', '/upload', '/cancel', '/reset'))}
MAX_JSON = 1_000_000  # bytes; settings and names of files, no pictures

HEADERS = {
    # gradio's page has inline scripts and styles, and makes functions of its templates; nothing may come from
    # or go to another place.
    'Content-Security-Policy': (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
        "style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
}


class Refusal(Exception):
    """A request that is not answered.

    Args:
        status: HTTP status.
        reason: One line for the user.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Guard:
    """Middleware before gradio's application.

    Args:
        app: The application.
        folder: The only folder that files are served from.
        hosts: Names by which the page may be reached, any where empty. A foreign name that leads here is how
            a foreign page would get at a page on the loopback interface.
        max_upload: Bytes of one upload request.
        has_room: Tells whether another upload fits on the disk.
    """

    def __init__(
        self,
        app: ASGIApp,
        folder: Path,
        hosts: Collection[str],
        max_upload: int,
        has_room: Callable[[], bool],
    ) -> None:
        self._app = app
        self._folder = folder.resolve()
        self._hosts = {host.lower() for host in hosts}
        self._max_upload = max_upload
        self._has_room = has_room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope['type'] == 'lifespan':
            await self._app(scope, receive, send)
            return
        if scope['type'] != 'http':  # the page has no WebSocket
            return
        is_started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal is_started
            if message['type'] == 'http.response.start':
                is_started = True
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                if scope['path'].startswith(FILES):
                    headers['Cache-Control'] = 'no-store'
            await send(message)

        try:
            self._check(scope)
            receive = await self._bounded(scope, receive)
            await self._app(scope, receive, send_with_headers)
        except Refusal as refusal:
            if not is_started:
                response = PlainTextResponse(refusal.reason, refusal.status)
                await response(scope, receive, send_with_headers)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = urlsplit(f'//{headers.get("host", "")}')
        if self._hosts and (host.hostname or '') not in self._hosts:
            raise Refusal(421, 'this page is not reached by that name; see allowed_hosts')
        origin = headers.get('origin')
        if origin is not None and urlsplit(origin).netloc.lower() != host.netloc.lower():
            raise Refusal(403, 'requests from other pages are not answered')
        path = scope['path']
        if not _is_known(scope['method'], path):
            raise Refusal(404, 'not found')
        if path.startswith(FILES) and not self._is_served(path.removeprefix(FILES)):
            raise Refusal(403, 'file not allowed')
        if path == UPLOAD and scope['method'] == 'POST' and not self._has_room():
            raise Refusal(507, 'the page keeps as much as it may; try again in a while')

    def _is_served(self, name: str) -> bool:
        if '\0' in name or '://' in name:
            return False
        path = Path(name)
        return path.is_absolute() and path.resolve().is_relative_to(self._folder)

    async def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        if scope['method'] != 'POST':
            return receive
        if scope['path'] == UPLOAD:
            return _counted(receive, self._max_upload)
        body = await _read(_counted(receive, MAX_JSON))
        if scope['path'] != '/login':
            _check_json(body)
        return _replayed(body, receive)


def _is_known(method: str, path: str) -> bool:
    if method == 'POST':
        return path in POSTS
    if method not in ('GET', 'HEAD'):
        return False
    if path.startswith(API):
        route = path.removeprefix(API)
        return route in API_GET or path.startswith((HEARTBEAT, FILES))
    return path in PAGES or path.startswith(GET_BELOW)


def _counted(receive: Receive, most: int) -> Receive:
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get('body', b''))
        if size > most:
            raise Refusal(413, f'the request has more than {most / 1e6:g} MB')
        return message

    return counted


async def _read(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        if message['type'] == 'http.disconnect':
            raise Refusal(400, 'the request ended early')
        parts.append(message.get('body', b''))
        if not message.get('more_body'):
            return b''.join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    is_read = False

    async def replayed() -> Message:
        nonlocal is_read
        if is_read:
            return await receive()
        is_read = True
        return {'type': 'http.request', 'body': body, 'more_body': False}

    return replayed


def _check_json(body: bytes) -> None:
    """Refuse files that are given by address: gradio would fetch them."""
    try:
        content = json.loads(body) if body else None
    except (ValueError, RecursionError):
        raise Refusal(400, 'the request is no JSON') from None
    if any('://' in path for path in _paths(content)):
        raise Refusal(400, 'files are taken as uploads only')


def _paths(content: Any) -> list[str]:
    found, waiting = [], [content]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            found += [value for key, value in item.items() if key == 'path' and isinstance(value, str)]
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
    return found
