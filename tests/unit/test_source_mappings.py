"""Each format, field by field."""

from collections.abc import Callable
from typing import Any

import pytest
from reports import samples

from stream_detector.detection.sketching import Sketcher
from stream_detector.domain.calls import ApiCall, Params
from stream_detector.domain.errors import ConfigError, RejectReason
from stream_detector.domain.identity import Evidence, Identity
from stream_detector.wire.sources import call_lines, cloudevents, envoy_log, litellm_log, otlp
from stream_detector.wire.sources.events import Discretion, Found, Part
from stream_detector.wire.sources.mapped import FieldMap

_SKETCHER = Sketcher(b"salt")
_DISCRETION = Discretion(_SKETCHER.sketch)
_SKETCH = _SKETCHER.sketch(samples.QUESTION)
_STRUCTURED = {"content-type": "application/cloudevents+json"}


def _spans(*spans: dict[str, object], encoding: otlp.Encoding = otlp.Encoding.JSON, **more: Any) -> Found:  # noqa: ANN401
    content = samples.traces(*spans)
    body = samples.as_json(content) if encoding is otlp.Encoding.JSON else samples.as_protobuf(content)
    return otlp.read(body, _DISCRETION, signal=otlp.Signal.TRACES, encoding=encoding, **more)


def _records(*records: dict[str, object], encoding: otlp.Encoding = otlp.Encoding.JSON) -> Found:
    content = samples.logs(*records)
    body = samples.as_json(content) if encoding is otlp.Encoding.JSON else samples.as_protobuf(content)
    return otlp.read(body, _DISCRETION, signal=otlp.Signal.LOGS, encoding=encoding)


def _envoy(*entries: dict[str, object]) -> Found:
    return envoy_log.read(b"\n".join(map(samples.as_json, entries)), _DISCRETION)


def _cloudevent(event: dict[str, object]) -> Found:
    return cloudevents.read(samples.as_json(event), _DISCRETION, headers=_STRUCTURED)


def _mapped(document: object, mapping: str = samples.MAPPING) -> Found:
    return FieldMap.parse(mapping, "m.toml").read(samples.as_json(document), _DISCRETION)


def _lines(*calls: object) -> Found:
    return call_lines.read(b"\n".join(map(samples.as_json, calls)), _DISCRETION)


def _only(found: Found) -> ApiCall:
    assert found.refused == []
    (event,) = found.events
    return event.call


def _detail(found: Found) -> str:
    assert found.events == []
    (rejected,) = found.refused
    return rejected.error.detail


@pytest.mark.parametrize("encoding", otlp.Encoding)
class TestOpenTelemetry:
    def test_a_span_of_a_call_says_all_of_it(self, encoding: otlp.Encoding) -> None:
        assert _only(_spans(samples.span(), encoding=encoding)) == ApiCall(
            id="5b8efff798038103d269b633813fc60c:0000000000000001",
            ts=samples.NOON_S,
            client="acct-7",
            tier="pro",
            ip="192.0.2.17",
            ua="OpenAI/Python 1.52.0",
            model="large-1",
            status=200,
            latency_ms=1500.0,
            input_tokens=21,
            output_tokens=412,
            finish="stop",
            params=Params(temperature=0.7, max_tokens=1024),
            sketch=_SKETCH,
        )

    def test_an_event_of_a_call_says_the_same_but_for_how_long_it_took(self, encoding: otlp.Encoding) -> None:
        of_span, of_record = _only(_spans(samples.span(), encoding=encoding)), _only(_records(samples.record()))
        assert of_record.latency_ms is None
        assert (of_record.id, of_record.sketch, of_record.params) == (of_span.id, of_span.sketch, of_span.params)

    def test_what_is_no_call_of_a_model_is_skipped(self, encoding: otlp.Encoding) -> None:
        tool = [*samples.genai(), samples.attribute("gen_ai.operation.name", "execute_tool")]
        found = _spans(samples.span(1, tool), samples.span(2, [samples.attribute("a", 1)]), encoding=encoding)
        message = samples.record() | {"eventName": "gen_ai.user.message"}
        assert (found.skipped, found.events, found.refused) == (2, [], [])
        assert _records(message, encoding=encoding).skipped == 1

    def test_a_failed_span_ends_with_an_error(self, encoding: otlp.Encoding) -> None:
        attributes = [each for each in samples.genai() if each["key"] != "gen_ai.response.finish_reasons"]
        failed = samples.span(1, attributes, status={"code": 2})
        assert _only(_spans(failed, encoding=encoding)).finish == "error"

    def test_legacy_names_are_understood(self, encoding: otlp.Encoding) -> None:
        old = {
            "gen_ai.system": "example",
            "gen_ai.request.model": "small-1",
            "gen_ai.usage.prompt_tokens": 3,
            "gen_ai.usage.completion_tokens": 4,
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": "You are kind.",
            "gen_ai.prompt.1.role": "user",
            "gen_ai.prompt.1.content": samples.QUESTION,
            "gen_ai.openai.request.seed": 7,
            "http.status_code": 429,
            "stream_detector.client": "acct-7",
        }
        call = _only(_spans(samples.span(1, [samples.attribute(*each) for each in old.items()]), encoding=encoding))
        assert (call.model, call.input_tokens, call.output_tokens, call.status) == ("small-1", 3, 4, 429)
        assert (call.params, call.sketch) == (Params(seed=7), _SKETCH)

    def test_a_prompt_may_be_an_attribute_of_an_event_of_the_span(self, encoding: otlp.Encoding) -> None:
        attributes = [each for each in samples.genai() if each["key"] != "gen_ai.input.messages"]
        content = {"attributes": [samples.attribute("gen_ai.prompt", samples.QUESTION)]}
        assert _only(_spans(samples.span(1, attributes, events=[content]), encoding=encoding)).sketch == _SKETCH

    def test_the_client_lies_where_the_operator_says(self, encoding: otlp.Encoding) -> None:
        attributes = samples.genai(client=None, metadata__user="acct-9")
        found = _spans(samples.span(1, attributes), encoding=encoding, client_attribute="metadata.user")
        assert _only(found).client == "acct-9"

    def test_own_attributes_count_before_all_others(self, encoding: otlp.Encoding) -> None:
        attributes = samples.genai(stream_detector__ip="198.51.100.1", stream_detector__id="req-1")
        call = _only(_spans(samples.span(1, attributes), encoding=encoding))
        assert (call.ip, call.id) == ("198.51.100.1", "req-1")


