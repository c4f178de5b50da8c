"""What the worker does end to end, from Apache Kafka through Redis to decisions, and what that costs.

    PYTHONPATH=tests python tests/benchmarks/bench_pipeline.py [CALLS]

Calls are recorded ones where STREAM_DETECTOR_DATA (or ../shared/data) is a folder of recordings, else simulated ones; they
are encoded before anything is timed. Rates are given per second of wall time and of the worker's CPU time (all its threads):
on a busy machine the second is the one to compare. Budgets are those of ARCHITECTURE.md.
"""

import asyncio
import cProfile
import gc
import io
import itertools
import math
import os
import platform
import pstats
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from zlib import crc32

import msgspec
from msgspec import Struct
from running import recorded
from running.bulk import send_all, send_paced
from running.installation import Installation, installed
from running.worker_process import WorkerProcess
from servers.kafka_server import KafkaServer
from servers.kafka_topics import KafkaTopics, Sent
from servers.redis_server import RedisServer, redis_binary

from stream_detector.adapters.memory import MemoryDeadLetterLog, MemoryDecisionLog
from stream_detector.adapters.tally import Tally
from stream_detector.bootstrap.offline import offline_service
from stream_detector.detection.policy import Policy
from stream_detector.detection.state import decode_profile
from stream_detector.domain.calls import ApiCall
from stream_detector.ports import Record
from stream_detector.simulate.campaigns import Campaign, Family
from stream_detector.simulate.scenario import SALT, Scenario, traffic
from stream_detector.wire import calls as wire

CALLS = 200_000
DAYS = 2.0
PARTITIONS = 4
BATCH = 50
CHUNK = 500
MANY = 50_000
LATENCY_S = 15.0
PROBERS, PROBER_GROUPS = 300, 20
"""Accounts in the measurement of latency that are certain to be acted on."""
_LOOK_EVERY_S = 0.5
"""Each look at the metrics costs the worker some milliseconds."""
CLOCK = f"scaled:{recorded.START_S + DAYS * 86_400:.0f}:0:0"
_DATA = Path(os.environ.get("STREAM_DETECTOR_DATA", Path(__file__).parents[3] / "shared" / "data"))


class Sample(Struct, frozen=True):
    """How far a worker is."""

    wall_s: float
    cpu_s: float
    calls: float


class Rate(Struct, frozen=True):
    """Calls a second."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:9,.0f} calls/s of wall time {self.cpu:9,.0f} calls/s of CPU time"


def _say(name: str, text: object) -> None:
    sys.stdout.write(f"{name:<36} {text}\n")
    sys.stdout.flush()


def _calls(count: int) -> list[ApiCall]:
    if _DATA.is_dir():
        found = recorded.calls(recorded.read(_DATA), honest=round(1.4 * count), days=DAYS, salt=SALT)
        return list(itertools.islice(found, count))
    scenario = Scenario(start_s=recorded.START_S, duration_s=DAYS * 86_400, clients=400, scale=count / 80_000)
    return list(itertools.islice(traffic(scenario), count))


def _singles(calls: Sequence[ApiCall]) -> list[Sent]:
    return [_sent(call.client, wire.encode(call)) for call in calls]


def _batches(calls: Sequence[ApiCall]) -> list[Sent]:
    """A client's calls in records of `BATCH`."""
    waiting: dict[str, list[ApiCall]] = defaultdict(list)
    records = []
    for call in calls:
        batch = waiting[call.client]
        batch.append(call)
        if len(batch) == BATCH:
            records.append(_sent(call.client, wire.encode_batch(waiting.pop(call.client))))
    return records + [_sent(client, wire.encode_batch(batch)) for client, batch in waiting.items()]


def _sent(client: str, value: bytes) -> Sent:
    key = client.encode()
    return Sent(key, value, crc32(key) % PARTITIONS)


def _sample(worker: WorkerProcess) -> Sample:
    calls = worker.metric("calls_total")
    fields = Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()
    return Sample(time.perf_counter(), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), calls)


def _drain(installation: Installation, total: int) -> tuple[WorkerProcess, Rate]:
    """Let a new worker handle a full topic; the rate from a twentieth of the calls to the last look before the end."""
    worker = installation.start()
    samples = [Sample(0.0, 0.0, 0.0)]
    while samples[-1].calls < total:
        time.sleep(_LOOK_EVERY_S)
        samples.append(_sample(worker))
        assert not worker.has_ended(), worker.output()
    under_way = [sample for sample in samples if total / 20 < sample.calls < total]
    return worker, _rate(under_way[0], under_way[-1])


