"""The server: the page's files, and one WebSocket for each open page. Listens on 127.0.0.1 alone."""

from __future__ import annotations

import asyncio
import contextlib
import json
import mimetypes
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from ..errors import InputError
from ..runs.settings import HIDDEN_ACTIVATIONS, OPTIMIZERS
from .choices import MOST_BATCH, MOST_LAYERS, MOST_UNITS, Choices, read_request
from .guard import OwnPageOnly
from .runner import Message, Runner
from .samples import TABLE, Library

LOOPBACK, PORT = "127.0.0.1", 8765
PAGE = Path(__file__).parent / "page"
# Pages that train at the same time, and the bytes of a message from one.
MOST_PAGES, MOST_BYTES = 4, 1 << 16
# The page needs them as they are, whatever the system's own table says.
mimetypes.add_type("text/javascript", ".js")


def listen(port: int) -> socket.socket:
    """A socket that listens on 127.0.0.1; port 0 is any free one. Raises InputError where the port is taken."""
    try:
        return socket.create_server((LOOPBACK, port))
    except OSError as error:
        raise InputError(f"--port is {port}, which cannot be used: {error.strerror}; give another, or 0 for any") from None


def serve(library: Library, sock: socket.socket, ready: Callable[[], None] = lambda: None) -> None:
    """Serve the page until Ctrl-C, which is raised. ready: called once the server answers."""
    make_server(library, sock, ready).run(sockets=[sock])


def make_server(library: Library, sock: socket.socket, ready: Callable[[], None] = lambda: None) -> uvicorn.Server:
    """The server, which `run(sockets=[sock])` starts, and which ends once `should_exit` is set."""
    config = uvicorn.Config(
        application(library, sock.getsockname()[1], ready),
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="websockets-sansio",
        ws_max_size=MOST_BYTES,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


def application(library: Library, port: int, ready: Callable[[], None] = lambda: None) -> Starlette:
    """The program behind the page."""
    pages = set[Runner]()

    async def play(websocket: WebSocket) -> None:
        await websocket.accept()
        if len(pages) == MOST_PAGES:
            await websocket.send_json({"kind": "error", "message": f"{MOST_PAGES} pages are open; close one, and reload"})
            await websocket.close()
            return
        await websocket.send_json(_options(library))
        messages: asyncio.Queue[Message] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def deliver(message: Message) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(messages.put_nowait, message)

        runner = Runner(library, deliver)
        pages.add(runner)
        sender = asyncio.create_task(_send(websocket, messages))
        runner.start()
        try:
            async for text in websocket.iter_text():
                try:
                    runner.tell(read_request(text))
                except InputError as error:
                    messages.put_nowait({"kind": "error", "message": str(error)})
        finally:
            runner.end()
            sender.cancel()
            pages.discard(runner)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        ready()
        yield

    return Starlette(
        routes=[WebSocketRoute("/play", play), Mount("/", StaticFiles(directory=PAGE, html=True))],
        middleware=[Middleware(OwnPageOnly, hosts=[f"{name}:{port}" for name in (LOOPBACK, "localhost")])],
        lifespan=lifespan,
    )


async def _send(websocket: WebSocket, messages: asyncio.Queue[Message]) -> None:
    while True:
        message = await messages.get()
        if isinstance(message, bytes):
            await websocket.send_bytes(message)
        else:
            await websocket.send_text(json.dumps(message))


def _options(library: Library) -> Message:
    """What the page can choose from, and the first choice."""
    first = Choices(data=TABLE) if library.table is not None else Choices()
    return {
        "kind": "options",
        "data": library.names(),
        "activations": list(HIDDEN_ACTIVATIONS),
        "optimizers": {name: rate for name, (_, rate) in OPTIMIZERS.items()},
        "limits": {"layers": MOST_LAYERS, "units": MOST_UNITS, "batch": MOST_BATCH},
        "choices": first.as_json(),
    }
