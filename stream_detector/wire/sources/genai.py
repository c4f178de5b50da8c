"""Attributes `gen_ai.*` of OpenTelemetry -> our fields, in the present names and the legacy ones.

Attributes `stream_detector.FIELD` are our own fields and count before all others: a processor of the OpenTelemetry
Collector can add what the conventions have no name for, such as the client.

Source: open-telemetry/semantic-conventions-genai; before that, OpenTelemetry semantic conventions 1.27 to 1.37 and
OpenLLMetry (`gen_ai.prompt.0.content`).
"""

from collections.abc import Callable, Mapping
from itertools import count
from typing import Final

from stream_detector.domain.calls import ApiCall
from stream_detector.wire.sources import values
from stream_detector.wire.sources.prompts import text_of

Attributes = Mapping[str, object]
OWN = "stream_detector."
_NOT_OURS_TO_TAKE = frozenset({"prompt", "sketch", "params"})
_OPERATIONS = frozenset({"chat", "text_completion", "completion", "generate_content", "embeddings", "responses"})
_MESSAGE_EVENTS = ("gen_ai.user.", "gen_ai.system.", "gen_ai.assistant.", "gen_ai.tool.", "gen_ai.choice")
_MOST_MESSAGES = 1000

_FIELDS: Final[Mapping[str, tuple[Callable[[object], object], tuple[str, ...]]]] = {
    "user": (values.text, ("enduser.id", "user.id", "gen_ai.user")),
    "ip": (values.address, ("client.address", "http.client_ip")),
    "ua": (values.text, ("user_agent.original", "http.user_agent")),
    "route": (values.text, ("http.route", "url.path")),
    "model": (values.text, ("gen_ai.request.model", "gen_ai.response.model", "llm.request.model")),
    "status": (values.whole, ("http.response.status_code", "http.status_code", "error.type")),
    "stream": (values.truth, ("gen_ai.request.stream", "llm.is_streaming")),
    "input_tokens": (
        values.whole,
        ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens"),
    ),
    "output_tokens": (
        values.whole,
        ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.usage.completion_tokens"),
    ),
}
_PARAMS: Final[Mapping[str, tuple[Callable[[object], object], tuple[str, ...]]]] = {
    "temperature": (values.number, ("gen_ai.request.temperature",)),
    "top_p": (values.number, ("gen_ai.request.top_p",)),
    "n": (values.whole, ("gen_ai.request.choice.count",)),
    "max_tokens": (values.whole, ("gen_ai.request.max_tokens",)),
    "seed": (values.whole, ("gen_ai.request.seed", "gen_ai.openai.request.seed")),
}
_FINISHES: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "content_filter": "filter",
    "safety": "filter",
    "tool_calls": "tool",
    "tool_call": "tool",
    "tool_use": "tool",
    "function_call": "tool",
}
_PROMPTS = ("gen_ai.input.messages", "gen_ai.prompt")


def tells_of_a_call(name: str, attributes: Attributes) -> bool:
    """Whether an event or span is a call of a model: not a single message, a tool, an agent, or something else."""
    if name.startswith(_MESSAGE_EVENTS):
        return False
    operation = values.text(attributes.get("gen_ai.operation.name"))
    if operation is not None:
        return operation in _OPERATIONS
    return any(key in attributes for key in (*_FIELDS["model"][1], *_FIELDS["output_tokens"][1]))


def fields_of(attributes: Attributes, client_attribute: str) -> dict[str, object]:
    """Our fields; None for what is not said."""
    fields = _read(_FIELDS, attributes)
    fields["client"] = values.text(attributes.get(client_attribute))
    fields["finish"] = _finish(attributes.get("gen_ai.response.finish_reasons"))
    params = {name: value for name, value in _read(_PARAMS, attributes).items() if value is not None}
    fields["params"] = params or None
    fields["id"] = values.text(attributes.get("gen_ai.response.id"))
    for name in ApiCall.__struct_fields__:
        own = attributes.get(OWN + name)
        if own is not None and name not in _NOT_OURS_TO_TAKE:
            fields[name] = values.text(own) if name == "client" else own
    return fields


def prompt_of(attributes: Attributes) -> str | None:
    """The text of the prompt, where the instrumentation was told to record it."""
    for name in _PROMPTS:
        if attributes.get(name):
            return text_of(attributes[name])
    messages: list[object] = []
    for index in count():
        content = attributes.get(f"gen_ai.prompt.{index}.content")
        if content is None or index == _MOST_MESSAGES:
            break
        messages.append({"role": attributes.get(f"gen_ai.prompt.{index}.role", "user"), "content": content})
    return text_of(messages)


def _read(
    names: Mapping[str, tuple[Callable[[object], object], tuple[str, ...]]], attributes: Attributes
) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, (understand, keys) in names.items():
        found[name] = next((value for key in keys if (value := understand(attributes.get(key))) is not None), None)
    return found


def _finish(reasons: object) -> str | None:
    first = reasons[0] if isinstance(reasons, list) and reasons else reasons
    reason = values.text(first)
    return _FINISHES.get(reason.lower(), reason.lower()) if reason else None
