"""From a planned request to a call event, and to the event of a denied one."""

from random import Random

import pytest

from stream_detector.domain.calls import ApiCall, Params
from stream_detector.simulate.arrivals import Span
from stream_detector.simulate.client import Client, Label, Stream, calls_of
from stream_detector.simulate.network import Origin
from stream_detector.simulate.outcome import Content, Failures, Identity, Request, Sent, answered, refused

ACCOUNT = Identity(
    client="acct_1",
    org="org_1",
    tier="pro",
    quota=100.0,
    created_ts=5.0,
    country="DE",
    time_zone="Europe/Berlin",
    payment="p",
)
ORIGIN = Origin("198.51.100.7", "tool/1.0", "t13d_x_y")
SPAN = Span(1_000.0, 2_000.0)


def request(**changes: object) -> Request:
    fields = {"text": "x" * 400, "model": "large-3", "route": "/v1/messages", "answer_tokens": 50, **changes}
    return Request(**fields)  # type: ignore[arg-type]


def answer(asked: Request, failures: Failures | None = None, seed: int = 1) -> ApiCall:
    sent = Sent(id="acct_1.1", ts=1_000.0, request=asked, origin=ORIGIN)
    return answered(
        ACCOUNT, sent, Content(prompt=asked.text), failures or Failures(overloaded=0, invalid=0), Random(seed)
    )


def client(failures: Failures, times: list[float]) -> Client:
    class Fixed:
        def at(self, ts: float) -> Origin:  # noqa: ARG002
            return ORIGIN

    stream = Stream(iter(times), (request(text=f"question {number}") for number in range(len(times))), Fixed())
    return Client(identity=ACCOUNT, label=Label(None, "x"), streams=(stream,), failures=failures, rng=Random(2))


def test_a_good_answer_has_tokens_latency_and_a_finish() -> None:
    call = answer(request(context_tokens=30))
    assert (call.status, call.input_tokens, call.output_tokens) == (200, 130, 50)
    assert call.finish in {"stop", "refusal"}
    assert call.latency_ms is not None
    assert call.latency_ms > 100


def test_an_answer_is_cut_at_max_tokens() -> None:
    call = answer(request(params=Params(max_tokens=1)))
    assert (call.output_tokens, call.finish) == (1, "length")


def test_several_answers_cost_their_tokens_each() -> None:
    assert answer(request(params=Params(n=4))).output_tokens == 200


def test_a_failed_call_generates_nothing() -> None:
    call = answer(request(), Failures(overloaded=1.0))
    assert call.status in {429, 500, 503, 529}
    assert (call.output_tokens, call.finish) == (0, "error")
    assert answer(request(), Failures(overloaded=0.0, invalid=1.0)).status == 400


@pytest.mark.parametrize("status", [403, 429])
def test_a_refused_call_keeps_its_sender_and_prompt_and_has_no_answer(status: int) -> None:
    call = answer(request())
    denied = refused(call, status)
    assert (denied.status, denied.output_tokens, denied.finish) == (status, 0, "error")
    assert (denied.id, denied.ts, denied.client, denied.prompt, denied.ip) == (
        call.id,
        call.ts,
        call.client,
        call.prompt,
        call.ip,
    )


def test_only_what_a_gateway_answers_is_a_refusal() -> None:
    with pytest.raises(ValueError, match="403, 429"):
        refused(answer(request()), 200)


def test_a_client_sends_a_failed_call_again_after_its_fixed_wait_in_time_order() -> None:
    failures = Failures(overloaded=1.0, first_retry_s=60.0, growth=1.0, retries=2)
    calls = list(calls_of(client(failures, [1000.0, 1030.0, 1500.0]), SPAN.end_s, lambda text: Content(prompt=text)))
    assert [call.ts for call in calls] == sorted(call.ts for call in calls)
    assert len({call.id for call in calls}) == 9
    first = [call.ts for call in calls if call.prompt == "question 0"]
    assert len(first) == 3
    assert 60 <= first[1] - first[0] < 61
    assert 60 <= first[2] - first[1] < 61


def test_waits_grow_where_the_software_backs_off() -> None:
    failures = Failures(overloaded=1.0, first_retry_s=1.0, growth=10.0, retries=2)
    first, second, third = (
        call.ts for call in calls_of(client(failures, [1000.0]), SPAN.end_s, lambda text: Content(prompt=text))
    )
    assert third - second > 5 * (second - first)


def test_no_call_is_sent_again_after_the_end() -> None:
    failures = Failures(overloaded=1.0, first_retry_s=600.0, growth=1.0, retries=9)
    calls = list(calls_of(client(failures, [1000.0]), SPAN.end_s, lambda text: Content(prompt=text)))
    assert len(calls) == 2
