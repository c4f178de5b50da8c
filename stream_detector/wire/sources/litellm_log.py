"""What LiteLLM's `generic_api` logger posts: `StandardLoggingPayload`s, one, an array, or one a line."""

import msgspec

from stream_detector.wire.litellm import call_of
from stream_detector.wire.sources.documents import as_object, split
from stream_detector.wire.sources.events import Found, Part, Sketching, gather, unreadable


def read(body: bytes, sketch: Sketching, part: Part = Part.WHOLE) -> Found:
    """Read a body of payloads."""
    try:
        documents = split(body)
    except (msgspec.DecodeError, RecursionError) as error:
        return unreadable(body, f"not valid JSON: {error}")
    return gather(documents, lambda document: call_of(as_object(document), sketch), sketch=sketch, part=part)
