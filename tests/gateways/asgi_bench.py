"""The ASGI middleware around an application, with hand-made scopes; its store and limiter are in memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from gateways.hooks import NOON_S, HandClock, RecordingObserver

from stream_detector.adapters.memory import MemoryDecisionStore, MemoryLimiter
from stream_detector.domain.decisions import Decision
from stream_detector.domain.identity import Identity
from stream_detector.domain.verdicts import Failure
from stream_detector.hook.asgi import ClientOf, EnforcingMiddleware, client_in_header
from stream_detector.hook.asgi_answers import Message, Receive, Scope, Send
from stream_detector.hook.guard import Guard
from stream_detector.hook.judge import Doubt
from stream_detector.hook.resident import ResidentGuard

MARK = b"x-stream-detector-mark"


class Application:
    """Remembers what reached it, and answers in two pieces, or accepts a WebSocket and later closes it."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []
        self.output_tokens: int | None = None
        """What each call uses; None where it does not say."""
        self.arrived, self.may_end = asyncio.Event(), asyncio.Event()
        self.may_end.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        self.arrived.set()
        if scope["type"] == "lifespan":
            for event in ("startup", "shutdown"):
                assert (await receive())["type"] == f"lifespan.{event}"
                await send({"type": f"lifespan.{event}.complete"})
        elif scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"x-app", b"1")]})
            await send({"type": "http.response.body", "body": b"one", "more_body": True})
            await self.may_end.wait()
            scope["state"]["stream_detector"].output_tokens = self.output_tokens
            await send({"type": "http.response.body", "body": b"two"})
        elif scope["type"] == "websocket":
            assert (await receive())["type"] == "websocket.connect"
            await send({"type": "websocket.accept", "headers": [(b"x-app", b"1")]})
            await self.may_end.wait()
            scope["state"]["stream_detector"].output_tokens = self.output_tokens
            await send({"type": "websocket.close"})


class Bench:
    """The middleware around an application; its store and limiter are in memory."""

    def __init__(
        self,
        *decisions: Decision,
        failure: Failure = Failure.OPEN,
        client_of: ClientOf | None = None,
        identity: Identity | None = None,
        trouble: Exception | None = None,
    ) -> None:
        self.app, self.observer = Application(), RecordingObserver()
        self.store = MemoryDecisionStore()
        self.opened = 0
        self._decisions, self._failure, self._trouble = decisions, failure, trouble
        self.middleware = EnforcingMiddleware(
            self.app,
            guard=ResidentGuard(self._open, failure=failure, first_read_s=0.2 if trouble else 10.0),
            observer=self.observer,
            client_of=client_of or client_in_header("X-Client-Id"),
            identity=identity or Identity(),
        )

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[Guard]:
        self.opened += 1
        if self._trouble:
            raise self._trouble
        await self.store.put(self._decisions, NOON_S)
        yield Guard(
            store=self.store,
            limiter=MemoryLimiter(),
            clock=HandClock(),
            observer=self.observer,
            random=lambda: 0.0,
            doubt=Doubt(failure=self._failure, unidentified=self._failure, limiter_timeout_s=10.0),
            stale_after_s=300.0,
        )

    async def call(self, *headers: tuple[bytes, bytes], kind: str = "http", **scope: object) -> list[Message]:
        """What is sent to the client."""
        sent: list[Message] = []
        heard: list[Message] = [{"type": "websocket.connect"}] if kind == "websocket" else []

        async def receive() -> Message:
            if not heard:
                await asyncio.Event().wait()
            return heard.pop(0)

        async def send(message: Message) -> None:
            sent.append(message)

        await self.middleware({"type": kind, "headers": list(headers), **scope}, receive, send)
        return sent


def alone(bench: Bench, *headers: tuple[bytes, bytes], kind: str = "http", **scope: object) -> list[Message]:
    """One call on a loop of its own, which ends with it."""
    return on_one_loop(bench, lambda: bench.call(*headers, kind=kind, **scope))


def on_one_loop(bench: Bench, story: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - what the story returns
    async def run() -> object:
        try:
            return await story()
        finally:
            await bench.middleware._guard.aclose()

    return asyncio.run(run())


ALICE = (b"x-client-id", b"alice")