def test_a_damaged_span_harms_none_of_its_neighbours() -> None:
    damaged: dict[str, object] = {"attributes": "none", "traceId": 7}
    found = _spans(samples.span(1), damaged, samples.span(3))
    assert [event.call.id[-1] for event in found.events] == ["1", "3"]
    assert [(each.index, each.error.reason) for each in found.refused] == [(1, RejectReason.UNREADABLE)]


def test_a_line_of_envoys_log_says_all_but_the_prompt() -> None:
    assert _only(_envoy(samples.envoy())) == ApiCall(
        id="req-1",
        ts=samples.NOON_S,
        client="acct-7",
        ip="192.0.2.17",
        ua="OpenAI/Python 1.52.0",
        route="/v1/chat/completions",
        model="large-1",
        status=200,
        latency_ms=1500.0,
        input_tokens=21,
        output_tokens=412,
    )


def test_envoys_own_names_are_understood() -> None:
    entry = {
        "request_id": "a",
        "start_time": "2026-01-05T00:00:00Z",
        "client_id": "b",
        "downstream_remote_address": "192.0.2.17:4711",
        "user_agent": "c",
        "response_code": 503,
        "duration": 12,
    }
    call = _only(_envoy(entry))
    assert (call.id, call.client, call.ip, call.ua, call.status) == ("a", "b", "192.0.2.17", "c", 503)
    assert call.latency_ms == 12.0


def test_a_client_that_went_away_has_a_status() -> None:
    assert _only(_envoy(samples.envoy(status=0))).status == 499


def test_an_entry_without_a_client_is_refused_with_its_place() -> None:
    found = _envoy(samples.envoy(1), samples.envoy(2, client="-"))
    assert [(each.index, each.error.detail) for each in found.refused] == [
        (1, "client: missing, must be there in every call")
    ]


def test_litellms_payload_is_read_by_its_own_rules() -> None:
    found = litellm_log.read(samples.as_json([samples.litellm(), {}]), _DISCRETION)
    (event,) = found.events
    assert (event.call.client, event.call.output_tokens, event.call.sketch) == ("ab" * 32, 412, _SKETCH)
    assert found.refused[0].error.detail.startswith("metadata.user_api_key_hash: missing")


def test_a_cloudevents_envelope_says_what_its_data_does_not() -> None:
    call = _only(_cloudevent(samples.cloudevent()))
    assert (call.id, call.ts, call.client) == ("req-1", samples.NOON_S, "acct-7")
    assert (call.output_tokens, call.sketch) == (412, _SKETCH)


def test_cloudevents_data_counts_before_its_envelope() -> None:
    call = _only(_cloudevent(samples.cloudevent(data={"client": "acct-9", "ts": 5})))
    assert (call.client, call.ts) == ("acct-9", 5.0)