def _rate(begin: Sample, end: Sample) -> Rate:
    calls = end.calls - begin.calls
    return Rate(calls / (end.wall_s - begin.wall_s), calls / (end.cpu_s - begin.cpu_s))


def _pipeline(topics: KafkaTopics, redis_url: str, directory: Path, calls: Sequence[ApiCall]) -> None:
    records = _singles(calls)
    with installed(topics, redis_url, directory, clock=CLOCK) as installation:
        installation.create_calls(PARTITIONS)
        send_all(topics.bootstrap, installation.calls, records)
        worker, rate = _drain(installation, len(calls))
        _say("worker, one call per record", f"{rate}   budget 30,000")
        installation.wait_all_saved()
        _checkpoints(worker)
        worker.stop()
        _profiles(installation)
    with installed(topics, redis_url, directory, clock=CLOCK) as installation:
        installation.create_calls(PARTITIONS)
        send_all(topics.bootstrap, installation.calls, _batches(calls))
        worker, batched = _drain(installation, len(calls))
        _say(f"worker, {BATCH} calls per record", f"{batched}   budget 30,000")
        worker.stop()
    with installed(topics, redis_url, directory, clock=CLOCK) as installation:
        installation.create_calls(PARTITIONS)
        _latency(installation, records, rate.wall / 2)


def _checkpoints(worker: WorkerProcess) -> None:
    count, seconds = worker.metric("checkpoint_seconds_count"), worker.metric("checkpoint_seconds_sum")
    size_bytes = worker.metric("checkpoint_bytes_total")
    _say(
        "checkpoints",
        f"{count:.0f}, mean {1e3 * seconds / count:.1f} ms and {size_bytes / count / 1024:.0f} KB; "
        f"99 % took at most {1e3 * _at_most(worker, 'checkpoint_seconds', 0.99):.0f} ms",
    )


def _at_most(worker: WorkerProcess, histogram: str, share: float) -> float:
    """Upper bound of the bucket that the quantile lies in."""
    bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0]
    needed = share * worker.metric(f"{histogram}_count")
    return next((each for each in bounds if worker.metric(f"{histogram}_bucket", le=str(each)) >= needed), math.inf)


def _profiles(installation: Installation) -> None:
    """Sizes of the profiles, as stored and in memory."""
    blobs = [
        blob for key, blob in installation.ending().stored.items() if ":profile:" in key and isinstance(blob, bytes)
    ]
    cuts = statistics.quantiles(map(len, blobs), n=100)
    _say(
        f"{len(blobs)} profiles stored",
        f"mean {statistics.fmean(map(len, blobs)):,.0f} bytes, p99 {cuts[98]:,.0f}, largest {max(map(len, blobs)):,}   "
        "budget 2,048",
    )
    sizes = sorted(map(_memory_bytes, blobs))
    _say(
        "profiles in memory",
        f"mean {statistics.fmean(sizes):,.0f} bytes, p99 {sizes[len(sizes) * 99 // 100]:,}, largest {sizes[-1]:,}   "
        "budget 8,192",
    )


def _memory_bytes(blob: bytes) -> int:
    gc.collect()
    tracemalloc.start()
    profile = decode_profile(blob)
    size_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert profile.calls
    return size_bytes


def _latency(installation: Installation, records: Sequence[Sent], per_s: float) -> None:
    """Send at a steady rate, with probing accounts spread evenly, and look when their decisions are on the topic."""
    count = min(len(records), round(per_s * LATENCY_S))
    mixed = list(_interleaved(records[:count], list(_probing())))
    worker = installation.start()
    worker.wait_partitions(PARTITIONS)
    before = _sample(worker)
    asyncio.run(send_paced(installation.topics.bootstrap, installation.calls, mixed, per_s))
    installation.wait_all_saved()
    after = _sample(worker)
    worker.stop()
    waits_ms = sorted(
        each.timestamp - int(dict(each.headers)["caused_at_ms"]) for each in installation.records("topic_decisions")
    )
    cuts = statistics.quantiles(waits_ms, n=100)
    busy = (after.cpu_s - before.cpu_s) / (after.wall_s - before.wall_s)
    _say(
        "call to decision at half that load",
        f"p50 {cuts[49]:.0f} ms, p99 {cuts[98]:.0f} ms, longest {waits_ms[-1]} ms; {len(waits_ms)} decisions at "
        f"{per_s:,.0f} calls/s, worker {busy:.0%} of a core   budget p99 1,000 ms",
    )


