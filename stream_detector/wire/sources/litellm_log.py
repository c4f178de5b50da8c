"""What LiteLLM's `generic_api` logger posts: `StandardLoggingPayload`s, one, an array, or one a line."""

from stream_detector.wire.litellm import call_of
from stream_detector.wire.sources.documents import gather_json
from stream_detector.wire.sources.events import Found, Part, Sketching


def read(body: bytes, sketch: Sketching, part: Part = Part.WHOLE) -> Found:
    """Read a body of payloads."""
    return gather_json(body, lambda payload: call_of(payload, sketch), sketch=sketch, part=part)
