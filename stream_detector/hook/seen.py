"""A gateway's question → a call, so that a gateway needs nothing else: who called what, from where, and how it was answered.

It knows neither tokens nor prompts. Where something else reports completions, a collector makes one call of both halves, by id.
The last address in `x-forwarded-for` is the gateway's own word; those before it are what the client says.
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


def call_of(
    field: Field, *, path: str, client: str, call: str, ts: float, verdict: Verdict, peer: str = ""
) -> ApiCall | None:
    """The call that was asked about; None for one that no call event could carry.

    Args:
        field: header fields of the question.
        path: what the gateway's client asked for.
        client: whose it is.
        call: its id; empty for a new one.
        ts: event time.
        verdict: what was answered.
        peer: who connected to the gateway, as far as that is known; counts where `x-forwarded-for` names no address.
    """
    try:
        return ApiCall(
            id=call or uuid4().hex,
            ts=ts,
            client=client,
            ip=_address((field("x-forwarded-for") or "").rpartition(",")[2]) or _address(peer),
            ua=(field("user-agent") or "")[:_MAX_CHARS] or None,
            route=path[:_MAX_CHARS] or None,
            status=_REFUSED.get(verdict.action),
        )
    except ValueError:
        return None


def _address(text: str) -> str | None:
    """As calls have it, without a zone; None for what is no address."""
    try:
        return str(ip_address(text.strip().partition("%")[0]))
    except ValueError:
        return None
