"""Our own calls as JSON: one, an array, or one a line; `event` says which part of a call it is (docs/sources.md)."""

from stream_detector.wire.sources.documents import gather_json
from stream_detector.wire.sources.events import Discretion, Draft, Found, Part

_PARTS = {part.value: part for part in Part}


def read(body: bytes, discretion: Discretion, part: Part = Part.WHOLE) -> Found:
    """Read a body of calls."""
    return gather_json(body, draft_of, discretion=discretion, part=part)


def draft_of(content: dict[str, object]) -> Draft:
    """What a decoded call says."""
    event, prompt = content.get("event"), content.get("prompt")
    has_text = isinstance(prompt, str) and content.get("sketch") is None
    return Draft(
        fields=content,
        text=prompt if has_text and isinstance(prompt, str) else None,
        part=_PARTS.get(event) if isinstance(event, str) else None,
    )
