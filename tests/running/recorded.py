"""Recorded traffic as call events: real rates, gaps, sizes, questions and addresses, and a campaign's real prompts.

Times and token counts: ServeGen (271 clients). Questions: Arena-Hard, MT-Bench, Vicuna bench, Self-Instruct. Addresses: the
sample web log of Elastic. Campaign: the header and seed tasks of Stanford Alpaca, three seeds at a time, as its driver
sends them. Who asks what from where is drawn at random: the recordings do not tell.
"""

import csv
import gzip
import heapq
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import cycle
from operator import attrgetter
from pathlib import Path
from random import Random

import msgspec
import numpy as np
from msgspec import Struct

from stream_detector.detection.sketching import Sketcher
from stream_detector.domain.calls import ApiCall, Params
from stream_detector.simulate.arrivals import DAY_S, Span, pool_for, pooled
from stream_detector.simulate.recordings import RecordedClient, recorded_times

START_S = 1_767_571_200.0
"""Monday, 5 January 2026, 00:00 UTC."""
ALPACA = "alpaca"
ALPACA_CALLS_PER_DAY = 6_000.0

_FAMILIES = ("language_m-large", "language_m-mid")
_QUESTIONS = ("arena_hard_v0.1_question", "mt_bench_question", "vicuna_bench_question")
_INSTRUCTIONS = "self_instruct_user_oriented_instructions"
_SIZES_EVERY_S = 21_600
_SPREAD = 1.645
"""95th percentile of the standard normal distribution."""
_MEAN_AGE_S = 400 * DAY_S


class Sizes(Struct, frozen=True):
    """Logarithms of token counts in one part of the recording: median and standard deviation."""

    input_tokens: tuple[float, float]
    output_tokens: tuple[float, float]


_UNKNOWN = Sizes((math.log(300.0), 1.0), (math.log(50.0), 0.5))
"""Of the few clients without recorded sizes: the middle of the others."""


class Load(Struct, frozen=True, kw_only=True):
    """One recorded client."""

    name: str
    per_s: float
    """Mean rate of the whole recording, calls a second."""
    shape: RecordedClient
    sizes: Sequence[Sizes]
    """By part of the recording."""


class Library(Struct, frozen=True, kw_only=True):
    """What was read from the folder of recordings."""

    loads: Sequence[Load]
    questions: Sequence[str]
    addresses: Sequence[str]
    header: str
    seeds: Sequence[str]


def read(directory: Path) -> Library:
    """All that is needed of the folder that INDEX.md describes."""
    queries = directory / "attack_queries"
    seeds = [_seed(line) for line in (queries / "alpaca_seed_tasks.jsonl").read_bytes().splitlines()]
    return Library(
        loads=[load for family in _FAMILIES for load in _loads(directory / "llm_traces" / "servegen", family)],
        questions=list(_questions(directory / "benign_prompts")),
        addresses=_addresses(directory / "web_logs" / "elastic_apache_logs.log.gz"),
        header=(queries / "alpaca_prompt.txt").read_text("utf-8"),
        seeds=seeds,
    )


def calls(library: Library, *, honest: int, days: float, salt: bytes, seed: int = 1) -> Iterator[ApiCall]:
    """About `honest` calls of the recorded clients over `days`, and the campaign's, in time order, with sketches."""
    span = Span(START_S, START_S + days * DAY_S)
    share = honest / (days * DAY_S * sum(load.per_s for load in library.loads))
    sketch = lru_cache(maxsize=4096)(Sketcher(salt).sketch)
    streams = [_honest(library, load, span, share, Random(f"{seed}/{load.name}")) for load in library.loads]
    streams.append(_alpaca(library, span, Random(f"{seed}/{ALPACA}")))
    for call in heapq.merge(*streams, key=attrgetter("ts")):
        yield msgspec.structs.replace(call, prompt=None, sketch=sketch(call.prompt or ""))


