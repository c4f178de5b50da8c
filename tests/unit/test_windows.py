"""The windows of a profile, one by one."""

import math
import random
from collections.abc import Iterable, Iterator
from itertools import islice
from random import Random

import msgspec
import pytest

from stream_detector.detection.examples import START_S, example_call
from stream_detector.detection.hashing import hash64
from stream_detector.detection.sketching import Sketcher
from stream_detector.detection.windows.baseline import Baseline
from stream_detector.detection.windows.budget import BudgetWindow
from stream_detector.detection.windows.distinct import Distinct, SlidingDistinct
from stream_detector.detection.windows.gaps import GapWindow
from stream_detector.detection.windows.network import NetworkWindow
from stream_detector.detection.windows.novelty import NoveltyWindow
from stream_detector.detection.windows.parameters import ParameterWindow
from stream_detector.detection.windows.rate import MAX_PENDING, RateWindow
from stream_detector.detection.windows.templates import HEADS, TemplateWindow
from stream_detector.domain.calls import ApiCall, Params, Sketch
from stream_detector.simulate.grammar import english

DAY_S = 86_400.0


def call_at(ts: float, *, client: str = "c", output_tokens: int | None = None, ip: str | None = None) -> ApiCall:
    return ApiCall(id="x", ts=ts, client=client, output_tokens=output_tokens, ip=ip)


@pytest.mark.parametrize("precision", [4, 6, 7, 8])
@pytest.mark.parametrize("distinct", [1, 10, 100, 1_000, 20_000])
def test_distinct_estimates_within_four_standard_errors(precision: int, distinct: int) -> None:
    counter = Distinct.of(precision)
    for number in range(distinct):
        counter.add(hash64(f"item {number}"))
        counter.add(hash64(f"item {number}"))
    error = 1.04 / math.sqrt(1 << precision)
    assert counter.count() == pytest.approx(distinct, rel=4 * error, abs=1)


def test_distinct_of_nothing_is_zero() -> None:
    assert Distinct.of(6).count() == 0.0


def test_sliding_distinct_forgets_after_two_periods() -> None:
    counter = SlidingDistinct.of(7, DAY_S)
    for number in range(50):
        counter.add(0.0, hash64(f"day one {number}"))
    counter.add(DAY_S, hash64("day two"))
    assert counter.count(DAY_S) == pytest.approx(51, rel=0.3)
    counter.add(2 * DAY_S, hash64("day three"))
    assert counter.count(2 * DAY_S) == pytest.approx(2, abs=0.5)


def test_sliding_distinct_forgets_all_after_a_gap() -> None:
    counter = SlidingDistinct.of(7, DAY_S)
    counter.add(0.0, 1)
    counter.add(5 * DAY_S, 2)
    assert counter.count(5 * DAY_S) == pytest.approx(1, abs=0.1)


def test_sliding_distinct_forgets_although_nothing_new_comes() -> None:
    counter = SlidingDistinct.of(7, DAY_S)
    counter.add(0.0, 1)
    counter.add(DAY_S, 2)
    assert counter.count(2 * DAY_S) == pytest.approx(1, abs=0.1)
    assert counter.count(3 * DAY_S) == 0.0


def test_late_item_counts_in_the_current_period() -> None:
    counter = SlidingDistinct.of(7, DAY_S)
    counter.add(3 * DAY_S, hash64("new"))
    counter.add(0.0, hash64("late"))
    assert counter.epoch == 3
    assert counter.count(0.0) == pytest.approx(2, abs=0.5)


def test_rate_slides_over_24_hours() -> None:
    window = RateWindow()
    for hour in range(30):
        for _ in range(hour + 1):
            window.observe(call_at(START_S + hour * 3600.0, output_tokens=10))
    assert window.day_calls() == sum(range(7, 31))
    assert window.day_tokens() == 10 * sum(range(7, 31))


def test_rate_is_empty_but_for_the_newest_hour_after_a_long_silence() -> None:
    window = RateWindow()
    for _ in range(100):
        window.observe(call_at(START_S))
    window.observe(call_at(START_S + 10 * DAY_S))
    assert window.day_calls() == 1


def test_a_refused_call_counts_as_what_it_asked_for() -> None:
    window = RateWindow()
    for _ in range(200):
        window.observe(call_at(START_S, output_tokens=500))
    answered = window.day_tokens()
    window.observe(ApiCall(id="x", ts=START_S, client="c", status=429, output_tokens=0))
    assert window.day_tokens() - answered == pytest.approx(500, rel=0.05)


def test_closed_buckets_wait_until_they_are_learned() -> None:
    window = RateWindow()
    for bucket in range(5):
        for _ in range(bucket + 1):
            window.observe(call_at(START_S + bucket * 300.0))
    assert window.pending == [1, 2, 3, 4]
    assert window.busiest_bucket() == 5
    assert window.baseline.seen == 0
    window.learn()
    assert window.pending == []
    assert window.baseline.seen == 4


