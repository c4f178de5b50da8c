"""The committed schemas are those of the code, and every example keeps to them and to the decoders."""

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import msgspec
import pytest
from documents.reading import ROOT, Block, blocks

from stream_detector.domain.dead_letters import DeadLetter
from stream_detector.domain.feedback import Feedback
from stream_detector.wire import calls, decisions
from stream_detector.wire.schema import CONTRACTS, schema_of

_SCHEMAS = ROOT / "docs" / "schema"
_EXAMPLES = ROOT / "docs" / "examples"
_CALL, _DECISION, _DEAD_LETTER, _FEEDBACK = "api-call.v1", "decision.v1", "dead-letter.v1", "feedback.v1"


def _committed(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((_SCHEMAS / f"{name}.json").read_text("utf-8"))
    return schema


def _validate(content: object, name: str) -> None:
    jsonschema.validate(content, _committed(name), cls=jsonschema.Draft202012Validator)


def _contract_of(content: dict[str, Any]) -> str:
    """What an example on a page is an example of."""
    if "subject" in content:
        return _DECISION
    if "feedback" in content:
        return _FEEDBACK
    return _DEAD_LETTER if "payload_bytes" in content else _CALL


def _decode(content: dict[str, Any], name: str) -> None:
    """Raise unless our own code can read it."""
    value = json.dumps(content).encode()
    decoders: dict[str, Callable[[], object]] = {
        _CALL: lambda: calls.decode(value, max_bytes=1 << 20).calls[0],
        _DECISION: lambda: decisions.decode(value),
        _FEEDBACK: lambda: msgspec.json.decode(value, type=Feedback),
        _DEAD_LETTER: lambda: msgspec.json.decode(value, type=DeadLetter),
    }
    decoders[name]()


def _lines(name: str) -> list[str]:
    return (_EXAMPLES / name).read_text("utf-8").splitlines()


def test_there_is_a_schema_per_contract_and_no_other() -> None:
    assert {path.stem for path in _SCHEMAS.iterdir()} == set(CONTRACTS)


@pytest.mark.parametrize("name", CONTRACTS)
def test_committed_schema_is_what_the_code_generates(name: str) -> None:
    generated = msgspec.json.format(msgspec.json.encode(schema_of(name)), indent=2) + b"\n"
    assert (_SCHEMAS / f"{name}.json").read_bytes() == generated, "run: stream-detector schema docs/schema"


@pytest.mark.parametrize("name", CONTRACTS)
def test_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(_committed(name))


@pytest.mark.parametrize("name", CONTRACTS)
def test_schema_refuses_what_is_none(name: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        _validate({}, name)


_OTHERS = "sources.md"
"""Shows formats of others; test_sources_documented reads them."""


@pytest.mark.parametrize("block", [each for each in blocks("json") if each.page != _OTHERS], ids=str)
def test_example_on_a_page_keeps_to_its_schema_and_is_read(block: Block) -> None:
    content = json.loads(block.text)
    _validate(content, _contract_of(content))
    _decode(content, _contract_of(content))


@pytest.mark.parametrize("line", _lines("calls.jsonl"))
def test_example_record_is_accepted(line: str) -> None:
    content = json.loads(line)
    for call in content if isinstance(content, list) else [content]:
        _validate(call, _CALL)
    decoded = calls.decode(line.encode(), max_bytes=1 << 20)
    assert decoded.calls
    assert not decoded.rejected


@pytest.mark.parametrize("line", _lines("bad-calls.jsonl"))
def test_example_of_a_bad_record_is_refused(line: str) -> None:
    decoded = calls.decode(line.encode(), max_bytes=1 << 20)
    assert not decoded.calls
    assert len(decoded.rejected) == 1


@pytest.mark.parametrize("line", _lines("decisions.jsonl"))
def test_example_decision_keeps_to_its_schema_and_is_read(line: str) -> None:
    _validate(json.loads(line), _DECISION)
    _decode(json.loads(line), _DECISION)


def test_examples_show_every_kind_of_decision_that_is_made() -> None:
    made = {(each["action"], each["mode"], each["origin"]) for each in map(json.loads, _lines("decisions.jsonl"))}
    assert made == {
        ("throttle", "enforce", "engine"),
        ("throttle", "shadow", "engine"),
        ("block", "enforce", "engine"),
        ("allow", "enforce", "operator"),
    }


def test_every_example_file_is_used_by_a_test() -> None:
    assert {path.name for path in _EXAMPLES.iterdir()} == {
        "bad-calls.jsonl",
        "calls.jsonl",
        "decisions.jsonl",
        "policy.toml",
    }


def test_dead_letter_on_the_page_is_what_its_call_leads_to() -> None:
    (letter,) = [
        content
        for content in map(json.loads, (block.text for block in blocks("json", path=ROOT / "docs" / "calls.md")))
        if _contract_of(content) == _DEAD_LETTER
    ]
    fields = letter["fields"] | {"ts": float(letter["fields"]["ts"]), "status": int(letter["fields"]["status"])}
    (rejected,) = calls.decode(json.dumps(fields).encode(), max_bytes=1 << 20).rejected
    assert (rejected.error.reason, rejected.error.detail) == (letter["reason"], letter["detail"])
    assert rejected.fields == letter["fields"]
    assert rejected.payload_bytes == letter["payload_bytes"]
