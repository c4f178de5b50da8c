"""From raw records to calls and dead letters; a bad call never harms the ones around it."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from stream_detector.detection.sketching import Sketcher
from stream_detector.domain.calls import ApiCall
from stream_detector.domain.dead_letters import DeadLetter
from stream_detector.domain.errors import MalformedCall, RejectReason
from stream_detector.domain.feedback import Feedback
from stream_detector.ports import AddressBook, Record
from stream_detector.wire import calls as wire


class Limits(Struct, frozen=True, kw_only=True):
    """What a call may be at most."""

    max_record_bytes: int
    max_future_s: float
    max_past_s: float


class Taken(Struct, frozen=True, gc=False):
    """A call, or what an analyst says of a client, with the record that brought it."""

    call: ApiCall | Feedback
    offset: int
    sent_ms: int
    """Wall time when its record was sent; 0 where unknown."""


class Intake(Struct, frozen=True):
    """What a micro-batch holds."""

    taken: list[Taken]
    dead: list[DeadLetter]


class Reader:
    """Decodes records, checks times, sketches prompts, looks addresses up."""

    def __init__(self, topic: str, limits: Limits, sketcher: Sketcher, book: AddressBook | None = None) -> None:
        self._book = book
        self._topic = topic
        self._limits = limits
        self._sketcher = sketcher

    def read(self, partition: int, records: Sequence[Record], now_s: float) -> Intake:
        """Read records in order. `now_s` is what the calls' times are checked against."""
        taken: list[Taken] = []
        dead: list[DeadLetter] = []
        earliest_s, latest_s = now_s - self._limits.max_past_s, now_s + self._limits.max_future_s
        max_bytes = self._limits.max_record_bytes
        for record in records:
            decoded = wire.decode(record.value, max_bytes=max_bytes)
            for index, call in enumerate(decoded.calls):
                if earliest_s <= call.ts <= latest_s:
                    taken.append(Taken(self._completed(call), record.offset, record.timestamp_ms))
                else:
                    dead.append(
                        self._dead_letter(partition, record, wire.misplaced(index, call, self._why(call, now_s)))
                    )
            if decoded.feedback is not None:
                taken.append(Taken(decoded.feedback, record.offset, record.timestamp_ms))
            if decoded.rejected:
                dead.extend(self._dead_letter(partition, record, rejected) for rejected in decoded.rejected)
        return Intake(taken, dead)

    def _completed(self, call: ApiCall) -> ApiCall:
        """The call without its text, and with what we know of its address and the gateway does not say."""
        changes: dict[str, object] = {}
        if call.prompt is not None:
            changes = {"sketch": call.sketch or self._sketcher.sketch(call.prompt), "prompt": None}
        if self._book is not None and call.ip is not None:
            facts = self._book.look_up(call.ip)
            if call.ip_country is None and facts.country is not None:
                changes["ip_country"] = facts.country
            if call.ip_asn is None and facts.asn is not None:
                changes["ip_asn"] = facts.asn
            if call.ip_kind is None and facts.kind is not None:
                changes["ip_kind"] = facts.kind
            if call.ip_provider is None and facts.provider is not None:
                changes["ip_provider"] = facts.provider
        return msgspec.structs.replace(call, **changes) if changes else call

    def _why(self, call: ApiCall, now_s: float) -> MalformedCall:
        ahead_s = call.ts - now_s
        if ahead_s > 0:
            return MalformedCall(
                RejectReason.FUTURE,
                f"ts: {call.ts} is {ahead_s:.0f} s ahead of the clock, must be at most {self._limits.max_future_s:.0f} s",
            )
        return MalformedCall(
            RejectReason.PAST,
            f"ts: {call.ts} is {-ahead_s:.0f} s behind the clock, must be at most {self._limits.max_past_s:.0f} s",
        )

    def _dead_letter(self, partition: int, record: Record, rejected: wire.Rejected) -> DeadLetter:
        return DeadLetter(
            topic=self._topic,
            partition=partition,
            offset=record.offset,
            index=rejected.index,
            reason=rejected.error.reason,
            detail=rejected.error.detail,
            payload_bytes=rejected.payload_bytes,
            fields=rejected.fields,
        )
