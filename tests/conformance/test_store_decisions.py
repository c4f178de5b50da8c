"""What every DecisionStore does."""

import asyncio
from contextlib import aclosing
from typing import Any

from stores.backends import Run, Stores, next_change
from stores.samples import HOSTILE_NAMES, HOUR_S, NOON_S, from_engine, from_operator, subject

from stream_detector.domain.decisions import Action, Decision, Mode, Reason, SubjectKind
from stream_detector.domain.signals import Family
from stream_detector.ports import Stored

_END_S = NOON_S + HOUR_S


def _put(stores: Stores, run: Run[Any], *decisions: Decision, now_s: float = NOON_S) -> list[bool]:
    return run(stores.decisions.put(decisions, now_s))  # type: ignore[no-any-return]


def _standing(stores: Stores, run: Run[Any], now_s: float = NOON_S) -> list[Decision]:
    return sorted(run(stores.decisions.standing(now_s)), key=lambda one: (one.subject.kind, one.subject.key))


def test_a_decision_stands_with_everything_it_says(stores: Stores, run: Run[Any]) -> None:
    reason = Reason("volume_spike", Family.VOLUME, 0.97, 3.2, {"rate_per_s": 0.1 + 0.2})
    decision = from_engine(offset=7, mode=Mode.SHADOW, reasons=(reason,), note="нота\n\x00")
    assert _put(stores, run, decision) == [True]
    assert _standing(stores, run) == [decision]


def test_the_newest_decision_of_a_subject_counts(stores: Stores, run: Run[Any]) -> None:
    newest = from_engine(offset=9, action=Action.BLOCK)
    assert _put(stores, run, from_engine(offset=3), newest) == [True, True]
    assert _standing(stores, run) == [newest]


def test_kinds_of_subjects_do_not_mix(stores: Stores, run: Run[Any]) -> None:
    decisions = [from_engine(offset=1, subject=subject("same", kind)) for kind in SubjectKind]
    assert _put(stores, run, *decisions) == [True] * 4
    assert {one.subject.kind for one in _standing(stores, run)} == set(SubjectKind)


def test_any_subject_keeps_its_own_decision(stores: Stores, run: Run[Any]) -> None:
    decisions = [from_engine(name, offset=1, note=name) for name in HOSTILE_NAMES]
    assert _put(stores, run, *decisions) == [True] * len(decisions)
    assert _standing(stores, run) == sorted(decisions, key=lambda one: one.subject.key)


def test_a_decision_stands_until_it_expires(stores: Stores, run: Run[Any]) -> None:
    decision = from_engine(offset=1)
    _put(stores, run, decision)
    assert _standing(stores, run, _END_S - 0.001) == [decision]
    assert _standing(stores, run, _END_S) == []


def test_a_replay_is_refused(stores: Stores, run: Run[Any]) -> None:
    newest = from_engine(offset=10, action=Action.BLOCK)
    _put(stores, run, newest)
    assert _put(stores, run, newest, from_engine(offset=9), from_engine(offset=10)) == [False, False, False]
    assert _standing(stores, run) == [newest]


def test_offsets_of_partitions_are_counted_apart(stores: Stores, run: Run[Any]) -> None:
    assert _put(stores, run, from_engine(offset=1000, partition=0)) == [True]
    assert _put(stores, run, from_engine(offset=5, partition=1)) == [True]
    assert _put(stores, run, from_engine(offset=999, partition=0), from_engine(offset=5, partition=1)) == [False, False]
    assert _put(stores, run, from_engine(offset=1001, partition=0)) == [True]


def test_offsets_of_decisions_are_compared_as_numbers(stores: Stores, run: Run[Any]) -> None:
    offsets = (9, 10, 99_999_999_999_999, 100_000_000_000_000, 100_000_000_000_001, 1 << 52)
    assert _put(stores, run, *[from_engine(offset=offset) for offset in offsets]) == [True] * len(offsets)
    assert _put(stores, run, from_engine(offset=(1 << 52) - 1)) == [False]


def test_of_several_decisions_from_one_record_the_last_stands(stores: Stores, run: Run[Any]) -> None:
    last = from_engine(offset=4, action=Action.BLOCK)
    other = from_engine("acct-2", offset=4)
    assert _put(stores, run, from_engine(offset=4), other, last) == [True, True, True]
    assert _standing(stores, run) == [last, other]
    assert _put(stores, run, from_engine(offset=4), last) == [False, False]


def test_an_operator_is_never_refused(stores: Stores, run: Run[Any]) -> None:
    _put(stores, run, from_engine(offset=5))
    block = from_operator(action=Action.BLOCK, expires_at=_END_S)
    allow = from_operator(action=Action.ALLOW, expires_at=_END_S)
    assert _put(stores, run, allow, block, block) == [True, True, True]
    assert _standing(stores, run) == [block]


def test_a_live_pardon_outranks_the_engine(stores: Stores, run: Run[Any]) -> None:
    pardon = from_operator(action=Action.ALLOW, expires_at=_END_S)
    _put(stores, run, pardon)
    assert _put(stores, run, from_engine(offset=5), now_s=_END_S - 0.001) == [Stored.PARDONED]
    assert _standing(stores, run) == [pardon]
    assert _put(stores, run, from_engine("acct-2", offset=5)) == [True]


