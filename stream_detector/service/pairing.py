"""Halves of calls -> calls: a request and its completion become one record; what was sent twice is dropped.

1. Nothing changes until `commit`: `plan` says what to write, and a plan that could not be written is forgotten.
2. A whole call goes out at once. A half waits for the other half with its id, whichever comes first.
3. A half that has waited too long goes out alone: a request is a call without an outcome, a completion a call that came
   when it was answered. If the other half comes after all, it waits, and goes out alone, too: its tokens count, and the
   call counts twice. A completion that does not know its client cannot be used alone, and is refused.
4. Where both halves say a field, the completion's word counts, but for the time: the request's.
5. Ids are the gateway's, but some gateways take them from their clients. So an id alone never makes a call vanish: a
   duplicate has the same id, client, time and part, and of two requests with one id both go out.
6. Memory is bounded: beyond `most_waiting` the oldest halves go out early, beyond `most_remembered` the oldest calls are
   no longer recognised.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct, field

from stream_detector.domain.calls import ApiCall
from stream_detector.domain.errors import MalformedCall, RejectReason
from stream_detector.wire.calls import Rejected, misplaced
from stream_detector.wire.sources.events import Event, Part

_Key = tuple[str, str, float, Part]
_OTHER = {Part.REQUEST: Part.COMPLETION, Part.COMPLETION: Part.REQUEST}


class PairingOptions(Struct, frozen=True, kw_only=True):
    """Bounds of the pairing."""

    wait_s: float
    """How long a half waits for the other."""
    most_waiting: int = 100_000
    most_remembered: int = 200_000


class _Half(Struct, frozen=True, gc=False):
    event: Event
    since_s: float


class Plan(Struct):
    """What to write, and what to remember when it was written."""

    calls: list[ApiCall] = field(default_factory=list)
    refused: list[Rejected] = field(default_factory=list)
    duplicates: int = 0
    unpaired: int = 0
    """Halves that go out alone."""
    waiting: dict[tuple[Part, str], _Half | None] = field(default_factory=dict)
    """Changes: a half that waits from now on; None for one that no longer does."""
    seen: dict[_Key, None] = field(default_factory=dict)


class Pairing:
    """Remembers halves that wait, and what was written of late."""

    def __init__(self, options: PairingOptions) -> None:
        self._options = options
        self._waiting: OrderedDict[tuple[Part, str], _Half] = OrderedDict()
        self._seen: OrderedDict[_Key, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._waiting)

    def plan(self, events: Iterable[Event], now_s: float) -> Plan:
        """What to write because of `events`, and because of the time. `now_s`: seconds that never go back."""
        plan = Plan()
        self._expire(plan, now_s)
        for event in events:
            key = _key(event)
            if key in self._seen or key in plan.seen:
                plan.duplicates += 1
                continue
            plan.seen[key] = None
            if event.part is Part.WHOLE:
                plan.calls.append(event.call)
            else:
                self._pair(plan, event, now_s)
        self._make_room(plan)
        return plan

    def drain(self) -> Plan:
        """Everything that waits, alone: for the end."""
        plan = Plan()
        for place, half in self._waiting.items():
            self._alone(plan, place, half.event)
        return plan

    def commit(self, plan: Plan) -> None:
        """The plan was written."""
        for place, half in plan.waiting.items():
            self._waiting.pop(place, None)
            if half is not None:
                self._waiting[place] = half
        self._seen.update(plan.seen)
        while len(self._seen) > self._options.most_remembered:
            self._seen.popitem(last=False)

    def holds(self, events: Iterable[Event]) -> bool:
        """Whether one of the events, or the same one sent before, waits in memory for its other half."""
        for event in events:
            half = self._waiting.get((event.part, event.call.id))
            if half is not None and _key(half.event) == _key(event):
                return True
        return False

    def _pair(self, plan: Plan, event: Event, now_s: float) -> None:
        place, counterpart = (event.part, event.call.id), (_OTHER[event.part], event.call.id)
        other = self._find(plan, counterpart)
        if other is not None and _fit(event.call, other.event.call):
            plan.waiting[counterpart] = None
            halves = {event.part: event.call, other.event.part: other.event.call}
            plan.calls.append(_merged(halves[Part.REQUEST], halves[Part.COMPLETION]))
            return
        same = self._find(plan, place)
        if same is not None:
            self._alone(plan, place, same.event)
        plan.waiting[place] = _Half(event, now_s)

    def _find(self, plan: Plan, place: tuple[Part, str]) -> _Half | None:
        return plan.waiting[place] if place in plan.waiting else self._waiting.get(place)

    def _expire(self, plan: Plan, now_s: float) -> None:
        for place, half in self._waiting.items():
            if now_s - half.since_s < self._options.wait_s:
                return
            self._alone(plan, place, half.event)

    def _make_room(self, plan: Plan) -> None:
        excess = len(self._waiting) - self._options.most_waiting
        for place, half in plan.waiting.items():
            excess += (half is not None) - (place in self._waiting)
        if excess <= 0:
            return
        for place in [*self._waiting, *plan.waiting]:
            half = self._find(plan, place)
            if excess > 0 and half is not None:
                self._alone(plan, place, half.event)
                excess -= 1

    def _alone(self, plan: Plan, place: tuple[Part, str], event: Event) -> None:
        plan.waiting[place] = None
        plan.unpaired += 1
        if event.call.client:
            plan.calls.append(event.call)
            return
        message = "client: missing, and no request with this id came in time; report the request, too, or the client"
        plan.refused.append(misplaced(0, event.call, MalformedCall(RejectReason.INVALID_FIELD, message)))


def _key(event: Event) -> _Key:
    return event.call.id, event.call.client, event.call.ts, event.part


def _fit(one: ApiCall, other: ApiCall) -> bool:
    """Halves of one call name the same client, if both name one."""
    return one.client == other.client or not one.client or not other.client


def _merged(request: ApiCall, completion: ApiCall) -> ApiCall:
    said = {
        name: value
        for name in _FIELDS
        if (value := getattr(completion, name)) is not None and name not in {"ts", "client"}
    }
    return msgspec.structs.replace(request, **said, client=request.client or completion.client)


_FIELDS: Sequence[str] = ApiCall.__struct_fields__