def test_the_busiest_waiting_bucket_is_never_dropped() -> None:
    window = RateWindow()
    counts = [3] * MAX_PENDING + [50] + [2] * MAX_PENDING
    for bucket, count in enumerate(counts):
        for _ in range(count):
            window.observe(call_at(START_S + bucket * 300.0))
    window.observe(call_at(START_S + len(counts) * 300.0))
    assert len(window.pending) == MAX_PENDING
    assert window.busiest_bucket() == 50


def test_late_call_does_not_move_the_rate_back() -> None:
    window = RateWindow()
    window.observe(call_at(START_S + 7200.0))
    window.observe(call_at(START_S))
    assert window.day_calls() == 2
    assert window.bucket == int(START_S + 7200.0) // 300


def test_baseline_restores_exactly() -> None:
    baseline = Baseline()
    rng = random.Random(1)
    for _ in range(100):
        baseline.learn(rng.gauss(3.0, 1.0))
    restored = Baseline.from_state(baseline.state())
    baseline.learn(2.0)
    restored.learn(2.0)
    assert restored == baseline
    assert restored.variance == baseline.variance > 0


def test_metronome_has_no_variation_and_poisson_about_one() -> None:
    metronome, poisson = GapWindow(), GapWindow()
    rng = random.Random(2)
    ts = START_S
    for number in range(400):
        metronome.observe(call_at(START_S + number))
        ts += rng.expovariate(1.0)
        poisson.observe(call_at(ts))
    assert metronome.variation() == pytest.approx(0.0, abs=1e-6)
    assert metronome.entropy() == pytest.approx(0.0, abs=1e-9)
    assert poisson.variation() == pytest.approx(1.0, abs=0.25)
    assert 0.3 < poisson.entropy() < 1.0


def test_late_call_has_a_gap_of_zero() -> None:
    window = GapWindow()
    window.observe(call_at(START_S + 10))
    window.observe(call_at(START_S))
    assert (window.seen, window.total, window.last_ts) == (1, 0.0, START_S + 10)


def test_template_share_follows_the_commonest_head() -> None:
    window = TemplateWindow()
    for number in range(300):
        sketch = example_call(number, gap_s=1.0, same_head=number % 4 != 0).sketch
        assert sketch is not None
        window.observe(sketch)
    head, share = window.top()
    assert head == 7
    assert share == pytest.approx(0.75, abs=0.05)
    assert len(window.heads) <= HEADS


def test_near_duplicates_are_found_without_a_common_head() -> None:
    window = TemplateWindow()
    rng = random.Random(3)
    base = rng.getrandbits(64)
    for number in range(100):
        sketch = example_call(number, gap_s=1.0).sketch
        assert sketch is not None
        flipped = base ^ (1 << rng.randrange(64)) ^ (1 << rng.randrange(64))
        window.observe(type(sketch)(head=number, digest=number, simhash=flipped.to_bytes(8, "little")))
    assert window.near_share() > 0.9


def test_novelty_tells_new_prompts_from_repeated_ones() -> None:
    fresh, repeated = NoveltyWindow(), NoveltyWindow()
    for number in range(1000):
        fresh.observe(example_call(number, gap_s=1.0))
        repeated.observe(example_call(number % 10, gap_s=1.0))
    assert fresh.prompts.count(START_S) == pytest.approx(1000, rel=0.4)
    assert repeated.prompts.count(START_S) == pytest.approx(10, abs=2)
    assert fresh.growth() > 0.7
    assert repeated.growth() < 0.2


