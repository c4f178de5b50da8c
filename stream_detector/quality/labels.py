"""Labels: who is who in a recording, read from a file. JSON as `simulate` writes it, or JSON lines."""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field

from stream_detector.domain.errors import ConfigError

_Count = Annotated[int, Meta(ge=0)]
_WANTED = (
    'give {"CLIENT": {"campaign": null or "ID", "class": "KIND"}, ...}, '
    'or one {"client": "CLIENT", "campaign": null or "ID", "class": "KIND"} per line'
)


class Label(Struct, frozen=True, kw_only=True):
    """The truth about one client, and optionally what it did in the recording."""

    campaign: str | None
    """Id of the campaign that the client belongs to; None for an honest one."""
    kind: str = field(name="class")
    """Class of an honest client, family of a campaign."""
    calls: _Count | None = None
    """In the recording; None where the label does not say."""
    output_tokens: _Count | None = None
    days: _Count | None = None
    """UTC days with at least one call."""
    planned_calls: _Count | None = None
    """What the client would have sent by the end of its campaign; recordings stop earlier."""
    starts_at: float | None = None
    """Event time at which the campaign takes the client over; what it did before is left out."""


class _Line(Label, frozen=True, kw_only=True):
    client: str


_object = msgspec.json.Decoder(dict[str, Label])
_line = msgspec.json.Decoder(_Line)


def read_labels(path: Path) -> dict[str, Label]:
    """Client id -> label.

    Raises:
        ConfigError: the file cannot be read, or is neither of the two forms.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        message = f"LABELS: {str(path)!r} cannot be read: {error.strerror}; name the file that simulate --labels wrote"
        raise ConfigError(message) from error
    if not content.strip():
        message = f"LABELS: {str(path)!r} is empty; {_WANTED}"
        raise ConfigError(message)
    try:
        return _object.decode(content)
    except msgspec.DecodeError as error:
        return _read_lines(path, content.splitlines(), str(error))


def _read_lines(path: Path, lines: list[bytes], as_object: str) -> dict[str, Label]:
    labels: dict[str, Label] = {}
    for number, value in enumerate(lines, 1):
        if not value.strip():
            continue
        try:
            line = _line.decode(value)
        except msgspec.DecodeError as error:
            reason = f"line {number}: {error}" if labels else f"as one object: {as_object}; as lines: {error}"
            message = f"LABELS: {str(path)!r} cannot be used, {reason}; {_WANTED}"
            raise ConfigError(message) from error
        if line.client in labels:
            message = f"LABELS: {str(path)!r}, line {number}: {line.client!r} was labelled before; give every client one label"
            raise ConfigError(message)
        fields = {name: getattr(line, name) for name in Label.__struct_fields__}
        labels[line.client] = Label(**fields)
    return labels
