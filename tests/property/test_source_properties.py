"""Whatever bytes arrive, a mapping answers: with calls that a worker reads, with refusals, or with nothing."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reports import samples

from stream_detector.detection.sketching import Sketcher
from stream_detector.wire import calls as wire
from stream_detector.wire.sources import call_lines, cloudevents, envoy_log, litellm_log, otlp
from stream_detector.wire.sources.events import Discretion, Found
from stream_detector.wire.sources.mapped import FieldMap

_DISCRETION = Discretion(Sketcher(b"salt").sketch)
_MAP = FieldMap.parse(samples.MAPPING, "m.toml")
_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(), max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
_HUGE = st.sampled_from([1, -1]).map(lambda sign: sign * 10**400)
"""No float is as large."""
_MESSAGES = st.lists(st.fixed_dictionaries({}, optional={"role": _PLAIN, "content": _PLAIN}), min_size=1, max_size=3)
_ANY = _PLAIN | _HUGE | _MESSAGES | _MESSAGES.map(json.dumps)


def _otlp(signal: otlp.Signal, encoding: otlp.Encoding) -> Callable[[bytes], Found]:
    return lambda body: otlp.read(body, _DISCRETION, signal=signal, encoding=encoding)


_STRUCTURED = {"content-type": cloudevents.STRUCTURED}
_READERS: dict[str, tuple[Callable[[bytes], Found], bytes]] = {
    "calls": (lambda body: call_lines.read(body, _DISCRETION), samples.as_json(samples.call())),
    "envoy": (lambda body: envoy_log.read(body, _DISCRETION), samples.as_json(samples.envoy())),
    "litellm": (lambda body: litellm_log.read(body, _DISCRETION), samples.as_json(samples.litellm())),
    "mapped": (lambda body: _MAP.read(body, _DISCRETION), samples.as_json(samples.foreign())),
    "events": (
        lambda body: cloudevents.read(body, _DISCRETION, headers=_STRUCTURED),
        samples.as_json(samples.cloudevent()),
    ),
    "logs": (_otlp(otlp.Signal.LOGS, otlp.Encoding.JSON), samples.as_json(samples.logs(samples.record()))),
    "spans": (_otlp(otlp.Signal.TRACES, otlp.Encoding.JSON), samples.as_json(samples.traces(samples.span()))),
    "logs, protobuf": (
        _otlp(otlp.Signal.LOGS, otlp.Encoding.PROTOBUF),
        samples.as_protobuf(samples.logs(samples.record())),
    ),
    "spans, protobuf": (
        _otlp(otlp.Signal.TRACES, otlp.Encoding.PROTOBUF),
        samples.as_protobuf(samples.traces(samples.span())),
    ),
}
each_reader = pytest.mark.parametrize("name", _READERS)


def _assert_usable(found: Found) -> None:
    """A worker reads every call of it, every refusal can be written, and none was a surprise."""
    assert found.unforeseen == {}
    calls = [event.call for event in found.events if event.call.client]
    for record in wire.pack(calls, max_bytes=10_000):
        assert wire.decode(record, max_bytes=1 << 20).rejected == []
    for rejected in found.refused:
        json.dumps([rejected.error.detail, rejected.fields]).encode()
        "".join([rejected.error.detail, *rejected.fields.values()]).encode()
    "".join(found.left_out).encode()


@each_reader
@given(body=st.binary(max_size=200))
def test_any_bytes_are_answered(name: str, body: bytes) -> None:
    _assert_usable(_READERS[name][0](body))


@each_reader
@given(places=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_damaged_body_is_answered(name: str, places: list[tuple[int, int]]) -> None:
    read, sound = _READERS[name]
    body = bytearray(sound)
    for place, value in places:
        body[place % len(body)] = value
    _assert_usable(read(bytes(body)))


@each_reader
@given(length=st.integers(0, 5000))
def test_a_body_that_breaks_off_is_answered(name: str, length: int) -> None:
    read, sound = _READERS[name]
    _assert_usable(read(sound[:length]))


@pytest.mark.parametrize("name", ["calls", "envoy", "litellm", "mapped", "events"])
@given(data=st.data())
@settings(max_examples=200)
def test_any_value_in_any_field_is_answered(name: str, data: st.DataObject) -> None:
    read, sound = _READERS[name]
    document = json.loads(sound)
    fields = data.draw(st.dictionaries(st.sampled_from(sorted(document)), _ANY, max_size=4))
    _assert_usable(read(json.dumps(document | fields).encode()))


@pytest.mark.parametrize(
    "value", [10**400, -(10**400), [{"role": []}], [{"role": {}}]], ids=lambda each: str(each)[:12]
)
@pytest.mark.parametrize("name", [name for name in _READERS if "protobuf" not in name])
def test_the_oddest_values_are_answered_in_every_field(name: str, value: object) -> None:
    read, sound = _READERS[name]
    for place in _places(json.loads(sound)):
        _assert_usable(read(json.dumps(_with(json.loads(sound), place, value)).encode()))


def _places(content: object) -> Iterator[tuple[str | int, ...]]:
    """Every place in a document, from the outermost."""
    inner = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in inner:
        yield (key,)
        yield from ((key, *place) for place in _places(value))


def _with(content: Any, place: tuple[str | int, ...], value: object) -> object:  # noqa: ANN401 - JSON of any shape
    first, *rest = place
    content[first] = _with(content[first], tuple(rest), value) if rest else value
    return content


@pytest.mark.parametrize("field", ["messages", "model.temperature"])
@given(value=_ANY)
def test_any_value_deep_in_a_mapped_document_is_answered(field: str, value: object) -> None:
    document = samples.foreign()
    document["request"] = {"id": "req-1", "messages": "Why?", field: value}
    _assert_usable(_READERS["mapped"][0](samples.as_json(document)))


@pytest.mark.parametrize("name", ["logs", "spans"])
@given(data=st.data())
def test_any_field_of_a_span_or_record_is_answered(name: str, data: st.DataObject) -> None:
    item = samples.span() if name == "spans" else samples.record()
    fields = data.draw(st.dictionaries(st.sampled_from(sorted(item)), _ANY | _HUGE.map(str), max_size=3))
    export = samples.traces(item | fields) if name == "spans" else samples.logs(item | fields)
    _assert_usable(_READERS[name][0](samples.as_json(export)))


@given(attributes=st.dictionaries(st.sampled_from([str(each["key"]) for each in samples.genai()]), _ANY, max_size=5))
def test_any_attribute_is_answered(attributes: dict[str, object]) -> None:
    kind = {str: "stringValue", int: "intValue", float: "doubleValue", bool: "boolValue"}
    pairs = [{"key": key, "value": {kind.get(type(each), "x"): each}} for key, each in attributes.items()]
    given_too = [each for each in samples.genai() if each["key"] not in attributes]
    _assert_usable(_READERS["spans"][0](samples.as_json(samples.traces(samples.span(1, given_too + pairs)))))
