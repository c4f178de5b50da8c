"""The HTTP face of the collector (an RSGI application).

* `POST /v1/...` takes events, see `routes`; `?event=request` or `?event=completion` says that all of a body are halves.
* `/healthz` the process runs, `/readyz` Kafka takes calls, `/metrics` for Prometheus: without a token.
"""

import asyncio
import hmac
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from typing import Final, Protocol
from urllib.parse import parse_qs

from stream_detector.collector.bodies import BodyReader, Chunks
from stream_detector.collector.observer import CollectorObserver
from stream_detector.collector.replies import Refusal, Reply, problem, taken, taken_otlp
from stream_detector.collector.routes import JSON, PROTOBUF, Posted, Route
from stream_detector.collector.writer import Writer
from stream_detector.domain.errors import StoreUnavailable
from stream_detector.serving.rsgi import METRICS, TEXT, Request, RequestHeaders, Responder
from stream_detector.wire.sources.events import Discretion, Found, Part

_RETRY: Final = [("retry-after", "5")]
_PARTS: Final = {part.value: part for part in Part}


class Exchange(Chunks, Responder, Protocol):
    """What gives the body, and takes the response."""


class CollectorApp:
    """The RSGI application.

    Args:
        routes: path -> what it takes.
        writer: stores it.
        bodies: reads bodies within bounds.
        discretion: what becomes of texts and of those who are named.
        executor: of one thread: reading a large body must not keep others from being answered.
        observer: hears of every answer.
        render_metrics: the page for Prometheus.
        token: what senders must show; empty for nothing.
    """

    def __init__(
        self,
        *,
        routes: Mapping[str, Route],
        writer: Writer,
        bodies: BodyReader,
        discretion: Discretion,
        executor: Executor,
        observer: CollectorObserver,
        render_metrics: Callable[[], bytes],
        token: str,
    ) -> None:
        self._routes = routes
        self._writer = writer
        self._bodies = bodies
        self._discretion = discretion
        self._executor = executor
        self._observer = observer
        self._render_metrics = render_metrics
        self._authorization = f"Bearer {token}".encode() if token else None

    async def __rsgi__(self, request: Request, responder: Exchange) -> None:
        """Answer one request."""
        route = self._routes.get(request.path)
        if route is None:
            reply = self._page(request.path)
        else:
            reply = await self._take(route, request, responder)
            self._observer.answered(route.source, reply.status)
        responder.response_bytes(reply.status, reply.headers, reply.body)

    async def _take(self, route: Route, request: Request, chunks: Chunks) -> Reply:
        try:
            self._check(request)
            headers = dict(_single(request.headers))
            kind = _kind(route, headers)
            part = _part(request.query_string)
            encoding = headers.get("content-encoding", "").strip().lower()
            with self._bodies.room() as room:
                length = headers.get("content-length")
                body = await self._bodies.read(chunks, room, length=length, encoding=encoding)
                found = await self._read(route, Posted(body, kind, part, headers))
                del body
            return await self._store(route, found, kind)
        except Refusal as refusal:
            return problem(refusal)

    async def _read(self, route: Route, posted: Posted) -> Found:
        found = await asyncio.get_running_loop().run_in_executor(self._executor, route.take, posted, self._discretion)
        self._observer.read(route.source, events=len(found.events), skipped=found.skipped, left_out=len(found.left_out))
        return found

    async def _store(self, route: Route, found: Found, kind: str) -> Reply:
        try:
            is_held = await self._writer.submit(route.source, found)
        except StoreUnavailable as error:
            raise Refusal(503, str(error), _RETRY) from error
        if found.unreadable:
            raise Refusal(400, found.refused[0].error.detail)
        if route.signal is not None:
            return taken_otlp(found, route.signal, kind)
        return taken(found, is_held=is_held)

    def _check(self, request: Request) -> None:
        if request.method != "POST":
            message = "events are posted"
            raise Refusal(405, message, [("allow", "POST")])
        if self._authorization is None:
            return
        values = request.headers.get_all("authorization")
        if len(values) != 1 or not hmac.compare_digest(values[0].encode(), self._authorization):
            message = "authorization: must be 'Bearer ' and the token of STREAM_DETECTOR_COLLECTOR_TOKEN"
            raise Refusal(401, message, [("www-authenticate", "Bearer")])

    def _page(self, path: str) -> Reply:
        match path:
            case "/healthz":
                return Reply(200, TEXT, b"ok\n")
            case "/readyz" if self._writer.is_ready:
                return Reply(200, TEXT, b"ready\n")
            case "/readyz":
                return Reply(503, TEXT, b"Kafka does not take calls\n")
            case "/metrics":
                return Reply(200, METRICS, self._render_metrics())
            case _:
                return problem(Refusal(404, f"post to one of {', '.join(self._routes)}"))


def _single(headers: RequestHeaders) -> Iterator[tuple[str, str]]:
    """Fields that are there once; of others, the first."""
    for name in headers.keys():  # noqa: SIM118 - granian's, not a dict
        values = headers.get_all(name)
        if values:
            yield name, values[0]


def _kind(route: Route, headers: Mapping[str, str]) -> str:
    kind = headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if route.signal is not None and kind not in {JSON, PROTOBUF}:
        message = f"content-type: must be {JSON} or {PROTOBUF}, got {kind[:60]!r}"
        raise Refusal(415, message)
    return kind


def _part(query: str) -> Part:
    given = parse_qs(query).get("event", [Part.WHOLE.value])[-1]
    if given not in _PARTS:
        message = f"event: must be one of {', '.join(_PARTS)}, got {given[:40]!r}"
        raise Refusal(400, message)
    return _PARTS[given]
