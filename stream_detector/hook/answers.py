"""Verdict -> HTTP: status, headers and body.

1. A refusal tells an attacker nothing: no detector, risk or policy, and the same words for every subject. What differs
   is the client's own limit (429) and a coarse time to wait.
2. Our own trouble is a 503, and an unidentified caller a 401: 403 and 429 always mean a decision.
3. A call that may pass gets an empty 200. `MARK_HEADER` is for the model layer: the gateway must forward it to the
   upstream and must not pass it to the client.

Sources: RFC 9110 (10.2.3 Retry-After, 11.6.1 WWW-Authenticate), RFC 9457 (problem details),
draft-ietf-httpapi-ratelimit-headers (RateLimit fields and the problem types).
"""

import math
from enum import Enum, auto
from typing import Final

import msgspec
from msgspec import Struct

from stream_detector.domain.decisions import Action, Limit
from stream_detector.domain.verdicts import Cause, Verdict

Headers = list[tuple[str, str]]

MARK_HEADER: Final = "x-stream-detector-mark"
"""For the model, never for the client, and never as a client sends it."""

_HOUR_S = 3600
_MAX_BLOCK_RETRY_S = 24 * _HOUR_S
_TYPES = "https://iana.org/assignments/http-problem-types#"
_REFUSAL: Final = (("content-type", "application/problem+json"), ("cache-control", "no-store"))


class Dialect(Enum):
    """What the gateway understands."""

    HTTP = auto()
    """The status is the answer: Envoy, Caddy, Traefik, APISIX."""
    NGINX = auto()
    """`auth_request` turns a 429 into a 500, so it comes as a 403 with the true status in `x-sd-status`."""


class Answer(Struct, frozen=True, gc=False):
    """One HTTP response."""

    status: int
    headers: Headers
    body: bytes = b""

    @property
    def for_model(self) -> Headers:
        """The mark, if the call has one."""
        return [field for field in self.headers if field[0] == MARK_HEADER]

    @property
    def for_client(self) -> Headers:
        """What the client may see."""
        return [field for field in self.headers if field[0] != MARK_HEADER]


def answer(verdict: Verdict, dialect: Dialect) -> Answer:
    """The response to a gateway's question."""
    if verdict.action is Action.ALLOW or verdict.action is Action.MARK:
        return _pass(verdict)
    if verdict.cause is Cause.UNIDENTIFIED:
        return _UNIDENTIFIED
    if verdict.cause is Cause.TABLE_STALE or verdict.cause is Cause.LIMITER_DOWN:
        return _UNAVAILABLE
    return _refusal(verdict, dialect)


def _pass(verdict: Verdict) -> Answer:
    mark = verdict.mark or (_PLAIN_MARK if verdict.action is Action.MARK else "")
    if not mark and verdict.limit is None:
        return _PASS
    marks = [(MARK_HEADER, mark)] if mark else []
    limits = [] if verdict.limit is None else _rate_limit(verdict.limit, verdict.remaining or 0)
    return Answer(200, marks + limits)


def _refusal(verdict: Verdict, dialect: Dialect) -> Answer:
    if verdict.action is Action.BLOCK:
        status = 403
        retry_after_s = math.ceil(min(verdict.retry_after_s, _MAX_BLOCK_RETRY_S) / _HOUR_S) * _HOUR_S
    else:
        status = 429
        retry_after_s = math.ceil(verdict.retry_after_s)
    retry_after_s = max(retry_after_s, 1)
    headers = [*_REFUSAL, ("retry-after", str(retry_after_s))]
    if verdict.limit is not None:
        headers += _rate_limit(verdict.limit, 0, retry_after_s)
    if dialect is Dialect.NGINX:
        headers.append(("x-sd-status", str(status)))
        return Answer(403, headers, _BODIES[status])
    return Answer(status, headers, _BODIES[status])


def _rate_limit(limit: Limit, remaining: int, reset_s: int | None = None) -> Headers:
    state = f'"default";r={remaining}' if reset_s is None else f'"default";r={remaining};t={reset_s}'
    return [
        ("ratelimit-policy", f'"default";q={limit.requests};w={math.ceil(limit.window_s)}'),
        ("ratelimit", state),
    ]


def _problem(kind: str, title: str, status: int) -> bytes:
    return msgspec.json.encode({"type": kind, "title": title, "status": status})


_BODIES: Final = {
    status: _problem(f"{_TYPES}abnormal-usage-detected", "Abnormal Usage Detected", status) for status in (403, 429)
}
_PASS: Final = Answer(200, [])
_PLAIN_MARK: Final = "1"
_UNAVAILABLE: Final = Answer(
    503,
    [*_REFUSAL, ("retry-after", "1")],
    _problem(f"{_TYPES}temporary-reduced-capacity", "Temporary Reduced Capacity", 503),
)
_UNIDENTIFIED: Final = Answer(
    401, [*_REFUSAL, ("www-authenticate", "Bearer")], _problem("about:blank", "Unauthorized", 401)
)
