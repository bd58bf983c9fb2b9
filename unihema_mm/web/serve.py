"""Starts the page."""

import asyncio
import logging
import os
import shutil
import socket
import sys
import tempfile
import time
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unihema_mm.utils.errors import InputError
from unihema_mm.utils.folder_lock import folder_lock

from .options import LOOPBACK, PageOptions
from .visitors import Visitors

if TYPE_CHECKING:
    import gradio

    from .handlers import PageHandlers

FOLDER_PREFIX = 'unihema_page_'
SWEEP_SECONDS = 10
CLOSING_SECONDS = 3
MOST_CONNECTIONS = 500  # a browser tab holds one or two


def build_page(
    inferencer: Callable[..., Any], options: PageOptions | None = None, folder: Path | None = None
) -> 'gradio.Blocks':
    """Build the page without starting it.

    :func:`serve` starts it behind a guard; who launches it otherwise answers for its safety.

    Args:
        inferencer: A :class:`~unihema_mm.apis.UniHemaInferencer`.
        options: Settings and limits.
        folder: Where pictures and results are kept; by default a new folder, which goes with the page.

    Raises:
        InputError: gradio is not installed, or the samples cannot be read.
    """
    _check_gradio()
    from .handlers import PageHandlers
    from .page import build_blocks
    from .samples import copy_samples, draw_samples

    options = options or PageOptions()
    kept = Path(folder or tempfile.mkdtemp(prefix=f'bare_{FOLDER_PREFIX}'))
    samples = kept / 'samples'
    samples.mkdir()
    pictures = (
        draw_samples(samples) if options.samples is None else copy_samples(options.samples, samples, options)
    )
    visitors = Visitors(kept, options.max_visitors, options.keep_minutes * 60)
    handlers = PageHandlers(inferencer, options, visitors)
    loaded = getattr(inferencer, 'loaded', None)
    page = build_blocks(handlers, pictures, '/'.join(Path(loaded.source).parts[-2:]) if loaded else '')
    page.handlers = handlers
    if folder is None:
        weakref.finalize(page, shutil.rmtree, kept, ignore_errors=True)
    return page


def serve(
    model: Any,
    host: str = '127.0.0.1',
    port: int = 7860,
    options: PageOptions | None = None,
    config: str | os.PathLike | None = None,
    device: str | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> bool:
    """Serve the page until it is interrupted.

    Args:
        model: What :class:`~unihema_mm.apis.UniHemaInferencer` takes, or such an inferencer.
        host: Address to bind to; the loopback interface, which other machines do not reach, by default.
        port: Port; 0 for any free one.
        options: Settings and limits.
        config: See :class:`~unihema_mm.apis.UniHemaInferencer`.
        device: See :class:`~unihema_mm.apis.UniHemaInferencer`.
        on_ready: Called with the address when the page can be opened.

    Returns:
        Whether the model still computes: the interpreter waits for that at its end, for a thread cannot be
        stopped.

    Raises:
        InputError: gradio is not installed, the port is taken, or the model or the samples cannot be loaded.
    """
    with page_server(model, host, port, options, config, device) as server:
        print(f'Open {server.address} in a browser; Ctrl-C ends the page.', file=sys.stderr, flush=True)
        if on_ready:
            on_ready(server.address)
        server.run()
    return server.is_computing()


class PageServer:
    """A page that is ready to be served.

    Args:
        app: The ASGI application.
        listening: The socket, bound.
        host: The address it is bound to.
        handlers: The actions of the page.

    Attributes:
        address: Address for a browser.
        is_computing: Tells whether the model computes.
    """

    def __init__(self, app: Any, listening: socket.socket, host: str, handlers: 'PageHandlers') -> None:
        import uvicorn

        shown = f'[{host}]' if ':' in host else host
        self.address = f'http://{shown}:{listening.getsockname()[1]}'
        self.is_computing = handlers.is_computing
        self._handlers = handlers
        self._socket = listening
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_level='warning',
                access_log=False,
                server_header=False,
                ws='none',
                timeout_keep_alive=20,
                timeout_graceful_shutdown=CLOSING_SECONDS,
                limit_concurrency=MOST_CONNECTIONS,
            )
        )
        self._handle_exit, self._server.handle_exit = self._server.handle_exit, self._end

    def run(self) -> None:
        """Serve until SIGINT, SIGTERM or :meth:`stop`."""
        log = logging.getLogger('uvicorn.error')
        log.addFilter(self._is_worth_a_line)
        try:
            with suppress(KeyboardInterrupt):
                self._server.run(sockets=[self._socket])
        finally:
            log.removeFilter(self._is_worth_a_line)

    def stop(self) -> None:
        """End :meth:`run`, which is called in another thread."""
        self._server.should_exit = True

    def _end(self, *arguments: Any) -> None:
        """At the first signal: the event loop would wait for who waits for the model."""
        self._handlers.close()
        self._handle_exit(*arguments)

    def _is_worth_a_line(self, record: logging.LogRecord) -> bool:
        """At the end uvicorn tells, with tracebacks, that it cuts the streams of open pages."""
        return not self._server.should_exit


