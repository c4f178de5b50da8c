import asyncio

import pytest
from gateways.hooks import decision

from stream_detector.hook.changes import ChangeLog


def keys(log: ChangeLog, position: str) -> list[str] | None:
    found = log.after(position)
    return None if found is None else [change.subject.key for _, change in found]


def test_what_was_missed_is_told_in_order_and_once() -> None:
    log = ChangeLog()
    start = log.position
    for key in ("a", "b", "c"):
        log.add(decision(key))
    assert keys(log, start) == ["a", "b", "c"]
    found = log.after(start)
    assert found
    assert [keys(log, position) for position, _ in found] == [["b", "c"], ["c"], []]
    assert found[-1][0] == log.position


def test_who_is_too_far_behind_has_to_read_everything() -> None:
    log = ChangeLog(kept=2)
    start = log.position
    log.add(decision("a"))
    second = log.position
    for key in ("b", "c"):
        log.add(decision(key))
    assert keys(log, start) is None
    assert keys(log, second) == ["b", "c"]


def test_after_the_table_was_read_anew_no_position_holds() -> None:
    log = ChangeLog()
    log.add(decision("a"))
    before = log.position
    log.restart()
    assert log.position != before
    assert keys(log, before) is None
    assert keys(log, log.position) == []


@pytest.mark.parametrize("tail", ["", ".", ".x", ".-1", ".1", ".999999999999999999999", ".\u0660"])
def test_positions_that_never_were_are_not_known(tail: str) -> None:
    log = ChangeLog()
    assert log.after(log.position.partition(".")[0] + tail) is None


def test_positions_of_another_process_are_not_known() -> None:
    assert ChangeLog().after(ChangeLog().position) is None


def test_waiting_ends_with_the_next_change_or_the_time() -> None:
    async def wait() -> list[bool]:
        log = ChangeLog()
        start = log.position
        in_vain = await log.beyond(start, 0.0)
        waiting = asyncio.create_task(log.beyond(start, 60.0))
        await asyncio.sleep(0)
        log.add(decision("a"))
        return [in_vain, await waiting, await log.beyond(start, 0.0)]

    assert asyncio.run(wait()) == [False, True, True]
