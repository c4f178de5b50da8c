"""A gateway's question → a call, so that a gateway needs nothing else: who called what, from where, and how it was answered.

It knows neither tokens nor prompts. Where something else reports completions, a collector makes one call of both halves, by id.
"""

from collections.abc import Callable
from ipaddress import ip_address
from typing import Final
from uuid import uuid4

from stream_detector.domain.calls import ApiCall
from stream_detector.domain.decisions import Action
from stream_detector.domain.verdicts import Verdict
from stream_detector.hook.needs import Field

_REFUSED: Final = {Action.THROTTLE: 429, Action.BLOCK: 403}
_MAX_CHARS: Final = 1024
Report = Callable[[ApiCall], None]


def call_of(field: Field, *, path: str, client: str, call: str, ts: float, verdict: Verdict) -> ApiCall | None:
    """The call that was asked about; None for one that no call event could carry.

    Args:
        field: header fields of the question.
        path: what the gateway's client asked for.
        client: whose it is.
        call: its id; empty for a new one.
        ts: event time.
        verdict: what was answered.
    """
    try:
        return ApiCall(
            id=call or uuid4().hex,
            ts=ts,
            client=client,
            ip=_address(field("x-forwarded-for") or ""),
            ua=(field("user-agent") or "")[:_MAX_CHARS] or None,
            route=path[:_MAX_CHARS] or None,
            status=_REFUSED.get(verdict.action),
        )
    except ValueError:
        return None


def _address(forwarded: str) -> str | None:
    """The last one, which is the gateway's own word; None where that is no address."""
    last = forwarded.rpartition(",")[2].strip()
    try:
        return str(ip_address(last))
    except ValueError:
        return None
