"""Real times, sizes, questions and addresses instead of made-up ones, where a folder of published recordings is at hand.

Times and sizes: ServeGen (alibaba/ServeGen, Apache-2.0), per client the rate and the coefficient of variation of the gaps in
each of 2,016 windows of 10 minutes, and the token counts of every 6 hours. Addresses: `recorded_addresses`. Questions:
Arena-Hard, MT-Bench, Vicuna bench and the user-oriented set of Self-Instruct (all Apache-2.0). Nothing of them is part of
this package.
"""

import csv
import gzip
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from random import Random

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from stream_detector.domain.errors import ConfigError
from stream_detector.simulate import recorded_addresses
from stream_detector.simulate.arrivals import DAY_S, Bursts, Gaps, Span, gaps_of
from stream_detector.simulate.benign import Sources
from stream_detector.simulate.outcome import CHARS_PER_TOKEN, Request
from stream_detector.simulate.prompts import Style, conversation, log_normal

WINDOW_S = 600.0
_TRACES = ("llm_traces/servegen/language_m-large_traces.csv.gz", "llm_traces/servegen/language_m-mid_traces.csv.gz")
_SIZES = (
    "llm_traces/servegen/language_m-large_token_summary.csv.gz",
    "llm_traces/servegen/language_m-mid_token_summary.csv.gz",
)
_QUESTIONS = (
    "benign_prompts/arena_hard_v0.1_question.jsonl",
    "benign_prompts/mt_bench_question.jsonl",
    "benign_prompts/vicuna_bench_question.jsonl",
    "benign_prompts/self_instruct_user_oriented_instructions.jsonl",
)
_SMALLEST_CV, _LARGEST_CV = 0.05, 30.0
_95TH = 1.645
"""95th percentile of the standard normal distribution."""


class RecordedClient(Struct, frozen=True):
    """One client of the recording, by window."""

    rates: npt.NDArray[np.float32]
    """Relative to the client's mean over the whole recording."""
    cvs: npt.NDArray[np.float32]
    weibull: npt.NDArray[np.bool_]


class RecordedSizes(Struct, frozen=True):
    """Token counts of one client in one part of the recording, log-normal: medians and standard deviations."""

    input_median: float
    input_spread: float
    output_median: float
    output_spread: float


class _Question(Struct, frozen=True):
    prompt: str = ""
    turns: tuple[str, ...] = ()
    instruction: str = ""

    @property
    def text(self) -> str:
        return self.prompt or self.instruction or self.turns[0]


def read(directory: Path) -> Sources:
    """Sources for `scenario.traffic` from a folder laid out as in its own INDEX.md.

    Raises:
        ConfigError: a file is missing or is not what it should be.
    """
    try:
        clients = [client for name in _TRACES for client in _read_traces(directory / name)]
        sizes = [parts for name in _SIZES for parts in _read_sizes(directory / name)]
        questions = [question for name in _QUESTIONS for question in _read_questions(directory / name)]
        addresses = recorded_addresses.read(directory)
    except (OSError, KeyError, ValueError, IndexError) as error:
        folders = "llm_traces, benign_prompts, web_logs and ip_data"
        message = f"recordings: {error}; name a folder with {folders}, or simulate without one"
        raise ConfigError(message) from error

    def times(rng: Random, span: Span, load: Bursts) -> Iterator[float]:
        return recorded_times(rng, span, load.calls_per_day, rng.choice(clients))

    def asked(rng: Random, own: Style, language: str) -> Iterator[Request]:  # noqa: ARG001  the recordings are English
        order = rng.sample(questions, len(questions))
        return (own.ask(rng, text, conversation(rng)) for text in cycle(order))

    def sized(rng: Random, requests: Iterator[Request]) -> Iterator[Request]:
        return recorded_sizes(rng, requests, rng.choice(sizes))

    return Sources(program_times=times, questions=asked, sized=sized, addresses=addresses)


def recorded_times(rng: Random, span: Span, calls_per_day: float, client: RecordedClient) -> Iterator[float]:
    """Times with the recorded ups and downs and bursts, thinned to `calls_per_day`; the recording starts with the span."""
    now_s, need = span.start_s, rng.random()
    for window in range(math.ceil((span.end_s - span.start_s) / WINDOW_S)):
        until_s = min(span.start_s + (window + 1) * WINDOW_S, span.end_s)
        index = window % len(client.rates)
        rate = float(client.rates[index]) * calls_per_day / DAY_S
        if rate > 0 and need <= rate * (until_s - now_s):
            gaps = Gaps.WEIBULL if client.weibull[index] else Gaps.GAMMA
            draw_gap = gaps_of(rng, gaps, float(client.cvs[index]))
            while need <= rate * (until_s - now_s) and now_s + need / rate < span.end_s:
                now_s += need / rate
                yield now_s
                need = draw_gap()
        need = max(0.0, need - rate * (until_s - now_s))
        now_s = max(now_s, until_s)


def recorded_sizes(rng: Random, requests: Iterator[Request], parts: Sequence[RecordedSizes]) -> Iterator[Request]:
    """The same requests with a recorded client's token counts: what is missing of the input counts as context."""
    for request in requests:
        part = parts[int(rng.random() * len(parts))]
        tokens = log_normal(rng, part.input_median, part.input_spread)
        yield msgspec.structs.replace(
            request,
            context_tokens=max(0, int(tokens) - len(request.text) // CHARS_PER_TOKEN),
            answer_tokens=max(1, int(log_normal(rng, part.output_median, part.output_spread))),
        )


def _read_sizes(path: Path) -> Iterator[list[RecordedSizes]]:
    rows = defaultdict(list)
    with gzip.open(path, "rt", encoding="ascii", newline="") as file:
        for row in csv.DictReader(file):
            found = [row[f"{end}_tokens_{rank}"] for end in ("input", "output") for rank in ("p50", "p95")]
            if all(found):
                rows[row["client_id"]].append(_sizes(*map(float, found)))
    yield from rows.values()


def _sizes(input_p50: float, input_p95: float, output_p50: float, output_p95: float) -> RecordedSizes:
    input_p50, output_p50 = max(1.0, input_p50), max(1.0, output_p50)
    return RecordedSizes(
        input_median=input_p50,
        input_spread=math.log(max(1.0, input_p95 / input_p50)) / _95TH,
        output_median=output_p50,
        output_spread=math.log(max(1.0, output_p95 / output_p50)) / _95TH,
    )


def _read_traces(path: Path) -> Iterator[RecordedClient]:
    rows = defaultdict(list)
    with gzip.open(path, "rt", encoding="ascii", newline="") as file:
        for row in csv.DictReader(file):
            rows[row["client_id"]].append(
                (float(row["rate"] or 0), float(row["cv"] or 0), row["pat_name"] == "Weibull")
            )
    for windows in rows.values():
        rates, cvs, weibull = np.array(windows, np.float32).T
        if rates.sum() > 0:
            cvs = np.where(cvs > 0, cvs, 1.0).clip(_SMALLEST_CV, _LARGEST_CV).astype(np.float32)
            yield RecordedClient(rates / rates.mean(), cvs, weibull > 0)


def _read_questions(path: Path) -> list[str]:
    return [msgspec.json.decode(line, type=_Question).text for line in path.read_bytes().splitlines() if line]
