"""Halves of calls become calls, and no id makes a call vanish."""

from hypothesis import given
from hypothesis import strategies as st

from stream_detector.domain.calls import ApiCall
from stream_detector.service.pairing import Pairing, PairingOptions, Plan
from stream_detector.wire.sources.events import Event, Part

_OPTIONS = PairingOptions(wait_s=10.0, most_waiting=3, most_remembered=100)


def _request(number: int = 1, client: str = "a", ts: float = 5.0) -> Event:
    return Event(Part.REQUEST, ApiCall(id=f"{number}", ts=ts, client=client, ip="192.0.2.1", model="asked"))


def _completion(number: int = 1, client: str = "", ts: float = 7.0) -> Event:
    return Event(Part.COMPLETION, ApiCall(id=f"{number}", ts=ts, client=client, output_tokens=9, model="given"))


def _whole(number: int = 1, client: str = "a", ts: float = 5.0) -> Event:
    return Event(Part.WHOLE, ApiCall(id=f"{number}", ts=ts, client=client))


def _take(pairing: Pairing, *events: Event, now_s: float = 0.0) -> Plan:
    plan = pairing.plan(events, now_s)
    pairing.commit(plan)
    return plan


def test_halves_are_merged_whichever_comes_first() -> None:
    merged = ApiCall(id="1", ts=5.0, client="a", ip="192.0.2.1", model="given", output_tokens=9)
    for first, second in ((_request(), _completion()), (_completion(), _request())):
        pairing = Pairing(_OPTIONS)
        assert _take(pairing, first).calls == []
        assert _take(pairing, second).calls == [merged]
        assert len(pairing) == 0
    assert _take(Pairing(_OPTIONS), _request(), _completion()).calls == [merged]


def test_a_half_that_waited_in_vain_goes_out_alone_once() -> None:
    pairing = Pairing(_OPTIONS)
    _take(pairing, _request())
    assert _take(pairing, now_s=9.9).calls == []
    late = _take(pairing, now_s=10.0)
    assert (late.calls, late.unpaired) == ([_request().call], 1)
    assert _take(pairing, now_s=20.0).calls == []


def test_tokens_of_a_late_completion_count() -> None:
    pairing = Pairing(_OPTIONS)
    _take(pairing, _request())
    _take(pairing, now_s=10.0)
    _take(pairing, _completion(client="a"), now_s=11.0)
    assert [call.output_tokens for call in _take(pairing, now_s=21.0).calls] == [9]


def test_a_completion_without_client_cannot_be_used_alone() -> None:
    pairing = Pairing(_OPTIONS)
    _take(pairing, _completion())
    plan = _take(pairing, now_s=10.0)
    assert plan.calls == []
    assert plan.refused[0].error.detail.startswith("client: missing, and no request")


def test_halves_of_two_clients_are_no_call() -> None:
    plan = _take(Pairing(_OPTIONS), _request(client="a"), _completion(client="b"))
    assert (plan.calls, len(plan.waiting)) == ([], 2)


def test_a_plan_that_was_not_written_changed_nothing() -> None:
    pairing = Pairing(_OPTIONS)
    _take(pairing, _request(1), _request(2))
    events = [_completion(1), _whole(3)]
    failed = pairing.plan(events, 1.0)
    again = _take(pairing, *events, now_s=2.0)
    assert failed.calls == again.calls
    assert [call.id for call in again.calls] == ["1", "3"]


def test_what_was_sent_again_is_dropped() -> None:
    pairing = Pairing(_OPTIONS)
    _take(pairing, _whole(), _request(2), _completion(2), _request(3))
    plan = _take(pairing, _whole(), _request(2), _completion(2), _request(3))
    assert (plan.calls, plan.duplicates, len(pairing)) == ([], 4, 1)


def test_an_id_that_a_client_repeats_hides_no_call() -> None:
    plan = _take(Pairing(_OPTIONS), *(_whole(1, ts=float(second)) for second in range(5)), _whole(1, client="b"))
    assert len(plan.calls) == 6


def test_of_two_requests_with_one_id_both_go_out() -> None:
    pairing = Pairing(_OPTIONS)
    plan = _take(pairing, _request(1, ts=5.0), _request(1, ts=6.0), _completion(1))
    assert [(call.ts, call.output_tokens) for call in plan.calls] == [(5.0, None), (6.0, 9)]


def test_the_oldest_halves_make_room() -> None:
    pairing = Pairing(_OPTIONS)
    plan = _take(pairing, *map(_request, range(5)))
    assert ([call.id for call in plan.calls], len(pairing)) == (["0", "1"], 3)
    assert [call.id for call in _take(pairing, _request(7)).calls] == ["2"]


def test_at_the_end_every_half_goes_out() -> None:
    pairing = Pairing(_OPTIONS)
    _take(pairing, _request(1), _request(2))
    assert [call.id for call in pairing.drain().calls] == ["1", "2"]


def test_what_waits_is_held_and_so_is_the_same_when_it_is_sent_again() -> None:
    waiting, paired = [_request(1)], [_request(2), _completion(2), _whole(3)]
    pairing = Pairing(_OPTIONS)
    plan = pairing.plan([*waiting, *paired], 0.0)
    assert not pairing.holds(waiting)  # not before it is remembered
    pairing.commit(plan)
    for _ in range(2):
        assert (pairing.holds(waiting), pairing.holds(paired), pairing.holds([])) == (True, False, False)
        _take(pairing, *waiting, *paired)
    again, other = _request(1), _request(1, client="b")
    assert (pairing.holds([again]), pairing.holds([other])) == (True, False)
    _take(pairing, _completion(1))
    assert not pairing.holds([again])


_EVENTS = st.lists(
    st.builds(
        lambda make, number, client, ts: make(number, client, ts),
        st.sampled_from([_request, _completion, _whole]),
        st.integers(1, 4),
        st.sampled_from(["a", "b"]),
        st.sampled_from([5.0, 6.0, 7.0]),
    ),
    max_size=30,
)


@given(batches=st.lists(_EVENTS, max_size=5))
def test_whatever_comes_every_event_is_in_exactly_one_call(batches: list[list[Event]]) -> None:
    """Counted by what only one kind of event says: requests an address, completions tokens, the others neither."""
    pairing, calls = Pairing(_OPTIONS), []
    for now_s, events in enumerate(batches):
        calls += _take(pairing, *events, now_s=now_s * 4.0).calls
        assert len(pairing) <= _OPTIONS.most_waiting
    calls += pairing.drain().calls
    distinct = {(event.part, event.call.id, event.call.client, event.call.ts) for events in batches for event in events}
    sent = [part for part, *_ in distinct]
    assert sum(call.ip is not None for call in calls) == sent.count(Part.REQUEST)
    assert sum(call.output_tokens is not None for call in calls) == sent.count(Part.COMPLETION)
    assert sum(call.ip is None and call.output_tokens is None for call in calls) == sent.count(Part.WHOLE)
