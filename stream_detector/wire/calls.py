"""Records of the calls topic: JSON or MessagePack; one call, a batch of calls, or an analyst's feedback per record.

Rules:
1. A bad call harms nobody: the other calls of its batch are returned, and the bad one carries its reason.
2. The first byte tells the format: `{`, `[` or white space is JSON, everything else MessagePack.
3. Nothing of a prompt leaves this module in an error.
4. Feedback is JSON with the field `feedback` and no `id`; a call is tried first, so that feedback costs calls nothing.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec import Struct

from stream_detector.domain.calls import ApiCall
from stream_detector.domain.errors import MalformedCall, RejectReason
from stream_detector.domain.feedback import Feedback
from stream_detector.domain.validation import explain, shorten
from stream_detector.wire import damaged

_JSON_STARTS = frozenset(b"{[ \t\r\n")
_ARRAY_STARTS = frozenset(b"[") | frozenset(range(0x90, 0xA0)) | {0xDC, 0xDD}
_ARRAY_HEADER_BYTES = 5
_SECRET_FIELDS = frozenset({"prompt", "sketch", "params"})
_KNOWN_FIELDS = tuple(field for field in ApiCall.__struct_fields__ if field not in _SECRET_FIELDS)

_json_call = msgspec.json.Decoder(ApiCall)
_json_calls = msgspec.json.Decoder(list[ApiCall])
_json_parts = msgspec.json.Decoder(list[msgspec.Raw])
_json_feedback = msgspec.json.Decoder(Feedback)
_msgpack_call = msgspec.msgpack.Decoder(ApiCall)
_msgpack_calls = msgspec.msgpack.Decoder(list[ApiCall])
_msgpack_parts = msgspec.msgpack.Decoder(list[msgspec.Raw])
_json_encoder = msgspec.json.Encoder()
_msgpack_encoder = msgspec.msgpack.Encoder()


class Rejected(Struct, frozen=True):
    """A call of a record that could not be used."""

    index: int
    error: MalformedCall
    payload_bytes: int
    fields: dict[str, str]
    """Known fields that could be read, shortened; never the prompt."""


class Decoded(Struct, frozen=True):
    """What one record holds."""

    calls: list[ApiCall]
    rejected: list[Rejected]
    feedback: Feedback | None = None


def encode(call: ApiCall) -> bytes:
    """One call as JSON."""
    return _json_encoder.encode(call)


def encode_batch(calls: list[ApiCall]) -> bytes:
    """Many calls of one client as one MessagePack record."""
    return _msgpack_encoder.encode(calls)


def pack(calls: Iterable[ApiCall], *, max_bytes: int) -> Iterator[bytes]:
    """Calls of one client as MessagePack records of at most `max_bytes` each; a larger call has a record of its own."""
    parts: list[msgspec.Raw] = []
    size_bytes = 0
    for call in calls:
        part = msgspec.Raw(_encode_any(call))
        if parts and size_bytes + len(part) > max_bytes - _ARRAY_HEADER_BYTES:
            yield _msgpack_encoder.encode(parts)
            parts, size_bytes = [], 0
        parts.append(part)
        size_bytes += len(part)
    if parts:
        yield _msgpack_encoder.encode(parts)


def _encode_any(call: ApiCall) -> bytes:
    try:
        return _msgpack_encoder.encode(call)
    except OverflowError:  # MessagePack has no room for such a seed
        params = call.params and msgspec.structs.replace(call.params, seed=None)
        return _msgpack_encoder.encode(msgspec.structs.replace(call, params=params))


def encode_feedback(feedback: Feedback) -> bytes:
    """An analyst's judgement as JSON."""
    return _json_encoder.encode(feedback)


