"""The HTTP face of the hook: routes, the client header, the answers (an RSGI application).

* `/check` and everything below it: a gateway's question, any method; the body is never read.
* `/check-nginx` and everything below it: the same for nginx's `auth_request`.
* `/settle`: what a call has used, now that it ended (`needs` reads the headers of both).
* `/decisions` and `/decisions/stream`: the decision feed (`broadcast`).
* `/healthz` the process runs, `/readyz` the table was read at least once, `/metrics` for Prometheus.

The query of a question is ignored: gateways append the client's own, and a client must not choose how it is answered.
"""

from collections.abc import Callable

from stream_detector.domain.errors import StoreUnavailable
from stream_detector.domain.identity import Identity
from stream_detector.domain.verdicts import Verdict
from stream_detector.hook.answers import Answer, Dialect, answer
from stream_detector.hook.broadcast import Broadcast, Question
from stream_detector.hook.freshness import Freshness
from stream_detector.hook.judge import Judge
from stream_detector.hook.needs import Field, ask_of, call_id, use_of
from stream_detector.hook.observer import HookObserver
from stream_detector.hook.seen import Report, call_of
from stream_detector.ports import Clock
from stream_detector.serving.rsgi import METRICS, TEXT, Request, RequestHeaders, Responder


class HookApp:
    """The RSGI application.

    Args:
        judge: decides.
        freshness: of the judge's table, for `/readyz`.
        broadcast: answers questions for the feed; None for no feed.
        observer: hears of every answer.
        render_metrics: the page for Prometheus, in its text format 0.0.4.
        identity: makes a client id of what the gateway passes on.
        client_header: request header that holds it; the gateway must overwrite what a client sends.
        call_header: request header that holds the id of the call, for limits of tokens and open calls.
        report: takes every call that was asked about; None for nobody.
        clock: event time of these calls.
        timer: seconds that never go back, of the finest resolution.
    """

    def __init__(
        self,
        *,
        judge: Judge,
        freshness: Freshness,
        broadcast: Broadcast | None,
        observer: HookObserver,
        render_metrics: Callable[[], bytes],
        identity: Identity,
        client_header: str,
        call_header: str,
        report: Report | None,
        clock: Clock,
        timer: Callable[[], float],
    ) -> None:
        self._judge = judge
        self._freshness = freshness
        self._broadcast = broadcast
        self._observer = observer
        self._render_metrics = render_metrics
        self._identity = identity
        self._client_header = client_header.lower()
        self._call_header = call_header.lower()
        self._report, self._clock = report, clock
        self._timer = timer

    async def __rsgi__(self, request: Request, responder: Responder) -> None:
        """Answer one request."""
        path = request.path
        if path.startswith("/check/") or path == "/check":
            await self._check(request, responder, Dialect.HTTP)
        elif path.startswith("/check-nginx/") or path == "/check-nginx":
            await self._check(request, responder, Dialect.NGINX)
        elif path in {"/decisions", "/decisions/stream"} and self._broadcast is not None:
            await self._broadcast.answer(_question(request), responder)
        elif path == "/settle":
            _send(await self._settle(request.headers), responder)
        else:
            _send(self._page(path), responder)

    async def _check(self, request: Request, responder: Responder, dialect: Dialect) -> None:
        started, headers = self._timer(), request.headers
        client = self._client(headers)
        verdict = await self._judge.check(client, lambda: ask_of(_fields(headers), self._call_header))
        _send(answer(verdict, dialect), responder)
        self._observer.answered(verdict, self._timer() - started)
        if self._report is not None and client is not None:
            self._tell(self._report, request, client, verdict)

    def _tell(self, report: Report, request: Request, client: str, verdict: Verdict) -> None:
        field = _fields(request.headers)
        call = call_of(
            field,
            path=request.path.removeprefix("/check-nginx").removeprefix("/check"),
            client=client,
            call=call_id(field(self._call_header)),
            ts=self._clock.now_s(),
            verdict=verdict,
        )
        if call is not None:
            report(call)

    async def _settle(self, headers: RequestHeaders) -> Answer:
        client = self._client(headers)
        if client is None:
            return Answer(400, TEXT, f"send one header {self._client_header} with the client id\n".encode())
        try:
            counted = await self._judge.settle(client, use_of(_fields(headers), self._call_header))
        except StoreUnavailable:
            return Answer(503, TEXT, b"the limiter did not answer; what was reserved stays used\n")
        return Answer(200, TEXT, b"counted\n" if counted else b"nothing to count\n")

    def _client(self, headers: RequestHeaders) -> str | None:
        """The client id; None when it is missing or ambiguous."""
        return self._identity.of(_only(headers, self._client_header))

    def _page(self, path: str) -> Answer:
        match path:
            case "/healthz":
                return Answer(200, TEXT, b"ok\n")
            case "/readyz" if self._freshness.ever_proven():
                return Answer(200, TEXT, b"ready\n")
            case "/readyz":
                return Answer(503, TEXT, b"the decisions were not read from the store yet\n")
            case "/metrics":
                return Answer(200, METRICS, self._render_metrics())
            case _:
                return Answer(404, TEXT, b"ask /check, /check-nginx or /settle\n")


def _fields(headers: RequestHeaders) -> Field:
    return lambda name: _only(headers, name)


def _only(headers: RequestHeaders, name: str) -> str | None:
    values = headers.get_all(name)
    return values[0] if len(values) == 1 else None


def _send(response: Answer, responder: Responder) -> None:
    if response.body:
        responder.response_bytes(response.status, response.headers, response.body)
    else:
        responder.response_empty(response.status, response.headers)


def _question(request: Request) -> Question:
    headers = request.headers
    return Question(
        request.path, request.query_string, _only(headers, "authorization"), _only(headers, "last-event-id")
    )
