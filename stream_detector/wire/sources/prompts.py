"""Chat messages -> the text to be sketched: what the caller has added since the last answer.

Messages as OpenAI, Anthropic and Gemini write them, as OpenTelemetry does (`parts`), or any of these as JSON in a text.
The turns before are the same text again in every call of a conversation, and a system prompt is the same in all calls of
an application: neither tells what this call asks. Where nothing is from a user, all of it counts.
"""

import msgspec

from stream_detector.wire import damaged

_ANSWERS = frozenset({"assistant", "model", "ai"})
_MAX_DEPTH = 8
_TEXTS = ("text", "content", "parts", "input_text")
_MESSAGES = ("messages", "input", "prompt", "contents")


def text_of(content: object) -> str | None:
    """The text of one message, of many, or of a request that has them; None for none.

    >>> text_of([{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Why?"}])
    'Why?'
    """
    content = _decoded(content)
    if isinstance(content, dict):
        inner = next((content[name] for name in _MESSAGES if content.get(name)), content)
        content = inner if isinstance(inner, list) else [inner]
    if isinstance(content, list) and any(isinstance(each, dict) and "role" in each for each in content):
        content = _asked(content)
    return _plain(content).strip() or None


def _asked(messages: list[object]) -> list[object]:
    asked: list[object] = []
    for message in messages:
        role = message.get("role") if isinstance(message, dict) else None
        if isinstance(role, str) and role in _ANSWERS:
            asked = []
        elif role == "user":
            asked.append(message)
    return asked or messages


def _decoded(content: object) -> object:
    if isinstance(content, str) and content.lstrip()[:1] in {"[", "{"}:
        document = content.encode("utf-8", "replace")
        try:
            return msgspec.json.decode(document)
        except (msgspec.DecodeError, RecursionError):
            return _mended(document, content)
    return content


def _mended(document: bytes, content: str) -> object:
    try:
        return damaged.decoded(document)
    except ValueError:
        return content


def _plain(content: object, depth: int = 0) -> str:
    if isinstance(content, str):
        return content
    if depth < _MAX_DEPTH:
        if isinstance(content, list):
            return "\n".join(filter(None, (_plain(each, depth + 1) for each in content)))
        if isinstance(content, dict):
            return next((_plain(content[name], depth + 1) for name in _TEXTS if content.get(name)), "")
    return ""