def _probing() -> Iterator[Sent]:
    """Groups of accounts that begin one after the other, so that decisions are made all the time."""
    campaigns = tuple(
        Campaign(
            id=f"probers-{group}",
            family=Family.LOGIT_PROBER,
            accounts=PROBERS // PROBER_GROUPS,
            calls_per_account_day=400,
            start_after_s=group * 1200,
            jitter=0.5,
        )
        for group in range(PROBER_GROUPS)
    )
    scenario = Scenario(start_s=recorded.START_S, duration_s=PROBER_GROUPS * 1200, clients=0, campaigns=campaigns)
    return (_sent(call.client, wire.encode(call)) for call in traffic(scenario))


def _interleaved(many: Sequence[Sent], few: Sequence[Sent]) -> Iterator[Sent]:
    every = max(1, len(many) // len(few))
    for index, record in enumerate(many):
        yield record
        if index % every == 0 and index // every < len(few):
            yield few[index // every]


class Replayed(Struct, frozen=True):
    """A run with everything in memory."""

    calls: int
    longest_s: float
    """Of a chunk: nothing else happens in a worker meanwhile."""


async def _replay(records: Sequence[Sent]) -> Replayed:
    tally, longest_s = Tally(), 0.0
    service = offline_service(Policy(), MemoryDecisionLog(), MemoryDeadLetterLog(), tally)
    parts = [[each.value for each in records if each.partition == partition] for partition in range(PARTITIONS)]
    for partition, values in enumerate(parts):
        await service.claim(partition, 0)
        for begin in range(0, len(values), CHUNK):
            chunk = [Record(begin + at, 0, None, value) for at, value in enumerate(values[begin : begin + CHUNK])]
            begin_s = time.perf_counter()
            await service.handle(partition, chunk)
            longest_s = max(longest_s, time.perf_counter() - begin_s)
    return Replayed(tally.calls, longest_s)


def _in_memory(name: str, records: Sequence[Sent]) -> None:
    begin = Sample(time.perf_counter(), time.process_time(), 0)
    replayed = asyncio.run(_replay(records))
    end = Sample(time.perf_counter(), time.process_time(), replayed.calls)
    _say(name, f"{_rate(begin, end)}   budget 40,000; longest chunk of {CHUNK}: {1e3 * replayed.longest_s:.0f} ms")


def _spread(calls: Sequence[ApiCall]) -> list[ApiCall]:
    """The same calls from very many clients: what new profiles and a large memory cost."""
    return [msgspec.structs.replace(call, client=f"client-{at % MANY}") for at, call in enumerate(calls)]


def _hot_spots(records: Sequence[Sent]) -> None:
    profiler = cProfile.Profile()
    profiler.runcall(asyncio.run, _replay(records))
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).sort_stats("tottime").print_stats(10)
    lines = [line for line in text.getvalue().splitlines() if line.strip()]
    table = lines[next(number for number, line in enumerate(lines) if "tottime" in line) :]
    sys.stdout.write("where the time goes in replay (cProfile; py-spy record --pid PID shows a running worker)\n")
    sys.stdout.writelines(f"{line}\n" for line in table)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else CALLS
    kind = "recorded" if _DATA.is_dir() else "simulated"
    calls = _calls(count)
    clients = len({call.client for call in calls})
    _say("machine", f"{os.cpu_count()} CPUs, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}")
    _say("calls", f"{len(calls):,} {kind} ones of {clients} clients")
    _in_memory("replay in memory", _singles(calls))
    _in_memory(f"replay, {MANY:,} clients", _singles(_spread(calls)))
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kafka = KafkaServer(directory)
        redis = RedisServer(redis_binary() or sys.exit("no Redis; run `make servers`"), directory)
        for server in (kafka, redis):
            stack.callback(server.stop)
            server.start()
        topics = KafkaTopics(kafka.bootstrap)
        stack.callback(topics.close)
        _pipeline(topics, redis.url, directory, calls)
    _hot_spots(_singles(calls[: count // 10]))


if __name__ == "__main__":
    main()
