"""Refusals that need nobody's answer: a client over its limit stays over it until a time that the limiter has named.

Only calls that pass use up a limit, so until then nothing can change for the better, whatever other hooks do, and no store is
asked about a flood of refused calls. Limits of tokens and open calls may get better earlier, because what a call did not use
comes back. There a refusal stands until this hook settles a call of the client, and for a second at most: the least that
`Retry-After` can tell the client to wait.
"""

from msgspec import Struct

from stream_detector.domain.decisions import Limit, Subject
from stream_detector.domain.limits import ONE_CALL, Admission, Ask, Use
from stream_detector.ports import Limiter

_SETTLED_S = 1.0
_MOST = 10_000
"""Clients over their limits that are remembered, 4 MB; then it begins anew."""


class _Refused(Struct, frozen=True, gc=False):
    need: tuple[int, int | None, int | None]
    """Of calls that are refused: requests, input and output tokens, as far as the limit has them."""
    until_s: float
    reset_s: float


class Refusals:
    """A limiter in front of another one (`ports.Limiter`)."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self._refused: dict[tuple[Subject, Limit], _Refused] = {}

    async def admit(self, subject: Subject, limit: Limit, now_s: float, ask: Ask = ONE_CALL) -> Admission:
        """Let a call through and reserve what it needs, or refuse it.

        Raises:
            StoreUnavailable: no answer; the call may have been counted.
        """
        known = self._refused.get((subject, limit))
        if known is not None and known.need == _need(limit, ask) and now_s < known.until_s:
            return Admission(
                allowed=False, remaining=0, retry_after_s=known.until_s - now_s, reset_after_s=known.reset_s - now_s
            )
        admission = await self._limiter.admit(subject, limit, now_s, ask)
        if admission.allowed:
            self._refused.pop((subject, limit), None)
        else:
            self._remember(subject, limit, ask, admission, now_s)
        return admission

    async def settle(self, subject: Subject, limit: Limit, now_s: float, use: Use) -> bool:
        """Count what a call has used: the other limiter's. What comes back may be enough for the next call.

        Raises:
            StoreUnavailable: no answer; it may have been counted.
        """
        self._refused.pop((subject, limit), None)
        return await self._limiter.settle(subject, limit, now_s, use)

    def _remember(self, subject: Subject, limit: Limit, ask: Ask, admission: Admission, now_s: float) -> None:
        if len(self._refused) >= _MOST:
            self._refused.clear()
        wait_s = min(admission.retry_after_s, _SETTLED_S) if limit.is_settled else admission.retry_after_s
        self._refused[subject, limit] = _Refused(_need(limit, ask), now_s + wait_s, now_s + admission.reset_after_s)


def _need(limit: Limit, ask: Ask) -> tuple[int, int | None, int | None]:
    """What decides whether a call passes. Who varies the rest would else be asked about each time."""
    return (
        ask.requests,
        None if limit.input_tokens is None else ask.input_tokens,
        None if limit.output_tokens is None else ask.output_tokens,
    )
