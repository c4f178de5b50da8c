"""A body of JSON -> its documents: one, an array of them, or one a line."""

import msgspec

_documents = msgspec.json.Decoder(list[msgspec.Raw])
_anything = msgspec.json.Decoder(msgspec.Raw)


def split(body: bytes) -> list[bytes]:
    r"""The documents of a body, not decoded yet; a line that is no JSON is one, too.

    >>> split(b'[{"a": 1}, 2]'), split(b'{"a": 1}'), split(b'{"a": 1}\n\n{"b"')
    ([b'{"a": 1}', b'2'], [b'{"a": 1}'], [b'{"a": 1}', b'{"b"'])

    Raises:
        msgspec.DecodeError: it begins as an array and is none.
        RecursionError: it is nested too deeply.
    """
    content = body.strip()
    if content.startswith(b"["):
        return [bytes(document) for document in _documents.decode(content)]
    try:
        return [bytes(_anything.decode(content))]
    except (msgspec.DecodeError, RecursionError):
        return [line for line in map(bytes.strip, content.split(b"\n")) if line]


def as_object(document: bytes) -> dict[str, object]:
    """Decode one document.

    Raises:
        msgspec.DecodeError: not JSON, or no object; the message does not show it.
        RecursionError: it is nested too deeply.
    """
    return msgspec.json.decode(document, type=dict[str, object])