@contextmanager
def page_server(
    model: Any,
    host: str = '127.0.0.1',
    port: int = 7860,
    options: PageOptions | None = None,
    config: str | os.PathLike | None = None,
    device: str | None = None,
) -> Iterator[PageServer]:
    """Make a page ready to be served; its files go at the end. See :func:`serve`."""
    _check_gradio()
    options = options or PageOptions()
    with closing(_bind(host, port)) as listening:
        if not callable(model):
            from unihema_mm.apis import UniHemaInferencer

            model = UniHemaInferencer(model, config, device)
        if host not in LOOPBACK:
            print(_warning(host, options), file=sys.stderr)
        with own_folder() as folder, _gradio_settings(folder):
            listening.listen(128)
            page = build_page(model, options, folder)
            try:
                yield PageServer(build_app(page, options, folder, host), listening, host, page.handlers)
            finally:
                page.handlers.close()


def build_app(page: 'gradio.Blocks', options: PageOptions, folder: Path, host: str) -> Any:
    """Put a page behind its guard, as an ASGI application.

    Args:
        page: See :func:`build_page`.
        options: Settings and limits.
        folder: Own folder of this application; it is emptied when the application ends.
        host: Address that it is bound to.
    """
    import gradio
    from fastapi import FastAPI

    from .guard import Guard
    from .style import CSS

    # Tells gradio to check that files named in requests are uploads; only its own launch() does so.
    page.has_launched = True
    visitors: Visitors = page.handlers.visitors

    @asynccontextmanager
    async def life(app: FastAPI):
        sweeping = asyncio.create_task(_sweep(visitors, folder, options.keep_minutes * 60))
        try:
            yield
        finally:
            sweeping.cancel()
            shutil.rmtree(folder, ignore_errors=True)

    app = FastAPI(lifespan=life, docs_url=None, redoc_url=None, openapi_url=None)
    app = gradio.mount_gradio_app(
        app,
        page,
        path='/',
        auth=options.login,
        allowed_paths=[],
        show_error=False,
        max_file_size=round(options.max_file_mb * 1e6),
        footer_links=[],
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        css=CSS,
        theme=gradio.themes.Default(
            primary_hue='blue',
            font=[gradio.themes.Font('system-ui'), gradio.themes.Font('sans-serif')],
            font_mono=[gradio.themes.Font('monospace')],
        ),
    )
    return Guard(
        app,
        folder / 'gradio',
        options.allowed_hosts or (LOOPBACK if host in LOOPBACK else ()),
        max_upload=round(options.max_file_mb * 1e6 * min(options.max_pictures, 20)),
        has_room=lambda: _size(folder) < options.max_storage_mb * 1e6,
    )


@contextmanager
def own_folder() -> Iterator[Path]:
    """A new temporary folder that goes at the end; those that killed processes left go now."""
    root = Path(tempfile.gettempdir())
    for old in root.glob(f'{FOLDER_PREFIX}*'):
        with suppress(InputError, OSError):
            if old.is_symlink() or old.stat().st_uid != os.getuid():
                continue
            with folder_lock(old):
                shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir=root))
    try:
        with folder_lock(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _gradio_settings(folder: Path) -> Iterator[None]:
    """Keep gradio's files in the own folder and gradio itself quiet; it reads these where it needs them."""
    from gradio import routes

    settings = {'GRADIO_TEMP_DIR': str(folder / 'gradio'), 'GRADIO_ANALYTICS_ENABLED': 'False'}
    before = {name: os.environ.get(name) for name in settings}
    (folder / 'gradio').mkdir()
    os.environ.update(settings)
    # Uploads under way lie here, and stay where they are broken off.
    temporary, tempfile.tempdir = tempfile.tempdir, str(folder)
    # Read when gradio was imported; it makes a folder there for an editor, which the page does not have.
    common, routes.DEFAULT_TEMP_DIR = routes.DEFAULT_TEMP_DIR, settings['GRADIO_TEMP_DIR']
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings('ignore', module=r'gradio\.')  # what it calls and others deprecate
            yield
    finally:
        tempfile.tempdir, routes.DEFAULT_TEMP_DIR = temporary, common
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


def _check_gradio() -> None:
    os.environ.setdefault('GRADIO_ANALYTICS_ENABLED', 'False')
    try:
        import gradio
    except ImportError as error:
        raise InputError(f'the web page needs gradio ({error}); pip install "gradio>=6"') from None
    if int(gradio.__version__.partition('.')[0]) < 6:
        raise InputError(
            f'the web page needs gradio 6, {gradio.__version__} is installed; pip install -U gradio'
        )


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        raise InputError(
            f'web page: {host}:{port}: cannot be listened on ({getattr(error, "strerror", None) or error}); '
            'choose another port or host'
        ) from None
    return listening


def _warning(host: str, options: PageOptions) -> str:
    who = 'who knows the login' if options.login else 'everyone who reaches it, for there is no login'
    return (
        f'WARNING: {host} is no loopback address: the page is open to {who}, and pictures travel '
        'unencrypted; see docs/how_to/web_page.md'
    )


async def _sweep(visitors: Visitors, folder: Path, seconds: float) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        await asyncio.to_thread(visitors.sweep)
        await asyncio.to_thread(remove_broken_uploads, folder, seconds)


def remove_broken_uploads(folder: Path, seconds: float) -> None:
    """Remove what uploads that were broken off left in a folder, where nothing was added for this time."""
    for path in folder.glob(f'{tempfile.gettempprefix()}*'):
        with suppress(OSError):
            if path.is_file() and time.time() - path.stat().st_mtime > seconds:
                path.unlink()


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob('*'):
        with suppress(OSError):
            total += path.lstat().st_size
    return total