def asked_for_days(days: int, *, again: bool = False, opening: bool = False, context: int = 0) -> NoveltyWindow:
    """300 prompts a day, the same ones every day or not, behind a short prefix or not, in a conversation or not."""
    window = NoveltyWindow()
    for number in range(300 * days):
        call = example_call(number % 300 if again else number, gap_s=0.0)
        sketch = msgspec.structs.replace(call.sketch, opening=1 if opening else number)
        window.observe(
            msgspec.structs.replace(call, ts=START_S + number // 300 * DAY_S, sketch=sketch, input_tokens=60 + context)
        )
    return window


def bare_of(window: NoveltyWindow, now_s: float) -> float:
    return window.bare(now_s, window.heads.count(now_s))


def test_bare_prompts_add_up_over_days() -> None:
    week = asked_for_days(7)
    now_s = START_S + 6 * DAY_S
    assert bare_of(week, now_s) == pytest.approx(600, rel=0.5)
    assert week.stock + bare_of(week, now_s) > 1.5 * bare_of(asked_for_days(2), START_S + DAY_S)


@pytest.mark.parametrize(
    "window",
    [asked_for_days(5, again=True), asked_for_days(5, opening=True), asked_for_days(5, context=700)],
    ids=["a nightly test", "a short prefix", "conversations"],
)
def test_prompts_that_do_not_stand_alone_are_not_bare(window: NoveltyWindow) -> None:
    assert bare_of(window, START_S + 4 * DAY_S) < 0.2 * bare_of(asked_for_days(5), START_S + 4 * DAY_S)


def test_networks_count_prefixes_and_switches() -> None:
    window = NetworkWindow()
    for number in range(200):
        window.observe(call_at(START_S + number, ip=f"10.0.{number % 20}.{number % 7}"))
    assert window.networks.count(START_S) == pytest.approx(20, rel=0.5)
    assert window.switching() > 0.95


def test_addresses_of_one_network_are_one_network() -> None:
    window = NetworkWindow()
    for number in range(200):
        window.observe(call_at(START_S + number, ip=f"2001:db8:0:{number:x}::1"))
    assert window.networks.count(START_S) == pytest.approx(1, abs=0.1)
    assert window.switching() < 0.05


def probe(number: int, text: int, **params: object) -> ApiCall:
    sketch = Sketch(head=text, digest=hash64(f"{text}") >> 11, simhash=bytes(8))
    return ApiCall(id="x", ts=START_S + number, client="c", params=Params(**params), sketch=sketch)  # type: ignore[arg-type]


def test_one_prompt_under_ever_new_parameters_is_counted_as_variants_of_one_prompt() -> None:
    window = ParameterWindow()
    for number in range(60):
        window.observe(probe(number, 1, max_tokens=1, top_logprobs=5, logit_bias={str(number % 3): float(number)}))
    assert window.variants.count(START_S) == pytest.approx(60, rel=0.6)
    assert window.tries(START_S) == pytest.approx(window.variants.count(START_S), rel=0.1)
    assert window.tokens.count(START_S) == pytest.approx(3, abs=0.5)
    assert window.one_token == window.logprobs == window.biased == 60


def test_probes_show_although_most_calls_are_chat() -> None:
    window = ParameterWindow()
    for number in range(600):
        is_probe = number % 10 == 0
        temperature = number / 1000 if is_probe else 0.7
        window.observe(probe(number, 1 if is_probe else number, temperature=temperature))
    assert window.tries(START_S) > 20


def test_a_fixed_bias_on_changing_texts_is_a_habit() -> None:
    window = ParameterWindow()
    for number in range(300):
        window.observe(probe(number, number, max_tokens=1, top_logprobs=3, logit_bias={"5": 100.0, "9": 100.0}))
    assert window.variants.count(START_S) <= 1.1
    assert window.repeats(START_S) < 2


def test_a_change_of_habit_is_one_more_variant_and_no_probe() -> None:
    window = ParameterWindow()
    for number in range(600):
        window.observe(probe(number, number, temperature=0.2 if number < 300 else 0.9))
    assert window.tries(START_S) < 1
    assert window.variants.count(START_S) < 3


def asked_for_a_token(texts: Iterable[str]) -> ParameterWindow:
    """One token with its log probabilities for each text."""
    window, sketch = ParameterWindow(), Sketcher(b"a salt of the tests").sketch
    params = Params(max_tokens=1, logprobs=True, top_logprobs=5)
    for number, text in enumerate(texts):
        window.observe(ApiCall(id="x", ts=START_S + number, client="c", params=params, sketch=sketch(text)))
    return window


@pytest.mark.parametrize("step", [1, 4])
def test_a_text_that_grows_by_a_few_words_is_one_prefix(step: int) -> None:
    words = " ".join(islice(simulated_sentences(Random(3)), 60)).split()
    window = asked_for_a_token(" ".join(words[:length]) for length in range(40, 440, step))
    assert window.grown_calls(START_S) > 0.5 * 400 / step


def test_short_texts_behind_one_template_are_no_prefix() -> None:
    rng = Random(4)
    template = " ".join(islice(simulated_sentences(rng), 12))
    said = (" ".join(sentence.split()[: rng.randint(4, 10)]) for sentence in simulated_sentences(rng))
    window = asked_for_a_token(f"{template} Text: {text}" for text in islice(said, 400))
    assert window.stuck_calls(START_S) < 10
    assert window.grown_calls(START_S) < 10


def simulated_sentences(rng: Random) -> Iterator[str]:
    while True:
        yield english().line(rng, "sentence")


def test_the_same_prompt_for_logits_again_and_again_is_counted_as_repetition_and_forgotten() -> None:
    window = ParameterWindow()
    for number in range(300):
        window.observe(probe(number, number % 3, max_tokens=1, logprobs=True))
    assert window.repeats(START_S) == pytest.approx(100, rel=0.1)
    assert window.repeats(START_S + 2 * DAY_S) == 0.0


def test_prompts_without_a_sketch_are_told_apart_by_their_length() -> None:
    window = ParameterWindow()
    for number in range(100):
        params = Params(max_tokens=1, logprobs=True)
        window.observe(ApiCall(id="x", ts=START_S, client="c", params=params, input_tokens=5 + number % 4))
    assert window.repeats(START_S) == pytest.approx(25, rel=0.1)


def test_budget_forgets_slowly() -> None:
    window = BudgetWindow()
    window.observe(call_at(START_S, output_tokens=1000))
    window.observe(call_at(START_S + 90 * DAY_S, output_tokens=0))
    assert window.output_tokens == pytest.approx(1000 / math.e)