def test_binary_cloudevents_have_their_attributes_in_headers_of_http_and_of_kafka() -> None:
    body = samples.as_json({"client": "acct-7"})
    for dash, understood in (("-", "a b"), ("_", "a%20b")):  # only HTTP encodes them
        headers = {f"ce{dash}specversion": "1.0", f"ce{dash}id": "a%20b", f"ce{dash}time": "2026-01-05T00:00:00Z"}
        call = _only(cloudevents.read(body, _DISCRETION, headers=headers))
        assert (call.id, call.ts) == (understood, samples.NOON_S)


def test_cloudevents_in_base64_and_in_batches_are_understood() -> None:
    packed = {name: value for name, value in samples.cloudevent().items() if name != "data"}
    packed["data_base64"] = "eyJzdGF0dXMiOiA0Mjl9"
    batch = samples.as_json([packed, samples.cloudevent(2)])
    found = cloudevents.read(batch, _DISCRETION, headers={"content-type": cloudevents.BATCH})
    assert [(event.call.id, event.call.status) for event in found.events] == [("req-1", 429), ("req-2", 200)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"specversion": "0.3"}, "specversion: must be 1.0, got '0.3'"),
        ({"data": "text"}, "data: must be a JSON object"),
        ({"data": None, "data_base64": "?"}, "data_base64: must be base64"),
        ({"time": "yesterday"}, "ts: missing"),
    ],
)
def test_a_cloudevent_that_is_none_says_why(change: dict[str, object], reason: str) -> None:
    assert reason in _detail(_cloudevent(samples.cloudevent() | change))


def test_kafkas_tombstone_is_refused() -> None:
    found = cloudevents.read(None, _DISCRETION, headers={"ce_specversion": "1.0"})
    assert [each.error.reason for each in found.refused] == [RejectReason.UNREADABLE]


@pytest.mark.parametrize(("kind", "part"), [("a.request", Part.REQUEST), ("a.completion", Part.COMPLETION)])
def test_the_type_of_a_cloudevent_says_which_part_it_is(kind: str, part: Part) -> None:
    (event,) = _cloudevent(samples.cloudevent(type=kind)).events
    assert event.part is part


def test_a_mapping_file_makes_any_json_a_call() -> None:
    assert _only(_mapped(samples.foreign())) == ApiCall(
        id="req-1",
        ts=samples.NOON_S,
        client="acct-7",
        tier="pro",
        status=200,
        latency_ms=1500.0,
        output_tokens=412,
        params=Params(temperature=0.7),
        sketch=_SKETCH,
    )


def test_a_mapped_value_out_of_range_is_named_with_its_range() -> None:
    wrong = samples.foreign() | {"response": {"status": "99", "took": "long", "usage": []}}
    found = _mapped(wrong)
    assert _only(found).output_tokens is None
    assert found.left_out == [
        "status: must be >= 100 and <= 599, got '99'",
        "latency_ms: expected `float | null`, got `str`, must be >= 0 and <= 86400000, got 'long'",
    ]


def test_a_mapped_time_that_is_none_is_named() -> None:
    assert "ts: expected `float`, got `str`" in _detail(_mapped(samples.foreign() | {"time": "soon"}))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("x =", "not valid TOML"),
        ('[fields]\nts = "a"', 'fields.client: missing, must say where it lies, such as client = "path.to.it"'),
        ('[fields]\nclient = "a"', "fields.ts: missing"),
        ('[fields]\nts = "a"\nclient = "b"\nstat = "c"', "fields.stat: no such field, must be one of client, "),
        ('[fields]\nts = "a"\nclient = "b"\nsketch = "c"', "fields.sketch: no such field"),
        ('[fields]\nts = "a..b"\nclient = "b"', "fields.ts: must be a path such as a.b[0].c, got 'a..b'"),
        ('[fields]\nts = { path = "a", unit = "h" }\nclient = "b"', "fields.ts: unit: must be one of ns, us, ms, s"),
        ('[fields]\nts = "a"\nclient = { path = "b", unit = "s" }', "fields.client.unit: must not be there, got 's'"),
        ('[fields]\nts = "a"\nclient = {}', "fields.client: must have either a path or a value"),
        ('[fields]\nts = "a"\nclient = { path = "b", value = "c" }', "must have either a path or a value"),
        ('[field]\nts = "a"', "unknown field `field`"),
    ],
)
def test_a_wrong_mapping_file_is_refused_in_one_line(content: str, reason: str) -> None:
    with pytest.raises(ConfigError) as raised:
        FieldMap.parse(content, "m.toml")
    message = str(raised.value)
    assert message.startswith("m.toml: ")
    assert reason in message
    assert "\n" not in message