def test_after_the_pardon_the_engine_decides_again(stores: Stores, run: Run[Any]) -> None:
    _put(stores, run, from_operator(action=Action.ALLOW, expires_at=_END_S))
    decision = from_engine(offset=6, expires_at=_END_S + HOUR_S)
    assert _put(stores, run, decision, now_s=_END_S) == [True]
    assert _standing(stores, run, _END_S) == [decision]


def test_what_the_pardon_refused_stays_refused_when_it_is_replayed(stores: Stores, run: Run[Any]) -> None:
    _put(stores, run, from_operator(action=Action.ALLOW, expires_at=_END_S))
    assert _put(stores, run, from_engine(offset=6)) == [Stored.PARDONED]
    assert _put(stores, run, from_engine(offset=6), now_s=_END_S + 1) == [False]


def test_only_an_allow_pardons(stores: Stores, run: Run[Any]) -> None:
    _put(stores, run, from_operator(action=Action.BLOCK, expires_at=_END_S))
    assert _put(stores, run, from_engine(offset=5)) == [True]
    _put(stores, run, from_engine(offset=6, action=Action.ALLOW))
    assert _put(stores, run, from_engine(offset=7)) == [True]


def test_an_operator_takes_a_pardon_back(stores: Stores, run: Run[Any]) -> None:
    _put(stores, run, from_operator(action=Action.ALLOW, expires_at=_END_S))
    _put(stores, run, from_operator(action=Action.MARK, expires_at=_END_S))
    assert _put(stores, run, from_engine(offset=5)) == [True]


def test_an_operator_does_not_make_replays_new(stores: Stores, run: Run[Any]) -> None:
    _put(stores, run, from_engine(offset=10))
    block = from_operator(action=Action.BLOCK, expires_at=_END_S)
    _put(stores, run, block)
    assert _put(stores, run, from_engine(offset=10)) == [False]
    assert _standing(stores, run) == [block]


def test_nothing_to_put_is_no_error(stores: Stores, run: Run[Any]) -> None:
    assert _put(stores, run) == []
    assert _standing(stores, run) == []


def test_a_few_thousand_decisions_stand_together(stores: Stores, run: Run[Any]) -> None:
    decisions = [from_engine(f"acct-{number:04}", offset=number) for number in range(3000)]
    assert all(_put(stores, run, *decisions))
    assert _standing(stores, run) == decisions


def test_whoever_listens_before_reading_misses_nothing(stores: Stores, run: Run[Any]) -> None:
    async def follow() -> tuple[Decision | None, list[str], list[str]]:
        async with aclosing(stores.decisions.changes()) as changes:
            async with asyncio.timeout(30):
                first = await anext(changes)
            await stores.decisions.put([from_engine("before", offset=1)], NOON_S)
            read = await stores.decisions.standing(NOON_S)
            await stores.decisions.put([from_engine("after", offset=2)], NOON_S)
            heard = [(await next_change(changes)).subject.key for _ in range(2)]
            return first, [one.subject.key for one in read], heard

    assert run(follow()) == (None, ["before"], ["before", "after"])


def test_every_listener_hears_what_is_taken_and_nothing_else(stores: Stores, run: Run[Any]) -> None:
    pardon = from_operator("pardoned", action=Action.ALLOW, expires_at=_END_S)
    taken, last = from_engine(offset=2), from_engine("last", offset=1)

    async def follow() -> list[list[Decision]]:
        async with aclosing(stores.decisions.changes()) as one, aclosing(stores.decisions.changes()) as two:
            await anext(one)
            await anext(two)
            batch = [taken, from_engine(offset=1), pardon, from_engine("pardoned", offset=1), last]
            await stores.decisions.put(batch, NOON_S)
            return [[await next_change(changes) for _ in range(3)] for changes in (one, two)]

    assert run(follow()) == [[taken, pardon, last]] * 2


def test_silence_is_proof_of_life(stores: Stores, run: Run[Any]) -> None:
    async def follow() -> list[Decision | None]:
        async with aclosing(stores.decisions.changes()) as changes, asyncio.timeout(30):
            return [await anext(changes) for _ in range(3)]

    assert run(follow()) == [None, None, None]


def test_a_busy_channel_still_gives_proof_of_life(stores: Stores, run: Run[Any]) -> None:
    async def follow() -> int:
        proofs = offset = 0
        async with aclosing(stores.decisions.changes()) as changes, asyncio.timeout(60):
            while proofs < 3:
                if await anext(changes) is None:
                    proofs += 1
                offset += 1
                await stores.decisions.put([from_engine(offset=offset)], NOON_S)
        return proofs

    assert run(follow()) == 3


def test_listeners_come_and_go(stores: Stores, run: Run[Any]) -> None:
    async def follow(offset: int) -> Decision:
        async with aclosing(stores.decisions.changes()) as changes:
            await anext(changes)
            await stores.decisions.put([from_engine(offset=offset)], NOON_S)
            return await next_change(changes)

    assert [run(follow(offset)).source.offset for offset in range(1, 20)] == list(range(1, 20))


def test_whoever_writes_first_the_pardon_stands(stores: Stores, run: Run[Any]) -> None:
    pardon = from_operator(action=Action.ALLOW, expires_at=_END_S)
    writes = [[from_engine(offset=offset)] for offset in range(50)]
    writes.insert(25, [pardon])

    async def write() -> None:
        await asyncio.gather(*[stores.decisions.put(decisions, NOON_S) for decisions in writes])

    run(write())
    assert _standing(stores, run) == [pardon]
