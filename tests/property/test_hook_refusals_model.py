"""Hooks that remember refusals answer as the limiter that they share would."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from stream_detector.adapters.memory import MemoryLimiter
from stream_detector.domain.decisions import Limit, Subject, SubjectKind
from stream_detector.domain.limits import Ask
from stream_detector.hook.refusals import Refusals

LIMIT = Limit(requests=6, window_s=60.0, burst=3)
TOM = Subject(SubjectKind.CLIENT, "tom")
BEGIN_S = 1_790_000_000.0
STEPS = st.tuples(
    st.sampled_from([0, 1]),
    st.sampled_from([0.0, 0.5, 3.0, 30.0]),
    st.integers(1, 4),
    st.sampled_from([None, 0, 7]),
)
"""Which hook is asked, seconds since the step before, what the call costs, and its tokens, which are not limited."""


@given(st.lists(STEPS, max_size=60))
def test_a_remembered_refusal_is_the_limiters_own_answer(steps: list[tuple[int, float, int, int | None]]) -> None:
    async def compare() -> None:
        shared, alone = MemoryLimiter(), MemoryLimiter()
        hooks = [Refusals(shared), Refusals(shared)]
        now_s = BEGIN_S
        for hook, passed_s, requests, tokens in steps:
            now_s += passed_s
            ask = Ask(requests=requests, input_tokens=tokens, output_tokens=tokens)
            answer = await hooks[hook].admit(TOM, LIMIT, now_s, ask)
            expected = await alone.admit(TOM, LIMIT, now_s, ask)
            assert (answer.allowed, answer.remaining) == (expected.allowed, expected.remaining)
            assert abs(answer.retry_after_s - expected.retry_after_s) < 1e-3
            assert abs(answer.reset_after_s - expected.reset_after_s) < 1e-3

    asyncio.run(compare())
