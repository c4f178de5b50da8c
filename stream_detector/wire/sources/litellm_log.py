"""What LiteLLM's `generic_api` logger posts: `StandardLoggingPayload`s, one, an array, or one a line."""

from stream_detector.wire.litellm import call_of
from stream_detector.wire.sources.documents import gather_json
from stream_detector.wire.sources.events import Discretion, Found, Part


def read(body: bytes, discretion: Discretion, part: Part = Part.WHOLE) -> Found:
    """Read a body of payloads."""
    return gather_json(body, lambda payload: call_of(payload, discretion.sketch), discretion=discretion, part=part)