def _honest(library: Library, load: Load, span: Span, share: float, rng: Random) -> Iterator[ApiCall]:
    questions = cycle(rng.sample(library.questions, len(library.questions)))
    addresses = rng.sample(library.addresses, rng.choice((1, 1, 2, 3, 5)))
    created_ts = math.floor(span.start_s - rng.expovariate(1 / _MEAN_AGE_S))
    tier = rng.choice(("free", "pro", "pro", "enterprise"))
    times = recorded_times(rng, span, load.per_s * share * DAY_S, load.shape)
    for number, ts in enumerate(times):
        sizes = load.sizes[int((ts - span.start_s) // _SIZES_EVERY_S) % len(load.sizes)]
        yield ApiCall(
            id=f"{load.name}.{number}",
            ts=ts,
            client=load.name,
            tier=tier,
            client_created_ts=created_ts,
            ip=addresses[int(rng.random() * len(addresses))],
            ua="python-httpx/0.27.0",
            route="/v1/chat/completions",
            model="large-3",
            status=200,
            input_tokens=_drawn(rng, sizes.input_tokens),
            output_tokens=_drawn(rng, sizes.output_tokens),
            finish="stop",
            prompt=next(questions),
        )


def _alpaca(library: Library, span: Span, rng: Random) -> Iterator[ApiCall]:
    params = Params(temperature=1.0, top_p=1.0, max_tokens=3072)
    for number, ts in enumerate(pooled(rng, span, pool_for(ALPACA_CALLS_PER_DAY, 27.0, 0.1))):
        tasks = "\n".join(f"###\n{index}. {seed}" for index, seed in enumerate(rng.sample(library.seeds, 3), 1))
        yield ApiCall(
            id=f"{ALPACA}.{number}",
            ts=ts,
            client=ALPACA,
            tier="pro",
            client_created_ts=span.start_s - 6 * 3600,
            ip=library.addresses[0],
            ua="OpenAI/Python 1.52.0",
            route="/v1/chat/completions",
            model="large-3",
            status=200,
            input_tokens=700,
            output_tokens=_drawn(rng, (math.log(2400.0), 0.2)),
            finish="length",
            params=params,
            prompt=f"{library.header}\n{tasks}",
        )


def _drawn(rng: Random, log_normal: tuple[float, float]) -> int:
    return max(1, round(math.exp(rng.gauss(*log_normal))))


def _loads(directory: Path, family: str) -> Iterator[Load]:
    sizes = _sizes(directory / f"{family}_token_summary.csv.gz")
    windows: dict[str, list[tuple[float, float, bool]]] = defaultdict(list)
    for client, _, rate, cv, kind, *_ in _rows(directory / f"{family}_traces.csv.gz"):
        windows[client].append((float(rate or 0), float(cv or 0) or 1.0, kind == "Weibull"))
    for client, recorded in windows.items():
        rates, cvs, weibull = np.array(recorded, np.float32).T
        if rates.any():
            shape = RecordedClient(rates / rates.mean(), cvs.clip(0.05, 30.0), weibull > 0)
            name = f"{family}-{client}"
            yield Load(name=name, per_s=float(rates.mean()), shape=shape, sizes=sizes[client] or [_UNKNOWN])


def _sizes(path: Path) -> dict[str, list[Sizes]]:
    sizes: dict[str, list[Sizes]] = defaultdict(list)
    for client, _, _, in_median, in_95, _, _, _, _, out_median, out_95, *_ in _rows(path):
        sizes[client].append(Sizes(_log_normal(in_median, in_95), _log_normal(out_median, out_95)))
    return sizes


def _log_normal(median: str, high: str) -> tuple[float, float]:
    middle = max(1.0, float(median))
    return math.log(middle), math.log(max(middle, float(high)) / middle) / _SPREAD


def _rows(path: Path) -> Iterator[list[str]]:
    with gzip.open(path, "rt", encoding="ascii", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        yield from rows


def _questions(directory: Path) -> Iterator[str]:
    for name in _QUESTIONS:
        for line in (directory / f"{name}.jsonl").read_bytes().splitlines():
            question = msgspec.json.decode(line)
            yield question.get("prompt") or question["turns"][0]
    for line in (directory / f"{_INSTRUCTIONS}.jsonl").read_bytes().splitlines():
        yield msgspec.json.decode(line)["instruction"]


def _addresses(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8", errors="replace") as log:
        found = dict.fromkeys(line.split(" ", 1)[0] for line in log)
    return [address for address in found if re.fullmatch(r"[\d.]+", address)]


def _seed(line: bytes) -> str:
    """As Alpaca's driver writes a seed task."""
    task = msgspec.json.decode(line)
    instance = task["instances"][0]
    return (
        f"Instruction: {task['instruction']}\nInput: {instance['input'] or '<noinput>'}\nOutput: {instance['output']}"
    )