def decode(value: bytes | None, *, max_bytes: int) -> Decoded:
    """Read one record.

    Args:
        value: the record's bytes; None (a tombstone) is rejected like any other unreadable value.
        max_bytes: larger records are rejected unread.
    """
    if not value:
        return _all_rejected(value or b"", RejectReason.UNREADABLE, "the record is empty")
    if len(value) > max_bytes:
        return _all_rejected(
            value, RejectReason.TOO_LARGE, f"record: {len(value)} bytes, must be at most {max_bytes} bytes"
        )
    first = value[0]
    is_json = first in _JSON_STARTS
    if first in _ARRAY_STARTS or (is_json and value.lstrip()[:1] == b"["):
        return _decode_batch(value, is_json=is_json)
    try:
        call = _json_call.decode(value) if is_json else _msgpack_call.decode(value)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        if is_json and _is_feedback(value):
            return _decode_feedback(value)
        return Decoded([], [_reject(0, value, error, is_json=is_json)])
    return Decoded([call], [])


def misplaced(index: int, call: ApiCall, error: MalformedCall) -> Rejected:
    """A call that was decoded, but cannot be used where it arrived."""
    content = {name: getattr(call, name) for name in _KNOWN_FIELDS if getattr(call, name) is not None}
    return Rejected(index, error, len(encode(call)), _readable(content))


def _decode_batch(value: bytes, *, is_json: bool) -> Decoded:
    try:
        return Decoded(_json_calls.decode(value) if is_json else _msgpack_calls.decode(value), [])
    except (msgspec.DecodeError, ValueError, RecursionError):
        pass
    try:
        parts = _split(value) if is_json else _msgpack_parts.decode(value)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return Decoded([], [_reject(0, value, error, is_json=is_json)])
    calls: list[ApiCall] = []
    rejected: list[Rejected] = []
    decoder = _json_call if is_json else _msgpack_call
    for index, part in enumerate(parts):
        try:
            calls.append(decoder.decode(part))
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            rejected.append(_reject(index, bytes(part), error, is_json=is_json))
    return Decoded(calls, rejected)


def _split(array: bytes) -> Sequence[msgspec.Raw | bytes]:
    try:
        return _json_parts.decode(array)
    except (msgspec.DecodeError, RecursionError) as error:
        try:
            return damaged.elements(array.strip())
        except ValueError:
            raise error from None


def _is_feedback(value: bytes) -> bool:
    if b'"feedback"' not in value:
        return False
    try:
        content = msgspec.json.decode(value)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and "feedback" in content and "id" not in content


def _decode_feedback(value: bytes) -> Decoded:
    try:
        return Decoded([], [], _json_feedback.decode(value))
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        if isinstance(error, msgspec.ValidationError):
            return _all_rejected(
                value, RejectReason.INVALID_FIELD, explain(error, msgspec.json.decode(value), Feedback)
            )
        return _all_rejected(value, RejectReason.INVALID_FIELD, str(error))


def _all_rejected(value: bytes, reason: RejectReason, detail: str) -> Decoded:
    return Decoded([], [Rejected(0, MalformedCall(reason, detail), len(value), {})])


def _reject(index: int, value: bytes, error: Exception, *, is_json: bool) -> Rejected:
    try:
        content = msgspec.json.decode(value) if is_json else msgspec.msgpack.decode(value)
    except (msgspec.DecodeError, ValueError, RecursionError):
        detail = "neither JSON nor MessagePack"
        if isinstance(error, RecursionError):
            detail = "nested too deeply"
        elif isinstance(error, msgspec.DecodeError) and not isinstance(error, msgspec.ValidationError):
            detail = f"not valid {'JSON' if is_json else 'MessagePack'}: {error}"
        return Rejected(index, MalformedCall(RejectReason.UNREADABLE, detail), len(value), {})
    return Rejected(
        index, MalformedCall(RejectReason.INVALID_FIELD, _explain(error, content)), len(value), _readable(content)
    )


def _explain(error: Exception, content: object) -> str:
    """Name the field, the value where it cannot be a secret, and what it should have been."""
    if not isinstance(error, msgspec.ValidationError):
        return str(error)
    if not isinstance(content, dict):
        return explain(error, {}, ApiCall)  # all of it may be a prompt: its type must do
    return explain(error, {name: value for name, value in content.items() if name not in _SECRET_FIELDS}, ApiCall)


def _readable(content: object) -> dict[str, str]:
    if not isinstance(content, dict):
        return {}
    return {name: shorten(content[name]) for name in _KNOWN_FIELDS if name in content}
