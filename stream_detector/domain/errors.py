"""Errors, named by who must act.

StreamDetectorError
├── ConfigError        the operator: a setting, policy file or stored state does not fit; nothing was started
├── MalformedCall      the producer: this call is dead-lettered with the reason, its neighbours go on
├── StoreUnavailable   nobody yet: retried on the stream; at the hook the named fail-open / fail-closed setting answers
├── OwnershipLost      nobody: another worker owns the partition now, or the store is ahead of us; drop it, write nothing
└── ChildFailed        the user of the embedded stack: a child process died (`embedded.children`)
"""

from enum import StrEnum


class StreamDetectorError(Exception):
    """Root of every error this package raises on purpose."""


class ConfigError(StreamDetectorError):
    """The operator must change something. The message is one line: field, value, allowed range, what to do."""


class RejectReason(StrEnum):
    """Why a call was dead-lettered. Bounded, so that it can be a metric label."""

    UNREADABLE = "unreadable"
    """Not JSON and not MessagePack."""
    INVALID_FIELD = "invalid_field"
    """A field is missing, of the wrong type or out of range."""
    TOO_LARGE = "too_large"
    """The record is larger than `max_record_bytes`."""
    FUTURE = "future"
    """`ts` lies further ahead of the clock than `max_future_s`."""
    PAST = "past"
    """`ts` lies further behind the clock than `max_past_s`."""


class MalformedCall(StreamDetectorError):
    """One call cannot be used. `detail` names the field, the value's problem and the allowed range."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class StoreUnavailable(StreamDetectorError):
    """The store (Redis) did not answer. State in memory is intact; try again."""


class OwnershipLost(StreamDetectorError):
    """The partition's owner token in the store is not ours any more (a rebalance that we have not seen yet)."""

    def __init__(self, message: str, *, partition: int | None = None) -> None:
        super().__init__(message)
        self.partition = partition
        """None where the caller knows which one it asked for."""
