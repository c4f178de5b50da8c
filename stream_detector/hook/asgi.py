"""The hook inside an ASGI 3 application: Starlette, FastAPI, Quart, Litestar, or none.

1. A refused call never reaches the application; it gets what the HTTP hook's caller would get.
2. A marked call carries `x-stream-detector-mark` among its request headers, for the model layer. What a client sends
   under this name is removed, whether the call is marked or not.
3. A WebSocket is one call, judged by its handshake. Nothing is buffered: bodies, streams and messages pass through as they are.
4. A call is open until its answer has ended, or its WebSocket. The application may say what it used, in
   `scope["state"]["stream_detector"]` (in Starlette `request.state.stream_detector`); else what was reserved stays used.

Source: ASGI specification 3.0, HTTP and WebSocket 2.5, lifespan 2.0.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Final

from stream_detector.domain.identity import Identity
from stream_detector.domain.limits import Ask, Use
from stream_detector.hook.answers import Dialect, answer
from stream_detector.hook.asgi_answers import Message, Receive, Scope, Send, adding, marked, refuse
from stream_detector.hook.observer import HookObserver
from stream_detector.hook.resident import ResidentGuard

Application = Callable[[Scope, Receive, Send], Awaitable[None]]
ClientOf = Callable[[Scope], str | None]
"""Says what the client is known by; None where it cannot."""

_CALLS: Final = {"http", "websocket"}
_PASSES = 200
_STATE = "stream_detector"


class Spent:
    """What a call has used. The application sets it before its answer ends; None for what it does not know."""

    __slots__ = ("call", "input_tokens", "output_tokens")

    def __init__(self) -> None:
        self.call = ""
        self.input_tokens: int | None = None
        self.output_tokens: int | None = None

    def reserve(self) -> Ask:
        """Give the call an id, for a client whose calls are counted."""
        self.call = uuid.uuid4().hex
        return Ask(call=self.call)

    def use(self) -> Use:
        """What is to be settled."""
        return Use(self.call, self.input_tokens, self.output_tokens)


class EnforcingMiddleware:
    """Judges every call before the application hears of it.

    Args:
        app: the application.
        guard: judges.
        observer: hears of every answer.
        client_of: says what the client is known by; must trust only what was authenticated.
        identity: makes the client id of it.
        timer: seconds that never go back.
    """

    def __init__(
        self,
        app: Application,
        *,
        guard: ResidentGuard,
        observer: HookObserver,
        client_of: ClientOf,
        identity: Identity,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._app = app
        self._guard = guard
        self._observer = observer
        self._client_of = client_of
        self._identity = identity
        self._settling: set[asyncio.Task[None]] = set()
        self._timer = timer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Deal with one connection scope."""
        if scope["type"] in _CALLS:
            await self._judge(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _judge(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = self._timer()
        client, spent = self._identity.of(self._client_of(scope)), Spent()
        verdict = await self._guard.check(client, spent.reserve)
        given = answer(verdict, Dialect.HTTP)
        self._observer.answered(verdict, self._timer() - started)
        if given.status != _PASSES:
            await refuse(given, scope, receive, send)
            return
        scope = marked(scope, given.for_model)
        scope["state"] = {**scope.get("state", {}), _STATE: spent}
        try:
            await self._app(scope, receive, adding(given.for_client, send))
        finally:
            if spent.call and client is not None:
                await self._settle(client, spent.use())

    async def _settle(self, client: str, use: Use) -> None:
        """Settle also where the call was cancelled, and goes on being cancelled, as by a scope of anyio."""
        settling = asyncio.create_task(self._guard.settle(client, use))
        self._settling.add(settling)
        settling.add_done_callback(self._settling.discard)
        await asyncio.shield(settling)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Start before the application does, and end before it ends."""

        async def receive_and_follow() -> Message:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self._guard.start()
            elif message["type"] == "lifespan.shutdown":
                await self._guard.aclose()
            return message

        await self._app(scope, receive_and_follow, send)


def client_in_header(name: str) -> ClientOf:
    """The client id in a request header; None where the header is missing, ambiguous or not ASCII."""
    field = name.lower().encode("ascii")

    def client_of(scope: Scope) -> str | None:
        values = [value for key, value in scope["headers"] if key.lower() == field]
        return values[0].decode() if len(values) == 1 and values[0].isascii() else None

    return client_of
