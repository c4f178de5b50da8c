"""Decisions and checkpoints for the tests of stores."""

from typing import Any

from stream_detector.domain.decisions import Action, Decision, Limit, Mode, Origin, Source, Subject, SubjectKind
from stream_detector.ports import Checkpoint

NOON_S = 1_772_366_400.0
"""1 March 2026, 12:00 UTC."""
HOUR_S = 3600.0
DAY_S = 86_400.0

HOSTILE_NAMES = (
    "plain",
    "with space",
    "{p9}",
    "}{",
    "{",
    "a:b:c",
    "p3}:meta",
    "*",
    'it\'s "quoted" \\ $(x) `y` %s %d',
    "ключ-鍵-🔑",
    "x" * 256,
)
"""Names that a client or an end user might choose."""


def subject(key: str = "acct-1", kind: SubjectKind = SubjectKind.CLIENT) -> Subject:
    return Subject(kind, key)


def from_engine(key: str = "acct-1", *, offset: int, partition: int = 0, **changed: Any) -> Decision:  # noqa: ANN401
    """The engine throttles; what is not said is the same in all of them."""
    fields: dict[str, Any] = {
        "subject": subject(key),
        "action": Action.THROTTLE,
        "mode": Mode.ENFORCE,
        "limit": Limit(requests=10, window_s=60.0),
        "risk": 0.9,
        "policy_version": "1",
        "decided_at": NOON_S,
        "expires_at": NOON_S + HOUR_S,
        "source": Source(partition, offset),
    }
    return Decision(**fields | changed)


def from_operator(key: str = "acct-1", *, action: Action, expires_at: float, **changed: Any) -> Decision:  # noqa: ANN401
    """An operator decides: no source, so no replay."""
    fields = {"action": action, "limit": None, "origin": Origin.OPERATOR, "source": None, "expires_at": expires_at}
    return from_engine(key, offset=0, **fields | changed)


def checkpoint(offset: int, profiles: dict[str, bytes], *, partition: int = 3, state: bytes = b"state") -> Checkpoint:
    return Checkpoint(partition=partition, offset=offset, profiles=profiles, partition_state=state)
