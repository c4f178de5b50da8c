"""A body of JSON -> its documents: one, an array of them, or one a line."""

from collections.abc import Callable

import msgspec

from stream_detector.domain.calls import ApiCall
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
        return [bytes(document) for document in _documents.decode(content)]
    try:
        return [bytes(_anything.decode(content))]
    except UNDECODABLE:
        return [line for line in map(bytes.strip, content.split(b"\n")) if line]


def as_object(document: bytes) -> dict[str, object]:
    """Decode one document.

    Raises:
        UNDECODABLE: not JSON, or no object.
    """
    return msgspec.json.decode(document, type=dict[str, object])
