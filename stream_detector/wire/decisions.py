"""Decisions on the wire: JSON, version 1; one JSON line per decision change offline."""

import msgspec

from stream_detector.domain.decisions import Decision, Subject
from stream_detector.domain.errors import ConfigError

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Decision)


def encode(decision: Decision) -> bytes:
    """As JSON, without a line feed."""
    return _encoder.encode(decision)


def decode(value: bytes) -> Decision:
    """Read one decision.

    Raises:
        ConfigError: the bytes are not a version 1 decision: whoever wrote them runs another version.
    """
    try:
        return _decoder.decode(value)
    except msgspec.DecodeError as error:
        message = f"decision: not version 1 ({error}); run the same release in workers, hooks and tools"
        raise ConfigError(message) from error


def subject_key(subject: Subject) -> bytes:
    """Key of the compacted topic and of the store: `client:KEY`."""
    return f"{subject.kind}:{subject.key}".encode()
