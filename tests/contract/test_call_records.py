"""What a record of the calls topic may hold, and what becomes of bad ones."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_detector.domain.calls import ApiCall, Params, Sketch
from stream_detector.domain.errors import RejectReason
from stream_detector.wire import calls as wire

MAX_BYTES = 1 << 20
GOOD = {"id": "1", "ts": 1_767_225_600.0, "client": "acct-1"}


def decode(value: bytes) -> wire.Decoded:
    return wire.decode(value, max_bytes=MAX_BYTES)


def as_json(**fields: object) -> bytes:
    return json.dumps(GOOD | fields).encode()


def only_error(value: bytes) -> wire.Rejected:
    decoded = decode(value)
    assert decoded.calls == []
    (rejected,) = decoded.rejected
    return rejected


def full_call() -> ApiCall:
    sketch = Sketch(
        head=2**53 - 1,
        digest=1,
        simhash=bytes(range(8)),
        shingles=(1, 2**32 - 1),
        vector=bytes(64),
        chars=10,
        words=2,
        distinct_ratio=1.0,
        symbol_ratio=0.0,
        cues=5,
    )
    params = Params(
        temperature=0.0, top_p=1.0, n=2, max_tokens=1, logprobs=True, top_logprobs=5, logit_bias={"17": -100.0}, seed=-3
    )
    return ApiCall(
        id="1",
        ts=1.5,
        client="ключ 🔑",
        ip="2001:db8::1",
        status=429,
        latency_ms=0.0,
        stream=True,
        input_tokens=0,
        output_tokens=10**9,
        finish="stop",
        params=params,
        sketch=sketch,
    )


def test_one_call_as_json() -> None:
    assert decode(wire.encode(full_call())).calls == [full_call()]


def test_one_call_as_messagepack() -> None:
    assert decode(msgspec.msgpack.encode(full_call())).calls == [full_call()]


def test_a_batch_as_messagepack_and_as_json() -> None:
    batch = [full_call(), full_call()]
    assert decode(wire.encode_batch(batch)).calls == batch
    assert decode(b" \n" + msgspec.json.encode(batch)).calls == batch


def test_an_empty_batch_is_no_error() -> None:
    assert decode(b"[]") == wire.Decoded([], [])


def test_unknown_fields_are_ignored() -> None:
    assert decode(as_json(colour="blue", nested={"a": [1]})).calls[0].client == "acct-1"


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"output_tokens": -1}, "output_tokens: must be >= 0 and <= 1000000000, got '-1'"),
        ({"ts": "now"}, "ts: expected `float`, got `str`"),
        ({"ts": -5}, "ts: must be >= 0"),
        ({"ts": 1e300}, "ts: must be >= 0 and <= 32503680000"),
        ({"status": 42}, "status: must be >= 100 and <= 599, got '42'"),
        ({"client": ""}, "client: must be at least 1 long"),
        ({"client": "x" * 257}, "client: must be at least 1 long and at most 256 long"),
        ({"client": 5}, "client: expected `str`, got `int`"),
        ({"client": "a\x00b"}, "client: must be printable"),
        ({"client": "a\nFAKE LOG LINE"}, "client: must be printable"),
        ({"client": "a\u202eb"}, "client: must be printable"),
        ({"id": "\x1b[31m"}, "id: must be printable"),
        ({"ip": "999.1.1.1"}, "ip: must be an IPv4 or IPv6 address, got '999.1.1.1'"),
        ({"ip": "1.2.3.4; DROP"}, "ip: must be an IPv4 or IPv6 address"),
        ({"params": {"temperature": -1}}, "params.temperature: must be >= 0 and <= 100"),
        ({"params": {"logit_bias": {str(n): 1 for n in range(1025)}}}, "params.logit_bias: must be at most 1024 long"),
        ({"params": {"logit_bias": {"x" * 33: 1}}}, "params.logit_bias: a name in it: expected `str` of length <= 32"),
        ({"sketch": {"head": 1}}, "sketch: object missing required field `digest`"),
        ({"prompt": 17}, "prompt: expected `str | null`, got `int`"),
    ],
)
def test_a_bad_field_is_named_with_value_and_range(fields: dict[str, object], detail: str) -> None:
    rejected = only_error(as_json(**fields))
    assert rejected.error.reason is RejectReason.INVALID_FIELD
    assert detail in rejected.error.detail


@pytest.mark.parametrize("field", ["id", "ts", "client"])
def test_a_missing_field_is_named(field: str) -> None:
    value = json.dumps({name: value for name, value in GOOD.items() if name != field}).encode()
    assert only_error(value).error.detail == f"object missing required field `{field}`"


@pytest.mark.parametrize(
    "value",
    [b"", b"{", b"hello", b"\xff\xfe\x00", b"null", b"[" * 100_000, b'{"id":"1","ts":NaN,"client":"c"}', b"\x93\x01"],
    ids=["empty", "truncated", "text", "binary", "null", "deep", "nan", "truncated batch"],
)
def test_what_is_no_call_is_unreadable(value: bytes) -> None:
    assert only_error(value).error.reason is RejectReason.UNREADABLE


def test_nan_in_messagepack_is_refused() -> None:
    rejected = only_error(msgspec.msgpack.encode(GOOD | {"ts": float("nan")}))
    assert rejected.error.detail.startswith("ts: must be >= 0")


def test_a_tombstone_is_unreadable() -> None:
    (rejected,) = wire.decode(None, max_bytes=MAX_BYTES).rejected
    assert rejected.error.detail == "the record is empty"


def test_a_huge_record_is_refused_unread() -> None:
    rejected = only_error(as_json(prompt="x" * 10_000_000))
    assert rejected.error.reason is RejectReason.TOO_LARGE
    assert "must be at most 1048576 bytes" in rejected.error.detail


def test_a_bad_call_does_not_harm_its_batch() -> None:
    batch = [GOOD, GOOD | {"ts": "x"}, 5, GOOD | {"client": "acct-2"}]
    for value in (json.dumps(batch).encode(), msgspec.msgpack.encode(batch)):
        decoded = decode(value)
        assert [call.client for call in decoded.calls] == ["acct-1", "acct-2"]
        assert [rejected.index for rejected in decoded.rejected] == [1, 2]


def test_the_prompt_never_gets_into_an_error() -> None:
    secret = "my secret question"  # noqa: S105 - a prompt, not a password
    values = [
        as_json(prompt=secret, ts="x"),
        as_json(prompt=secret, sketch={"head": secret}),
        as_json(prompt=[secret]),
        as_json(prompt=secret, params={"temperature": secret}),
        json.dumps([GOOD | {"prompt": secret, "status": 5}]).encode(),
        as_json(prompt=secret)[:-2],
    ]
    for value in values:
        for rejected in decode(value).rejected:
            assert secret not in str(rejected)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_never_raise(value: bytes) -> None:
    decoded = decode(value)
    assert len(decoded.calls) + len(decoded.rejected) >= 1 or value.strip() in {b"[]", b"\x90"}


_plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*ApiCall.__struct_fields__, "other"]), _plain))
def test_arbitrary_fields_never_raise(fields: dict[str, object]) -> None:
    decoded = decode(msgspec.msgpack.encode(fields))
    assert len(decoded.calls) + len(decoded.rejected) == 1
