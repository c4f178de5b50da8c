"""docs/calls.md and the call event say the same, and what the page calls unread is unread."""

import re
from collections.abc import Callable

import msgspec
import pytest
from documents.reading import page, rows, section, words_of
from msgspec import Struct, inspect

from stream_detector.detection import state
from stream_detector.detection.detectors.catalogue import names
from stream_detector.detection.examples import START_S, example_call
from stream_detector.detection.profile import Profile
from stream_detector.domain.addresses import AddressKind
from stream_detector.domain.calls import ApiCall, Params, Sketch
from stream_detector.domain.dead_letters import DeadLetter
from stream_detector.domain.errors import RejectReason

_TABLES: dict[str, type[Struct]] = {
    "Fields": ApiCall,
    "Params": Params,
    "The sketch": Sketch,
    "Dead letters": DeadLetter,
}
_UNREAD = "nothing yet"


def _documented(heading: str) -> dict[str, list[str]]:
    """Field -> values, meaning, read by; of the first table under the heading."""
    fields = _TABLES[heading].__struct_fields__
    return {row[0].strip("`"): row[1:] for row in rows(section(page("calls"), heading)) if row[0].strip("`") in fields}


@pytest.mark.parametrize("heading", _TABLES)
def test_page_documents_every_field_with_its_values(heading: str) -> None:
    fields = inspect.type_info(_TABLES[heading]).fields  # type: ignore[attr-defined]
    documented = {name: cells[0] for name, cells in _documented(heading).items()}
    assert documented == {field.name: words_of(field.type) for field in fields}


@pytest.mark.parametrize("heading", ["Fields", "Params", "The sketch"])
def test_page_says_which_fields_are_required(heading: str) -> None:
    required = {field.name for field in inspect.type_info(_TABLES[heading]).fields if field.required}  # type: ignore[attr-defined]
    assert {name for name, cells in _documented(heading).items() if cells[1].startswith("Required.")} == required


@pytest.mark.parametrize("heading", ["Fields", "Params", "The sketch"])
def test_page_says_for_every_field_who_reads_it(heading: str) -> None:
    for name, (_values, _meaning, read_by) in _documented(heading).items():
        assert read_by, name
        assert set(re.findall(r"`(\w+)`", read_by)) <= names(), name


def _base() -> ApiCall:
    call = example_call(7, gap_s=60.0, new_bias=True)
    assert call.params is not None
    assert call.sketch is not None
    params = msgspec.structs.replace(call.params, temperature=0.5, top_p=0.5, n=2, top_logprobs=None)
    return msgspec.structs.replace(call, ts=START_S, status=200, params=params, output_tokens=50, ua="one")


_Change = Callable[[ApiCall], ApiCall]


def _with(**fields: object) -> _Change:
    return lambda call: msgspec.structs.replace(call, **fields)


def _with_params(**fields: object) -> _Change:
    return lambda call: msgspec.structs.replace(call, params=msgspec.structs.replace(call.params or Params(), **fields))


def _with_sketch(**fields: object) -> _Change:
    def change(call: ApiCall) -> ApiCall:
        assert call.sketch is not None
        return msgspec.structs.replace(call, sketch=msgspec.structs.replace(call.sketch, **fields))

    return change


_CHANGES: dict[tuple[str, str], _Change] = {
    ("Fields", "ts"): _with(ts=START_S + 1000),
    ("Fields", "org"): _with(org="x"),
    ("Fields", "user"): _with(user="x"),
    ("Fields", "tier"): _with(tier="x"),
    ("Fields", "client_created_ts"): _with(client_created_ts=5.0),
    ("Fields", "quota"): _with(quota=5.0),
    ("Fields", "country"): _with(country="DE"),
    ("Fields", "time_zone"): _with(time_zone="UTC"),
    ("Fields", "payment"): _with(payment="x"),
    ("Fields", "ip"): _with(ip="203.0.113.5"),
    ("Fields", "ip_country"): _with(ip_country="DE"),
    ("Fields", "ip_asn"): _with(ip_asn=64496),
    ("Fields", "ip_kind"): _with(ip_kind=AddressKind.VPN),
    ("Fields", "ip_provider"): _with(ip_provider="x"),
    ("Fields", "ua"): _with(ua="another one"),
    ("Fields", "ja4"): _with(ja4="x"),
    ("Fields", "route"): _with(route="/x"),
    ("Fields", "model"): _with(model="x"),
    ("Fields", "status"): _with(status=429),
    ("Fields", "latency_ms"): _with(latency_ms=5.0),
    ("Fields", "stream"): _with(stream=True),
    ("Fields", "input_tokens"): _with(input_tokens=500),
    ("Fields", "output_tokens"): _with(output_tokens=500),
    ("Fields", "finish"): _with(finish="refusal"),
    ("Fields", "params"): _with(params=None),
    ("Fields", "sketch"): _with(sketch=None),
    ("Params", "temperature"): _with_params(temperature=0.25),
    ("Params", "top_p"): _with_params(top_p=0.25),
    ("Params", "n"): _with_params(n=1),
    ("Params", "max_tokens"): _with_params(max_tokens=500),
    ("Params", "logprobs"): _with_params(logprobs=True),
    ("Params", "top_logprobs"): _with_params(top_logprobs=5),
    ("Params", "logit_bias"): _with_params(logit_bias=None),
    ("Params", "seed"): _with_params(seed=5),
    ("The sketch", "head"): _with_sketch(head=5),
    ("The sketch", "digest"): _with_sketch(digest=5),
    ("The sketch", "simhash"): _with_sketch(simhash=bytes(8)),
    ("The sketch", "shingles"): _with_sketch(shingles=(5,)),
    ("The sketch", "vector"): _with_sketch(vector=bytes(64)),
    ("The sketch", "chars"): _with_sketch(chars=5),
    ("The sketch", "words"): _with_sketch(words=5),
    ("The sketch", "distinct_ratio"): _with_sketch(distinct_ratio=0.5),
    ("The sketch", "symbol_ratio"): _with_sketch(symbol_ratio=0.5),
    ("The sketch", "opening"): _with_sketch(opening=5),
    ("The sketch", "cues"): _with_sketch(cues=31),
}
_NO_WINDOW = {("Fields", "id"), ("Fields", "client"), ("Fields", "prompt")}
"""The name of the profile, and what is used up before."""


def _remembered(change: _Change) -> bytes:
    profile = Profile()
    profile.observe(change(_base()))
    profile.observe(change(msgspec.structs.replace(_base(), id="2", output_tokens=70)))
    return state.encode(profile)


def test_every_field_is_tried() -> None:
    all_fields = {(heading, name) for heading in ("Fields", "Params", "The sketch") for name in _documented(heading)}
    assert set(_CHANGES) | _NO_WINDOW == all_fields


@pytest.mark.parametrize(("heading", "name"), _CHANGES)
def test_a_field_leaves_a_trace_in_the_profile_unless_the_page_says_that_nothing_reads_it(
    heading: str, name: str
) -> None:
    is_kept = _remembered(_CHANGES[heading, name]) != _remembered(lambda call: call)
    assert is_kept == (_documented(heading)[name][2] != _UNREAD)


def test_page_explains_every_reason_of_rejection() -> None:
    explained = [row[0].strip("`") for row in rows(section(page("calls"), "Dead letters")) if len(row) == 3]
    assert [reason for reason in RejectReason if reason not in explained] == []
