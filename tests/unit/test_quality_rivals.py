"""Each rival finds its own textbook case, and stays silent on its own null."""

from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy

import numpy as np
import numpy.typing as npt
import pytest

from stream_detector.domain.calls import VECTOR_DIMENSIONS, ApiCall, Params, Sketch
from stream_detector.quality.rivals.base import Rival
from stream_detector.quality.rivals.budget import ClientDays
from stream_detector.quality.rivals.catalogue import RIVALS
from stream_detector.quality.rivals.half_space_trees import HalfSpaceTrees
from stream_detector.quality.rivals.prada import Delta, Prada
from stream_detector.quality.rivals.static_limit import StaticLimit
from stream_detector.quality.rivals.window_mmd import Threshold, WindowMmd

DAY_S = 86_400.0
CLIENTS = 12
FEW = 5
"""So many of twelve days may by chance exceed the highest of twelve like them: one is expected, six have a chance of 0.7 %."""
Maker = Callable[[], Rival]
Vectors = Iterable[npt.NDArray[np.float64]]


def call(client: str, ts: float, vector: npt.NDArray[np.float64] | None = None, *, output_tokens: int = 200) -> ApiCall:
    sketch = None
    if vector is not None:
        scaled = vector * (127.0 / np.linalg.norm(vector))
        sketch = Sketch(
            head=1,
            digest=2,
            simhash=bytes(8),
            vector=np.rint(scaled).astype(np.int8).tobytes(),
            chars=500,
            words=90,
            distinct_ratio=0.7,
            symbol_ratio=0.03,
        )
    return ApiCall(
        id=f"{client}.{ts}",
        ts=ts,
        client=client,
        sketch=sketch,
        input_tokens=150,
        output_tokens=output_tokens,
        params=Params(temperature=0.7),
    )


def natural(seed: int, count: int) -> npt.NDArray[np.float64]:
    """Prompts without anything in common."""
    return np.random.default_rng(seed).normal(size=(count, VECTOR_DIMENSIONS))


def clustered(seed: int, count: int) -> Vectors:
    """Made-up prompts: a few seeds, most of them hardly changed, as adversarial generation does."""
    rng = np.random.default_rng(seed)
    seeds = rng.normal(size=(20, VECTOR_DIMENSIONS))
    for index in range(count):
        reach = 1.0 if index % 5 == 0 else 0.05
        yield seeds[index % 20] + reach * rng.normal(size=VECTOR_DIMENSIONS)


def calls_of(client: str, start_s: float, vectors: Vectors) -> Iterator[ApiCall]:
    return (call(client, start_s + 10.0 * index, vector) for index, vector in enumerate(vectors))


def honest(prompts: int = 300) -> list[ApiCall]:
    calls = [one for seed in range(CLIENTS) for one in calls_of(f"honest{seed}", float(seed), natural(seed, prompts))]
    return sorted(calls, key=lambda one: one.ts)


def acted_on(rival: Rival, calls: Iterable[ApiCall]) -> set[str]:
    return {one.client for one in calls if rival.observe(one)}


def on_the_next_day(calls: Iterable[ApiCall], vectors: Vectors) -> Iterator[ApiCall]:
    return (call(one.client, one.ts + DAY_S, vector) for one, vector in zip(calls, vectors, strict=True))


@pytest.mark.parametrize("make", RIVALS, ids=lambda make: make().name)
def test_a_rival_leaves_most_honest_clients_alone_that_go_on_as_they_were(make: Maker) -> None:
    rival = make()
    warm_up = honest()
    rival.calibrate(warm_up)
    assert len(acted_on(rival, on_the_next_day(warm_up, natural(99, len(warm_up))))) <= FEW


@pytest.mark.parametrize("make", RIVALS, ids=lambda make: make().name)
def test_a_rival_judges_each_client_alone(make: Maker) -> None:
    crowded = make()
    crowded.calibrate(honest())
    alone = deepcopy(crowded)
    campaign = list(calls_of("distiller", DAY_S, clustered(1, 1_600)))
    bystanders = list(calls_of("honest1", DAY_S, natural(7, 1_600)))
    among = [[crowded.observe(one), crowded.observe(other)][0] for one, other in zip(campaign, bystanders, strict=True)]
    assert among == [alone.observe(one) for one in campaign]


