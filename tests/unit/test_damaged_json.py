"""JSON that a strict parser refuses: what can be read of it is, and nothing beside it is lost."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from reports import samples

from stream_detector.detection.sketching import Sketcher
from stream_detector.domain.errors import RejectReason
from stream_detector.wire import calls as wire
from stream_detector.wire import damaged
from stream_detector.wire.sources import call_lines, cloudevents, envoy_log, litellm_log, otlp
from stream_detector.wire.sources.events import Discretion, Found
from stream_detector.wire.sources.mapped import FieldMap

_DISCRETION = Discretion(Sketcher(b"salt").sketch)
_MAP = FieldMap.parse(samples.MAPPING, "m.toml")
_DEEP = b"[" * 5000 + b"]" * 5000
_ODD = {
    "no number": b"NaN",
    "less than any number": b"-Infinity",
    "more than any number": b"1e999",
    "thousands of digits": b"9" * 5000,
    "half of a character": rb'"hi \ud83d"',
    "the other half": rb'"\udc00 \\ \ud83d\ude00"',
    "half of a character as a name": rb'{"\ud800": 1}',
    "a byte that is no UTF-8": b'"caf\xe9"',
    "a control character": b'"a\x01b"',
    "nested without end": b'{"a":' + _DEEP + b"}",
}
each_odd = pytest.mark.parametrize("odd", _ODD.values(), ids=_ODD)
_BATCH = {"content-type": cloudevents.BATCH}
_READERS: dict[str, tuple[Callable[[bytes], Found], Callable[[int], dict[str, Any]]]] = {
    "calls": (lambda body: call_lines.read(body, _DISCRETION), samples.call),
    "envoy": (lambda body: envoy_log.read(body, _DISCRETION), samples.envoy),
    "litellm": (lambda body: litellm_log.read(body, _DISCRETION), samples.litellm),
    "mapped": (lambda body: _MAP.read(body, _DISCRETION), samples.foreign),
    "events": (lambda body: cloudevents.read(body, _DISCRETION, headers=_BATCH), samples.cloudevent),
}
each_reader = pytest.mark.parametrize("name", _READERS)


def _with(document: dict[str, Any], odd: bytes) -> bytes:
    """The document with a field that no reader knows."""
    return samples.as_json(document | {"odd": "MARK"}).replace(b'"MARK"', odd)


def _ids(found: Found) -> list[str]:
    return [event.call.id for event in found.events]


@each_odd
@each_reader
def test_a_field_that_nobody_reads_costs_neither_its_call_nor_others(name: str, odd: bytes) -> None:
    read, sample = _READERS[name]
    bodies = [samples.as_json(sample(1)), _with(sample(2), odd), samples.as_json(sample(3))]
    sound = read(samples.as_json([sample(1), sample(2), sample(3)]))
    found = read(b"[" + b", ".join(bodies) + b"]")
    assert found.refused == []
    assert found.events == sound.events


@each_odd
def test_so_it_is_in_lines_and_in_a_document_over_many_lines(odd: bytes) -> None:
    document = _with(samples.call(2), odd)
    lines = b"\n".join([samples.as_json(samples.call(1)), document, samples.as_json(samples.call(3))])
    assert _ids(call_lines.read(lines, _DISCRETION)) == ["req-1", "req-2", "req-3"]
    spread = document.replace(b', "', b',\n "').replace(b"{", b"{\n", 1)
    assert _ids(call_lines.read(spread, _DISCRETION)) == ["req-2"]


@each_odd
@pytest.mark.parametrize("field", ["ua", "user", "model", "ip", "status", "latency_ms", "prompt", "params", "sketch"])
def test_a_field_that_clients_choose_is_left_out_or_cleaned(field: str, odd: bytes) -> None:
    for inner in (odd, b'{"temperature": ' + odd + b', "top_p": 0.5}'):
        body = samples.as_json(samples.call(**{field: "MARK"})).replace(b'"MARK"', inner)
        (event,) = call_lines.read(body, _DISCRETION).events
        (record,) = wire.pack([event.call], max_bytes=1 << 20)
        assert wire.decode(record, max_bytes=1 << 20).calls == [event.call]
        assert damaged.STAND_IN not in repr(event.call)


def test_a_number_that_is_none_is_named_as_left_out() -> None:
    found = call_lines.read(b'{"id": "1", "ts": 5, "client": "a", "params": {"temperature": NaN, "n": 2}}', _DISCRETION)
    assert found.left_out == ["params.temperature: must be >= 0 and <= 100"]
    (event,) = found.events
    assert event.call.params is not None
    assert (event.call.params.temperature, event.call.params.n) == (None, 2)


@pytest.mark.parametrize("field", ["ts", "client"])
@each_odd
def test_what_names_the_client_or_the_time_must_be_right(field: str, odd: bytes) -> None:
    body = samples.as_json(samples.call() | {field: "MARK"}).replace(b'"MARK"', odd)
    found = call_lines.read(b"[" + body + b"," + samples.as_json(samples.call(2)) + b"]", _DISCRETION)
    assert _ids(found) == ["req-2"]
    (refused,) = found.refused
    assert (refused.index, refused.error.reason) == (0, RejectReason.INVALID_FIELD)
    assert refused.error.detail.startswith(f"{field}: ")


def test_an_element_that_is_no_json_is_refused_alone() -> None:
    call = samples.as_json(samples.call())
    found = call_lines.read(b"[hello, " + call + b", {'a': 1}, , " + call + b",]", _DISCRETION)
    assert _ids(found) == ["req-1", "req-1"]
    assert [(each.index, each.error.reason) for each in found.refused] == [
        (index, RejectReason.UNREADABLE) for index in (0, 2, 3, 5)
    ]


@pytest.mark.parametrize("body", [b'[{"a": NaN}', b'[NaN, "', b"[NaN]]", b"[NaN][NaN]", b'[NaN][x"]', b"[NaN}"])
def test_an_array_that_does_not_end_is_refused_as_a_whole(body: bytes) -> None:
    found = call_lines.read(body, _DISCRETION)
    assert found.unreadable
    assert len(found.refused) == 1


@each_odd
def test_a_span_hides_no_other(odd: bytes) -> None:
    value = {"key": "gen_ai.input.messages", "value": {"stringValue": "MARK"}}
    spans = [samples.span(1), samples.span(2, [*samples.genai(), value]), samples.span(3)]
    body = samples.as_json(samples.traces(*spans)).replace(b'"MARK"', odd)
    found = otlp.read(body, _DISCRETION, signal=otlp.Signal.TRACES, encoding=otlp.Encoding.JSON)
    assert found.refused == []
    assert [event.call.id[-1] for event in found.events] == ["1", "2", "3"]


def test_messages_written_into_a_text_are_read_though_one_has_half_a_character() -> None:
    def head(question: str) -> int:
        span = samples.span(1, samples.genai(question=question))
        body = samples.as_json(samples.traces(span))
        (event,) = otlp.read(body, _DISCRETION, signal=otlp.Signal.TRACES, encoding=otlp.Encoding.JSON).events
        assert event.call.sketch is not None
        return event.call.sketch.head

    assert head(samples.QUESTION + " \ud83d") == head(samples.QUESTION)


@each_odd
def test_a_call_of_a_record_hides_no_other_of_it(odd: bytes) -> None:
    good = [samples.as_json(samples.call(number)) for number in (1, 3)]
    decoded = wire.decode(b" [%b, %b, %b] " % (good[0], _with(samples.call(2), odd), good[1]), max_bytes=1 << 20)
    assert [call.id for call in decoded.calls if call.id != "req-2"] == ["req-1", "req-3"]
    assert [each.index for each in decoded.rejected] in ([], [1])
    assert len(decoded.calls) + len(decoded.rejected) == 3


@pytest.mark.parametrize("text", [rb"\ud83d", b"\xff"])
def test_a_record_may_not_hold_half_a_character_where_it_is_read(text: bytes) -> None:
    bad = samples.as_json(samples.call(prompt="MARK")).replace(b"MARK", text)
    decoded = wire.decode(b"[" + bad + b"," + samples.as_json(samples.call(2)) + b"]", max_bytes=1 << 20)
    assert [call.id for call in decoded.calls] == ["req-2"]
    assert [(each.index, each.error.reason) for each in decoded.rejected] == [(0, RejectReason.UNREADABLE)]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text('"\\[]{},:\ud800é', max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.lists(_JSON, min_size=1, max_size=6), st.sampled_from([{}, {"indent": 1}, {"ensure_ascii": False}]))
@example(["\\", '"', "\\\\", '\\"]'], {})
def test_elements_are_what_was_written(content: list[object], style: dict[str, Any]) -> None:
    array = json.dumps(content, **style).encode("utf-8", "surrogatepass")
    found = [each.decode("utf-8", "surrogatepass") for each in damaged.elements(array)]
    assert [json.dumps(json.loads(each)) for each in found] == list(map(json.dumps, content))


@given(_JSON)
def test_what_was_written_is_read_but_for_halves_of_characters(content: object) -> None:
    text = json.dumps(content)
    whole = re.sub("[\ud800-\udfff]", damaged.STAND_IN, json.dumps(json.loads(text), ensure_ascii=False))
    assert json.dumps(damaged.decoded(text.encode()), ensure_ascii=False) == whole


@pytest.mark.parametrize("begin", range((1 << 20) - 60, (1 << 20) + 3))
def test_where_a_large_array_is_read_in_pieces_nothing_is_torn(begin: int) -> None:
    text = b'"' + b"x" * begin + rb'\\\"]["'
    assert damaged.elements(b"[" + text + b',NaN,{"a":[1,2]}]') == [text, b"NaN", b'{"a":[1,2]}']


def test_what_lies_too_deep_is_null_and_the_rest_is_there() -> None:
    levels = [b"[" * count + b"]" * count for count in (100, 101, 4000)]
    found = damaged.decoded(b'[NaN,"' + b"[" * 200 + b'",' + b",".join(levels) + b"]")
    assert isinstance(found, list)
    assert [json.dumps(each).count("[") for each in found[2:]] == [99, 99, 99]
    assert found[1] == "[" * 200
