"""A body of JSON -> its documents: one, an array of them, or one a line."""

from collections.abc import Callable

import msgspec

from stream_detector.domain.calls import ApiCall
from stream_detector.wire import damaged
from stream_detector.wire.sources.events import UNDECODABLE, Discretion, Draft, Found, Part, gather, unreadable

_documents = msgspec.json.Decoder(list[msgspec.Raw])
_anything = msgspec.json.Decoder(msgspec.Raw)


def gather_json(
    body: bytes, read: Callable[[dict[str, object]], Draft | ApiCall | None], *, discretion: Discretion, part: Part
) -> Found:
    """Read the documents of a body one by one (`events.gather`)."""
    try:
        documents = split(body)
    except UNDECODABLE as error:
        return unreadable(body, f"not valid JSON: {error}")
    return gather(documents, lambda document: read(as_object(document)), discretion=discretion, part=part)


def split(body: bytes) -> list[bytes]:
    r"""The documents of a body, not decoded yet; a line that is no JSON is one, too.

    >>> split(b'[{"a": 1}, 2]'), split(b'{"a": 1}'), split(b'{"a": 1}\n\n{"b"')
    ([b'{"a": 1}', b'2'], [b'{"a": 1}'], [b'{"a": 1}', b'{"b"'])

    Raises:
        UNDECODABLE: it begins as an array and is none.
    """
    content = body.strip()
    if content.startswith(b"["):
        return split_array(content)
    try:
        return [bytes(_anything.decode(content))]
    except UNDECODABLE:
        lines = [line for line in map(bytes.strip, content.split(b"\n")) if line]
    is_spread = bool(lines) and not lines[0].endswith(b"}")
    return [content] if is_spread and damaged.is_one(content) else lines


def split_array(content: bytes) -> list[bytes]:
    """The elements of an array, not decoded yet; one that is no JSON hides no other.

    Raises:
        UNDECODABLE: it is no array.
    """
    try:
        return [bytes(document) for document in _documents.decode(content)]
    except UNDECODABLE as error:
        try:
            return damaged.elements(content)
        except ValueError:
            raise error from None


def as_object(document: bytes) -> dict[str, object]:
    """Decode one document; values that JSON does not have are there as `damaged` reads them.

    Raises:
        UNDECODABLE: not JSON, or no object.
    """
    try:
        return msgspec.json.decode(document, type=dict[str, object])
    except UNDECODABLE as error:
        try:
            content = damaged.decoded(document)
        except ValueError:
            raise error from None
        if not isinstance(content, dict):
            raise
        return content
