import msgspec
from gateways.hooks import NOON_S, decision

from stream_detector.domain.decisions import Action, Decision, Limit, Mode, SubjectKind
from stream_detector.hook.table import DecisionTable

CLIENT = SubjectKind.CLIENT


def table_of(*decisions: Decision) -> DecisionTable:
    table = DecisionTable()
    for each in decisions:
        table.put(each)
    return table


def action_of(table: DecisionTable, key: str, now_s: float = NOON_S) -> Action | None:
    standing = table.find(CLIENT, key, now_s)
    return standing and standing.ruling.action


def test_an_unknown_subject_has_no_standing_decision() -> None:
    assert table_of(decision("alice")).find(CLIENT, "bob", NOON_S) is None


def test_the_newest_decision_of_a_subject_counts() -> None:
    table = table_of(decision("alice", Action.BLOCK), decision("alice", Action.ALLOW))

    assert action_of(table, "alice") is Action.ALLOW
    assert len(table) == 1


def test_a_decision_is_over_at_its_expiry() -> None:
    table = table_of(decision("alice", expires_at=NOON_S + 10))

    assert action_of(table, "alice", NOON_S + 9.999) is Action.BLOCK
    assert action_of(table, "alice", NOON_S + 10) is None


def test_subjects_of_different_kinds_do_not_mix() -> None:
    table = table_of(decision("10.0.0.0/24", Action.BLOCK, kind=SubjectKind.NETWORK))

    assert table.find(CLIENT, "10.0.0.0/24", NOON_S) is None
    assert table.find(SubjectKind.NETWORK, "10.0.0.0/24", NOON_S) is not None


def test_equal_rulings_are_one_object() -> None:
    table = table_of(
        decision("alice", Action.THROTTLE, limit=Limit(requests=5, window_s=60.0, burst=2)),
        decision("bob", Action.THROTTLE, limit=Limit(requests=5, window_s=60.0, burst=2), expires_at=NOON_S + 1),
    )
    alice, bob = table.find(CLIENT, "alice", NOON_S), table.find(CLIENT, "bob", NOON_S)

    assert alice is not None
    assert bob is not None
    assert alice.ruling is bob.ruling


def test_a_throttle_without_a_limit_is_not_enforced() -> None:
    limitless = msgspec.structs.replace(decision("alice", Action.THROTTLE), limit=None)
    standing = table_of(limitless).find(CLIENT, "alice", NOON_S)

    assert standing is not None
    assert standing.ruling.mode is Mode.SHADOW


def test_sweeping_forgets_the_expired_and_keeps_the_rest() -> None:
    table = table_of(decision("alice", expires_at=NOON_S + 10), decision("bob", expires_at=NOON_S + 1000))

    table.sweep(NOON_S + 100, at_most=10)

    assert len(table) == 1
    assert action_of(table, "bob", NOON_S + 100) is Action.BLOCK


def test_one_sweep_looks_at_no_more_subjects_than_allowed() -> None:
    table = table_of(*(decision(f"client-{number}", expires_at=NOON_S) for number in range(25)))

    looked = [table.sweep(NOON_S + 100, at_most=10) for _ in range(4)]

    assert looked == [10, 10, 5, 0]
    assert len(table) == 0


def test_a_renewed_decision_survives_the_sweep_at_its_first_expiry() -> None:
    table = table_of(decision("alice", expires_at=NOON_S + 10), decision("alice", expires_at=NOON_S + 1000))

    table.sweep(NOON_S + 100, at_most=10)
    assert action_of(table, "alice", NOON_S + 100) is Action.BLOCK

    table.sweep(NOON_S + 1100, at_most=10)
    assert len(table) == 0


def test_a_shortened_decision_is_swept_at_its_new_expiry() -> None:
    table = table_of(decision("alice", expires_at=NOON_S + 100_000), decision("alice", expires_at=NOON_S + 10))

    table.sweep(NOON_S + 100, at_most=10)

    assert len(table) == 0


def test_counts_follow_replacements_and_sweeps() -> None:
    table = table_of(
        decision("alice", Action.BLOCK),
        decision("alice", Action.ALLOW),
        decision("bob", Action.MARK, mode=Mode.SHADOW),
        decision("carol", Action.BLOCK, expires_at=NOON_S + 1),
    )
    assert dict(table.counts()) == {
        (Action.ALLOW, Mode.ENFORCE): 1,
        (Action.MARK, Mode.SHADOW): 1,
        (Action.BLOCK, Mode.ENFORCE): 1,
    }

    table.sweep(NOON_S + 100, at_most=10)

    assert (Action.BLOCK, Mode.ENFORCE) not in table.counts()


def test_exchanged_tables_have_each_others_contents() -> None:
    old, new = table_of(decision("alice")), table_of(decision("bob", Action.MARK))

    old.exchange(new)

    assert (action_of(old, "alice"), action_of(old, "bob")) == (None, Action.MARK)
    assert action_of(new, "alice") is Action.BLOCK
    assert dict(old.counts()) == {(Action.MARK, Mode.ENFORCE): 1}


def test_a_decision_without_end_stands() -> None:
    table = table_of(decision("alice", expires_at=float("inf")))

    table.sweep(NOON_S, at_most=10)

    assert action_of(table, "alice") is Action.BLOCK
