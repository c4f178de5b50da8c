"""What the decision feed says of a decision: a line of JSON, or a server-sent event."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from stream_detector.domain.decisions import Action, Decision, Limit, Mode, SubjectKind
from stream_detector.hook.table import Standing


class Order(Struct, frozen=True):
    """What an enforcer must know of a decision."""

    kind: SubjectKind
    key: str
    action: Action
    mode: Mode
    limit: Limit | None
    mark: str
    expires_at: float
    """Event time, seconds since 1970."""


def line_of(kind: SubjectKind, key: str, standing: Standing) -> bytes:
    """What stands for a subject."""
    ruling = standing.ruling
    return _line(Order(kind, key, ruling.action, ruling.mode, ruling.limit, standing.mark, standing.expires_at))


def lines_of(changes: Sequence[tuple[str, Decision]]) -> bytes:
    """Changes, each with its position, as lines."""
    return b"".join(_changed(decision) for _, decision in changes)


def events_of(changes: Sequence[tuple[str, Decision]]) -> bytes:
    """Changes, each with its position, as events."""
    return b"".join(
        b"event: decision\nid: %s\ndata: %s\n" % (at.encode(), _changed(decision)) for at, decision in changes
    )


def begin_at(position: str | None) -> bytes:
    """The first words of a stream: reconnect soon, and, for who named no position, from there if nothing has happened."""
    known = "" if position is None else f"id: {position}\n"
    return f": decisions as they are made\nretry: 100\n{known}\n".encode()


def reset_at(position: str) -> bytes:
    """The event that asks to read everything again, and to follow from there."""
    return f"event: reset\nid: {position}\ndata: read /decisions again\n\n".encode()


def _changed(decision: Decision) -> bytes:
    subject = decision.subject
    return _line(
        Order(
            subject.kind,
            subject.key,
            decision.action,
            decision.mode,
            decision.limit,
            decision.mark,
            decision.expires_at,
        )
    )


def _line(order: Order) -> bytes:
    return msgspec.json.encode(order) + b"\n"
