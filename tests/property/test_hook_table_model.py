from gateways.hooks import decision
from hypothesis import given
from hypothesis import strategies as st

from stream_detector.domain.decisions import Action, Decision, SubjectKind
from stream_detector.hook.table import DecisionTable

times = st.floats(min_value=0, max_value=2000, allow_nan=False)
keys = st.sampled_from(["a", "b", "c", "d"])
puts = st.builds(
    lambda key, action, expires_at: decision(key, action, expires_at=expires_at),
    keys,
    st.sampled_from(list(Action)),
    times,
)
steps = st.lists(st.one_of(puts, times, st.integers(min_value=0, max_value=3)), max_size=60)


@given(steps)
def test_the_table_says_the_same_as_a_dictionary_whatever_is_swept_when(steps: list[Decision | float | int]) -> None:
    table, model, now_s = DecisionTable(), dict[str, Decision](), 0.0
    for step in steps:
        if isinstance(step, Decision):
            table.put(step)
            model[step.subject.key] = step
        elif isinstance(step, float):
            now_s = max(now_s, step)
        else:
            assert table.sweep(now_s, at_most=step) <= step
        for key in "abcd":
            standing = table.find(SubjectKind.CLIENT, key, now_s)
            expected = model.get(key)
            if expected is None or expected.expires_at <= now_s:
                assert standing is None
            else:
                assert standing is not None
                assert (standing.ruling.action, standing.expires_at) == (expected.action, expected.expires_at)
        assert sum(table.counts().values()) == len(table)


@given(st.lists(puts, max_size=60))
def test_nothing_is_left_once_everything_has_expired_and_was_swept(decisions: list[Decision]) -> None:
    table = DecisionTable()
    for each in decisions:
        table.put(each)

    while table.sweep(5000.0, at_most=7) == 7:
        pass

    assert len(table) == 0
    assert not table.counts()