@pytest.mark.parametrize("make", RIVALS, ids=lambda make: make().name)
def test_a_rival_copes_without_warm_up_and_without_prompts(make: Maker) -> None:
    rival = make()
    rival.calibrate([])
    assert not acted_on(rival, (ApiCall(id=str(index), ts=float(index), client="bare") for index in range(300)))


def test_rivals_have_names_of_their_own() -> None:
    names = [make().name for make in RIVALS]
    assert len(set(names)) == len(names)


def test_the_budget_is_what_one_client_day_in_a_thousand_exceeds() -> None:
    days = ClientDays()
    for index in range(2_000):
        days.take_in(call(f"key{index}", 0.0), float(index))
    days.take_in(call("key0", 1.0), -5.0)
    assert sum(index > days.limit() for index in range(2_000)) == 1


def test_days_without_a_score_count_in_the_budget_but_do_not_lower_it() -> None:
    days = ClientDays()
    for index in range(5_000):
        days.take_in(call(f"key{index}", 0.0), None)
    assert days.limit() == float("inf")


def test_a_limit_stops_the_key_that_calls_more_than_all_honest_ones() -> None:
    limit = StaticLimit()
    limit.calibrate(honest())
    answers = [limit.observe(call("hot", DAY_S + index)) for index in range(500)]
    assert answers.index(True) == limit.daily == 300


def test_a_limit_starts_afresh_every_day() -> None:
    limit = StaticLimit()
    limit.calibrate(honest())
    assert not acted_on(limit, (call("k", (1 + day) * DAY_S + index) for day in range(3) for index in range(300)))


def test_trees_notice_a_key_that_becomes_another() -> None:
    trees = HalfSpaceTrees()
    trees.calibrate(honest(prompts=1_000))
    rng = np.random.default_rng(1)
    changed = (
        call("honest1", 2 * DAY_S + 0.01 * i, output_tokens=int(rng.integers(50_000, 90_000))) for i in range(400)
    )
    assert acted_on(trees, changed)


def test_prada_finds_made_up_queries_among_natural_ones() -> None:
    prada = Prada()
    prada.calibrate([])
    assert acted_on(prada, calls_of("attacker", 0.0, clustered(3, 1_000)))
    assert not acted_on(prada, calls_of("natural", 0.0, natural(3, 1_000)))


def test_prada_says_nothing_before_a_hundred_distances() -> None:
    prada = Prada()
    assert not acted_on(prada, calls_of("attacker", 0.0, clustered(3, 100)))


def test_prada_at_budget_spares_most_honest_clients_that_the_published_delta_hits() -> None:
    warm_up = [one for seed in range(CLIENTS) for one in calls_of(f"app{seed}", 0.0, clustered(seed, 600))]
    others = [one for seed in range(CLIENTS) for one in calls_of(f"new{seed}", DAY_S, clustered(100 + seed, 600))]
    published, at_budget = Prada(Delta.PUBLISHED), Prada(Delta.AT_BUDGET)
    published.calibrate(warm_up)
    at_budget.calibrate(warm_up)
    assert len(acted_on(published, others)) == CLIENTS
    assert len(acted_on(at_budget, others)) <= FEW


@pytest.mark.parametrize("threshold", Threshold)
def test_mmd_finds_a_window_from_another_distribution(threshold: Threshold) -> None:
    mmd = WindowMmd(100, threshold)
    mmd.calibrate(honest())
    assert acted_on(mmd, calls_of("attacker", 0.0, natural(1, 100) + 2.0))


def test_mmd_acts_on_about_as_many_honest_windows_as_its_null_says() -> None:
    mmd = WindowMmd(100, Threshold.NULL_95)
    mmd.calibrate(honest())
    windows = 400
    alarms = sum(mmd.observe(one) for one in calls_of("fresh", 0.0, natural(50, 100 * windows)))
    assert 0.01 * windows <= alarms <= 0.12 * windows


def test_mmd_waits_for_a_full_window() -> None:
    mmd = WindowMmd(100, Threshold.NULL_95)
    mmd.calibrate(honest())
    answers = [mmd.observe(one) for one in calls_of("attacker", 0.0, natural(1, 100) + 2.0)]
    assert answers.index(True) == 99
