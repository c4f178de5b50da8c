"""From a planned request to the call event: status, latency, tokens, how the answer ended."""

import math
from random import Random

import msgspec
from msgspec import Struct

from stream_detector.domain.calls import ApiCall, Params, Sketch
from stream_detector.simulate.network import Origin

CHARS_PER_TOKEN = 4
"""Rule of thumb of the vendors for English."""
DENIED = (403, 429)
"""What a gateway answers for us."""

_FIRST_TOKEN_MS = 350.0
_TOKEN_MS = 11.0
_REFUSED_MS = 4.0
"""Plain choices: a fast hosted model, and a gateway that does not ask it."""


class Request(Struct, frozen=True, kw_only=True):
    """What a client is about to ask."""

    text: str
    model: str
    route: str
    params: Params | None = None
    stream: bool | None = None
    context_tokens: int = 0
    """Tokens sent besides the text: the conversation so far, attachments."""
    answer_tokens: int
    """Length of the answer that the model would like to give."""
    finish: str = "stop"
    """How the answer ends if nothing cuts it short: `stop` or `tool`."""
    user: str | None = None


class Identity(Struct, frozen=True, kw_only=True):
    """What the provider knows of an account."""

    client: str
    org: str
    tier: str
    quota: float
    created_ts: float
    country: str
    time_zone: str
    payment: str


class Failures(Struct, frozen=True, kw_only=True):
    """How often the provider fails a client, and what its software then does."""

    overloaded: float = 0.004
    """Share of calls answered 429 or 5xx; plain choice."""
    invalid: float = 0.002
    """Share of calls answered 400."""
    first_retry_s: float = 0.5
    """Wait before the first retry of a call answered 429 or 5xx."""
    growth: float = 2.0
    """Each further wait is this multiple; 1 for a fixed one. The default is that of the vendors' libraries."""
    retries: int = 2


class Content(Struct, frozen=True):
    """What a call event carries of the text: one of the two."""

    prompt: str | None = None
    sketch: Sketch | None = None


class Sent(Struct, frozen=True, kw_only=True):
    """A request on its way."""

    id: str
    ts: float
    request: Request
    origin: Origin


def answered(identity: Identity, sent: Sent, content: Content, failures: Failures, rng: Random) -> ApiCall:
    """The call event, once the provider has answered."""
    request, origin = sent.request, sent.origin
    status = _status(rng, failures)
    params = request.params or Params()
    allowed = math.inf if params.max_tokens is None else params.max_tokens
    output = int(min(request.answer_tokens, allowed)) if status == 200 else 0  # noqa: PLR2004
    return ApiCall(
        id=sent.id,
        ts=sent.ts,
        client=identity.client,
        org=identity.org,
        user=request.user,
        tier=identity.tier,
        client_created_ts=identity.created_ts,
        quota=identity.quota,
        country=identity.country,
        time_zone=identity.time_zone,
        payment=identity.payment,
        ip=origin.ip,
        ua=origin.ua,
        ja4=origin.ja4,
        route=request.route,
        model=request.model,
        status=status,
        latency_ms=_latency_ms(output, rng),
        stream=request.stream,
        input_tokens=request.context_tokens + max(1, len(request.text) // CHARS_PER_TOKEN),
        output_tokens=output * (params.n or 1),
        finish=_finish(request, allowed, output, rng),
        params=request.params,
        prompt=content.prompt,
        sketch=content.sketch,
    )


def refused(call: ApiCall, status: int) -> ApiCall:
    """A planned call as the event of a gateway that denied it: nothing was generated.

    Raises:
        ValueError: `status` is not one of `DENIED`.
    """
    if status not in DENIED:
        message = f"status: must be one of {DENIED}, got {status}"
        raise ValueError(message)
    return msgspec.structs.replace(call, status=status, output_tokens=0, latency_ms=_REFUSED_MS, finish="error")


def _status(rng: Random, failures: Failures) -> int:
    draw = rng.random()
    if draw < failures.overloaded:
        return rng.choice((429, 429, 500, 503, 529))
    return 400 if draw < failures.overloaded + failures.invalid else 200


def _latency_ms(output: int, rng: Random) -> float:
    typical_ms = _FIRST_TOKEN_MS + _TOKEN_MS * output if output else _REFUSED_MS * 10
    return round(typical_ms * math.exp(rng.gauss(0.0, 0.3)), 1)


def _finish(request: Request, allowed: float, output: int, rng: Random) -> str:
    if output == 0:
        return "error"
    if request.answer_tokens > allowed:
        return "length"
    return "refusal" if rng.random() < 0.004 else request.finish  # noqa: PLR2004  plain choice
