"""Who may talk to the server: its own page alone."""

from __future__ import annotations

from collections.abc import Collection, MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class OwnPageOnly:
    """Refuses what does not name this server as its host, and what a page of another origin asks for.

    The first keeps out names of other sites that are made to lead here (DNS rebinding), the second other pages in the same
    browser. A WebSocket must name its origin, which browsers always do. hosts: as "127.0.0.1:8765".
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts, self._origins = set(hosts), {f"http://{host}" for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif self._is_own(scope):
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await WebSocketClose(reason="another origin")(scope, receive, send)
        else:
            await PlainTextResponse("refused: this server answers its own page alone", 403)(scope, receive, send)

    def _is_own(self, scope: MutableMapping[str, Any]) -> bool:
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        named = scope["type"] == "http" or len(origins) == 1
        return len(hosts) == 1 and hosts[0] in self._hosts and named and all(origin in self._origins for origin in origins)


def _with_headers(send: Send) -> Send:
    async def sends(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(HEADERS)
        await send(message)

    return sends
