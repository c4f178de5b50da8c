"""What every ProfileStore does."""

from typing import Any

import pytest
from stores.backends import Run, Stores
from stores.samples import HOSTILE_NAMES, checkpoint

from stream_detector.domain.errors import OwnershipLost
from stream_detector.ports import Ownership

_P = 3


def test_an_untouched_partition_begins_before_its_first_record(stores: Stores, run: Run[Any]) -> None:
    ownership = run(stores.profiles.claim(_P))
    assert (ownership.partition, ownership.offset, ownership.partition_state) == (_P, -1, None)


def test_a_new_owner_finds_the_last_checkpoint(stores: Stores, run: Run[Any]) -> None:
    first = run(stores.profiles.claim(_P))
    run(stores.profiles.checkpoint(first, checkpoint(41, {"a": b"1", "b": b"2"}, state=b"early")))
    run(stores.profiles.checkpoint(first, checkpoint(97, {"a": b"3"}, state=b"late")))
    second = run(stores.profiles.claim(_P))
    assert (second.offset, second.partition_state) == (97, b"late")
    assert second.token > first.token
    assert run(stores.profiles.load(_P, ["a", "b"])) == [b"3", b"2"]


def test_profiles_come_in_the_order_asked_for(stores: Stores, run: Run[Any]) -> None:
    ownership = run(stores.profiles.claim(_P))
    run(stores.profiles.checkpoint(ownership, checkpoint(0, {"a": b"1", "b": b"2", "c": b"3"})))
    assert run(stores.profiles.load(_P, ["c", "unknown", "a", "c"])) == [b"3", None, b"1", b"3"]
    assert run(stores.profiles.load(_P, [])) == []


def test_a_checkpoint_without_profiles_moves_the_offset(stores: Stores, run: Run[Any]) -> None:
    ownership = run(stores.profiles.claim(_P))
    run(stores.profiles.checkpoint(ownership, checkpoint(7, {})))
    assert run(stores.profiles.claim(_P)).offset == 7


def test_partitions_share_nothing(stores: Stores, run: Run[Any]) -> None:
    three, four = run(stores.profiles.claim(3)), run(stores.profiles.claim(4))
    run(stores.profiles.checkpoint(three, checkpoint(1, {"a": b"of 3"}, partition=3)))
    run(stores.profiles.checkpoint(four, checkpoint(2, {"a": b"of 4"}, partition=4)))
    assert run(stores.profiles.load(3, ["a"])) == [b"of 3"]
    assert run(stores.profiles.load(4, ["a"])) == [b"of 4"]
    assert run(stores.profiles.claim(3)).offset == 1


def test_an_earlier_owner_writes_nothing(stores: Stores, run: Run[Any]) -> None:
    earlier = run(stores.profiles.claim(_P))
    run(stores.profiles.checkpoint(earlier, checkpoint(10, {"a": b"old"}, state=b"old")))
    later = run(stores.profiles.claim(_P))
    with pytest.raises(OwnershipLost, match=f"token {earlier.token} is not the latest"):
        run(stores.profiles.checkpoint(earlier, checkpoint(20, {"a": b"new", "b": b"new"}, state=b"new")))
    assert run(stores.profiles.load(_P, ["a", "b"])) == [b"old", None]
    run(stores.profiles.checkpoint(later, checkpoint(11, {"b": b"later"}, state=b"later")))
    found = run(stores.profiles.claim(_P))
    assert (found.offset, found.partition_state) == (11, b"later")


def test_nobody_writes_a_partition_that_was_never_claimed(stores: Stores, run: Run[Any]) -> None:
    made_up = Ownership(partition=_P, token=1, offset=-1, partition_state=None)
    with pytest.raises(OwnershipLost):
        run(stores.profiles.checkpoint(made_up, checkpoint(5, {"a": b"1"})))
    assert run(stores.profiles.load(_P, ["a"])) == [None]


def test_an_offset_never_goes_backwards(stores: Stores, run: Run[Any]) -> None:
    ownership = run(stores.profiles.claim(_P))
    run(stores.profiles.checkpoint(ownership, checkpoint(100, {"a": b"at 100"}, state=b"at 100")))
    with pytest.raises(OwnershipLost, match="offset 99 is behind the stored 100"):
        run(stores.profiles.checkpoint(ownership, checkpoint(99, {"a": b"at 99", "b": b"at 99"}, state=b"at 99")))
    found = run(stores.profiles.claim(_P))
    assert (found.offset, found.partition_state) == (100, b"at 100")
    assert run(stores.profiles.load(_P, ["a", "b"])) == [b"at 100", None]


def test_offsets_are_compared_as_numbers(stores: Stores, run: Run[Any]) -> None:
    ownership = run(stores.profiles.claim(_P))
    for offset in (9, 10, 99_999_999_999_999, 100_000_000_000_000, 100_000_000_000_001):
        run(stores.profiles.checkpoint(ownership, checkpoint(offset, {})))
    assert run(stores.profiles.claim(_P)).offset == 100_000_000_000_001


def test_the_same_checkpoint_may_be_written_twice(stores: Stores, run: Run[Any]) -> None:
    ownership = run(stores.profiles.claim(_P))
    for _ in range(2):
        run(stores.profiles.checkpoint(ownership, checkpoint(5, {"a": b"1"})))
    assert run(stores.profiles.load(_P, ["a"])) == [b"1"]


def test_any_client_id_keeps_its_own_profile(stores: Stores, run: Run[Any]) -> None:
    ownership = run(stores.profiles.claim(_P))
    profiles = {name: f"profile of {name}".encode() for name in HOSTILE_NAMES}
    run(stores.profiles.checkpoint(ownership, checkpoint(1, profiles, state=b"untouched")))
    assert run(stores.profiles.load(_P, HOSTILE_NAMES)) == list(profiles.values())
    found = run(stores.profiles.claim(_P))
    assert (found.offset, found.partition_state) == (1, b"untouched")


def test_any_bytes_come_back_unchanged(stores: Stores, run: Run[Any]) -> None:
    ownership = run(stores.profiles.claim(_P))
    blob = bytes(range(256)) + b"\r\n$5\r\n\x00"
    run(stores.profiles.checkpoint(ownership, checkpoint(1, {"a": blob, "empty": b""}, state=blob)))
    assert run(stores.profiles.load(_P, ["a", "empty"])) == [blob, b""]
    assert run(stores.profiles.claim(_P)).partition_state == blob


def test_twenty_thousand_profiles_are_one_checkpoint(stores: Stores, run: Run[Any]) -> None:
    ownership = run(stores.profiles.claim(_P))
    profiles = {f"acct-{number}": number.to_bytes(4, "big") * 500 for number in range(20_000)}
    run(stores.profiles.checkpoint(ownership, checkpoint(1, profiles)))
    assert run(stores.profiles.load(_P, list(profiles))) == list(profiles.values())