def test_a_mapping_of_completions_needs_no_client() -> None:
    mapping = '[fields]\nid = "i"\nts = "t"\nevent = { value = "completion" }\noutput_tokens = "o"'
    (event,) = _mapped({"i": "a", "t": 5, "o": 7}, mapping).events
    assert (event.part, event.call.client, event.call.output_tokens) == (Part.COMPLETION, "", 7)


def test_our_own_calls_say_which_part_they_are() -> None:
    found = _lines(samples.call(1), samples.call(2, event="request"), {"id": "3", "ts": 5, "event": "completion"})
    assert [event.part for event in found.events] == [Part.WHOLE, Part.REQUEST, Part.COMPLETION]


def test_a_sketch_that_is_there_counts_before_the_text() -> None:
    sketch = {"head": 1, "digest": 2, "simhash": "AAAAAAAAAAA="}
    call = _only(_lines(samples.call(sketch=sketch)))
    assert call.sketch is not None
    assert (call.sketch.head, call.prompt) == (1, None)


def test_an_analysts_judgement_is_no_call() -> None:
    judgement = {"feedback": "dismiss", "ref": "a", "ts": 5.0, "client": "acct-7", "reason": "b"}
    assert _detail(_lines(judgement)).startswith("id: missing")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ua", "x" * 5000),
        ("route", "/" + "y" * 5000),
        ("user", "z" * 500),
        ("ip", "nowhere"),
        ("status", 999),
        ("latency_ms", -1),
        ("params", {"temperature": 1e9}),
        ("params", "hot"),
        ("params", {"seed": 10**40}),
        ("params", {"logit_bias": {"x" * 33: 1}}),
        ("id", "i" * 5000),
        ("id", "line\nfeed"),
        ("model", ["large"]),
    ],
)
def test_nothing_that_clients_choose_makes_a_call_vanish(field: str, value: object) -> None:
    assert _only(_lines(samples.call(**{field: value}))).output_tokens == 412


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"0" * 40 + "7": 1, "8": 2}, {"7": 1, "8": 2}),
        ({"x" * 33: 1, "8": 2}, {"8": 2}),
        ({"7": 10**9, "8": "high", "9": None, "10": -100}, {"10": -100}),
        ({str(token): 1 for token in range(2000)}, {str(token): 1 for token in range(1024)}),
        ({"x" * 33: 1}, None),
        ([7], None),
    ],
)
def test_a_bias_that_is_none_does_not_hide_the_others(given: object, kept: dict[str, float] | None) -> None:
    found = _lines(samples.call(params={"logit_bias": given, "n": 2}))
    params = _only(found).params
    assert params is not None
    assert (params.logit_bias, params.n) == (kept, 2)
    (note,) = found.left_out
    assert note.startswith("params.logit_bias")


def test_what_names_no_id_has_the_same_one_when_it_is_sent_again() -> None:
    nameless = [
        {name: value for name, value in samples.envoy(status=status).items() if name != "id"}
        for status in (200, 200, 429)
    ]
    first, again, other = (event.call.id for event in _envoy(*nameless).events)
    assert first == again != other


_READERS: dict[str, Callable[[bytes], Found]] = {
    "calls": lambda body: call_lines.read(body, _DISCRETION),
    "envoy": lambda body: envoy_log.read(body, _DISCRETION),
    "litellm": lambda body: litellm_log.read(body, _DISCRETION),
    "mapped": lambda body: FieldMap.parse(samples.MAPPING, "m").read(body, _DISCRETION),
    "structured": lambda body: cloudevents.read(body, _DISCRETION, headers=_STRUCTURED),
    "json": lambda body: otlp.read(body, _DISCRETION, signal=otlp.Signal.LOGS, encoding=otlp.Encoding.JSON),
}


@pytest.mark.parametrize("name", _READERS)
def test_what_is_nested_without_end_is_refused(name: str) -> None:
    for body in (b"[" * 100_000, b'{"a":' * 100_000, b'[{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}]"):
        found = _READERS[name](body)
        assert found.events == []
        assert {each.error.reason for each in found.refused} <= {RejectReason.UNREADABLE, RejectReason.INVALID_FIELD}


def test_a_key_becomes_its_id_and_is_in_no_message() -> None:
    identity = Identity(Evidence.KEY, salt=b"salt of many bytes")
    lines = b"\n".join(
        map(samples.as_json, [samples.call(client="Bearer sk-marker"), samples.call(client=["sk-marker"])])
    )
    found = call_lines.read(lines, Discretion(_SKETCHER.sketch, identity))
    assert [event.call.client for event in found.events] == [identity.of("sk-marker")]
    (refused,) = found.refused
    assert "client: names nobody, must be a key" in str(refused.error)
    assert "sk-marker" not in repr((found, str(refused.error)))
