"""Settles calls of limited clients that nobody else settles: their use is in the calls topic anyway.

1. Only for clients whose enforced throttle counts tokens or open calls. All others cost one look into an empty dict.
2. Only calls that have ended, and that the hook has let through: a record that says how the call ended, with the id that the
   hook was told. What was refused has reserved nothing, and its id may be that of a call that is open.
3. A call counts once, whoever settles it first: the gateway, or the worker, or the worker again after a crash.
4. Nothing waits for it. Without an answer the settlement is lost and counted; what was reserved stays used.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable

from msgspec import Struct

from stream_detector.domain.calls import ApiCall
from stream_detector.domain.decisions import Action, Decision, Limit, Mode, Subject, SubjectKind
from stream_detector.domain.errors import StoreUnavailable
from stream_detector.domain.feedback import Feedback
from stream_detector.domain.limits import LEASE_S, Ended, Use
from stream_detector.domain.verdicts import Settlement
from stream_detector.ports import Settler

_PATIENCE_S = 0.5
_FEW = 1000
_REFUSED = frozenset({403, 429})


class _Limited(Struct, frozen=True, gc=False):
    limit: Limit
    expires_at: float


class LimitedClients:
    """Clients whose calls must be settled, and their limits (a `following.View`)."""

    def __init__(self) -> None:
        self._limited: dict[str, _Limited] = {}
        self._tidy_at = _FEW

    def __len__(self) -> int:
        return len(self._limited)

    def clear(self) -> None:
        """Forget every client."""
        self._limited.clear()

    def take(self, decision: Decision) -> None:
        """Note a client's limit, or that it has none any more."""
        if decision.subject.kind is not SubjectKind.CLIENT:
            return
        client, limit = decision.subject.key, decision.limit
        is_enforced = decision.action is Action.THROTTLE and decision.mode is Mode.ENFORCE
        if is_enforced and limit is not None and limit.is_settled:
            self._limited[client] = _Limited(limit, decision.expires_at)
            self._tidy(decision.decided_at)
        else:
            self._limited.pop(client, None)

    def limit_of(self, client: str, now_s: float) -> Limit | None:
        """The limit that stands at `now_s` and needs to hear of calls that end."""
        limited = self._limited.get(client)
        return None if limited is None or limited.expires_at <= now_s else limited.limit

    def _tidy(self, now_s: float) -> None:
        """Forget who is not limited any more, whenever there are twice as many clients as there were after that."""
        if len(self._limited) > self._tidy_at:
            self._limited = {client: each for client, each in self._limited.items() if each.expires_at > now_s}
            self._tidy_at = max(_FEW, 2 * len(self._limited))


class Settling:
    """Tells the limiter what calls have used.

    Args:
        settler: the limiter.
        clients: whose calls matter.
        patience_s: how long a micro-batch waits for the limiter, in wall time.
    """

    def __init__(self, settler: Settler, clients: LimitedClients, patience_s: float = _PATIENCE_S) -> None:
        self._settler = settler
        self._clients = clients
        self._patience_s = patience_s

    async def settle(self, calls: Iterable[ApiCall | Feedback], now_s: float) -> Counter[Settlement]:
        """Settle those of `calls` that need it, in one round trip; says what became of them."""
        ended = self._ended(calls, now_s) if self._clients else []
        if not ended:
            return Counter()
        try:
            async with asyncio.timeout(self._patience_s):
                answers = await self._settler.settle_all(ended, now_s)
        except (StoreUnavailable, TimeoutError):
            return Counter({Settlement.FAILED: len(ended)})
        return Counter(Settlement.COUNTED if is_counted else Settlement.NOT_OPEN for is_counted in answers)

    def _ended(self, calls: Iterable[ApiCall | Feedback], now_s: float) -> list[Ended]:
        ended: list[Ended] = []
        for call in calls:
            limit = self._clients.limit_of(call.client, now_s)
            if limit is not None and isinstance(call, ApiCall) and _was_open(call, now_s):
                use = Use(call.id, call.input_tokens, call.output_tokens)
                ended.append(Ended(Subject(SubjectKind.CLIENT, call.client), limit, use))
        return ended


def _was_open(call: ApiCall, now_s: float) -> bool:
    """Whether the record says that the call passed and has ended, and its lease may not be over."""
    if call.status in _REFUSED and not call.output_tokens:
        return False
    has_ended = not (call.status is None and call.output_tokens is None and call.finish is None)
    return has_ended and call.ts > now_s - LEASE_S
