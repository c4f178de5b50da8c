"""Our answers over ASGI: as responses of HTTP, and to the handshake of a WebSocket.

1. A refused handshake gets the same response as a call over HTTP, where the server can send one before there is a socket (the
   extension `websocket.http.response`). Any other server is told to close, and answers 403 by itself.
2. What an accepted client may see of its limit is added to the response that the application begins, whichever it is.

Source: ASGI specification 3.0, HTTP and WebSocket 2.5, extension "WebSocket Denial Response".
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from stream_detector.hook.answers import MARK_HEADER, Answer, Headers

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_MARK: Final = MARK_HEADER.encode()
_DENIAL = "websocket.http.response"
_RESPONSES: Final = {"http.response.start", "websocket.accept", f"{_DENIAL}.start"}
"""Messages that begin a response, and carry its headers."""
_UNAVAILABLE = 503
_POLICY_VIOLATION, _TRY_AGAIN_LATER = 1008, 1013
"""Codes of a closed WebSocket (RFC 6455 7.4 and its registry)."""


def marked(scope: Scope, marks: Headers) -> Scope:
    """A copy of the scope, with exactly these marks."""
    kept = [(name, value) for name, value in scope["headers"] if name.lower() != _MARK]
    return {**scope, "headers": kept + _raw(marks)}


def adding(headers: Headers, send: Send) -> Send:
    """`send`, with more response headers."""
    if not headers:
        return send
    added = _raw(headers)

    async def send_with_headers(message: Message) -> None:
        if message["type"] in _RESPONSES:
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await send(message)

    return send_with_headers


async def refuse(refusal: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer in the application's place."""
    if scope["type"] == "http":
        await _respond("http.response", refusal, send)
    elif (await receive())["type"] != "websocket.connect":
        return  # the client has gone
    elif _DENIAL in (scope.get("extensions") or ()):
        await _respond(_DENIAL, refusal, send)
    else:
        code = _TRY_AGAIN_LATER if refusal.status == _UNAVAILABLE else _POLICY_VIOLATION
        await send({"type": "websocket.close", "code": code, "reason": ""})


async def _respond(kind: str, refusal: Answer, send: Send) -> None:
    headers = [*_raw(refusal.headers), (b"content-length", b"%d" % len(refusal.body))]
    await send({"type": f"{kind}.start", "status": refusal.status, "headers": headers})
    await send({"type": f"{kind}.body", "body": refusal.body})


def _raw(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), value.encode("ascii")) for name, value in headers]
