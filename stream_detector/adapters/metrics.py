"""The catalogue of all Prometheus metrics: names, labels, units and help; and a worker's counting into it.

No label ever names a client.
"""

from collections import Counter as Tally
from collections.abc import Iterable
from contextlib import suppress
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from stream_detector.domain.decisions import Action, Decision, Mode
from stream_detector.domain.errors import RejectReason
from stream_detector.domain.verdicts import Settlement
from stream_detector.ports import CheckpointReport, ChunkReport

_LATENCY_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_HOOK_S = (0.000_025, 0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25)
_SIZES = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000)


class WorkerMetrics:
    """What a worker reports."""

    def __init__(self, registry: CollectorRegistry) -> None:
        prefix = "stream_detector_"
        self.calls = Counter(f"{prefix}calls", "Calls observed.", registry=registry)
        self.replayed = Counter(
            f"{prefix}replayed_records",
            "Records skipped because a checkpoint already includes them.",
            registry=registry,
        )
        self.dead_letters = Counter(f"{prefix}dead_letters", "Calls dead-lettered.", ["reason"], registry=registry)
        self.decisions = Counter(
            f"{prefix}decisions",
            "Decisions made; `reason` is the detector with the greatest part.",
            ["action", "mode", "reason"],
            registry=registry,
        )
        self.readings = Counter(f"{prefix}readings", "Detector readings.", ["detector", "state"], registry=registry)
        self.call_to_decision = Histogram(
            f"{prefix}call_to_decision_seconds",
            "From the send of the causing call to the decision being stored and published.",
            buckets=_LATENCY_S,
            registry=registry,
        )
        self.chunk_seconds = Histogram(
            f"{prefix}chunk_seconds", "Time to handle one micro-batch.", buckets=_LATENCY_S, registry=registry
        )
        self.chunk_records = Histogram(
            f"{prefix}chunk_records", "Records in one micro-batch.", buckets=_SIZES, registry=registry
        )
        self.lag = Gauge(
            f"{prefix}lag_records", "Records behind the end of the partition.", ["partition"], registry=registry
        )
        self.checkpoint_age = Gauge(
            f"{prefix}checkpoint_age_seconds",
            "Time since the oldest unsaved call was handled; 0 when everything is saved.",
            registry=registry,
        )
        self.checkpoint_seconds = Histogram(
            f"{prefix}checkpoint_seconds", "Time to write one checkpoint.", buckets=_LATENCY_S, registry=registry
        )
        self.checkpoint_bytes = Counter(f"{prefix}checkpoint_bytes", "Bytes written to checkpoints.", registry=registry)
        self.store_retries = Counter(
            f"{prefix}store_retries", "Store operations tried again because Redis did not answer.", registry=registry
        )
        self.settlements = Counter(
            f"{prefix}settlements",
            "Calls of limited clients whose end was told to the limiter.",
            ["state"],
            registry=registry,
        )
        self.profiles = Gauge(f"{prefix}profiles_in_memory", "Client profiles held in memory.", registry=registry)
        self.valve_open = Gauge(
            f"{prefix}valve_open",
            "1 while the safety valve turns new actions into shadow.",
            ["partition"],
            registry=registry,
        )
        self.addresses_age = Gauge(
            f"{prefix}addresses_age_seconds",
            "Age of the oldest file of address data; 0 where there is none.",
            registry=registry,
        )
        self.addresses_refused = Counter(
            f"{prefix}addresses_refused",
            "Changes of the address files that were refused; the files read before stay in use.",
            registry=registry,
        )
        self.transport = Gauge(
            f"{prefix}transport_info", "1 for the Kafka transport in use.", ["transport"], registry=registry
        )


class HookMetrics:
    """What a hook reports."""

    def __init__(self, registry: CollectorRegistry) -> None:
        prefix = "stream_detector_hook_"
        self.verdicts = Counter(f"{prefix}verdicts", "Answers to gateways.", ["action", "cause"], registry=registry)
        self.seconds = Histogram(
            f"{prefix}seconds", "Time to answer, inside the process.", buckets=_HOOK_S, registry=registry
        )
        self.subjects = Gauge(
            f"{prefix}table_subjects", "Standing decisions in the table.", ["action", "mode"], registry=registry
        )
        self.table_age = Gauge(
            f"{prefix}table_age_seconds", "Time since Redis last proved the table fresh.", registry=registry
        )
        self.limiter_errors = Counter(
            f"{prefix}limiter_errors", "Limit checks that Redis did not answer.", registry=registry
        )
        self.settlements = Counter(
            f"{prefix}settlements", "Calls whose end the hook was told.", ["state"], registry=registry
        )
        self.feed_answers = Counter(
            f"{prefix}feed_answers", "Answers of the decision feed.", ["state"], registry=registry
        )
        self.feed_streams = Gauge(
            f"{prefix}feed_streams", "Streams of the decision feed that are open.", registry=registry
        )
        self.grpc_processes = Gauge(f"{prefix}grpc_processes", "Processes that listen for gRPC.", registry=registry)
        self.grpc_ends = Counter(
            f"{prefix}grpc_ends", "Processes for gRPC that ended, and were started anew.", registry=registry
        )
        self.reports = Counter(
            f"{prefix}reports",
            "Calls that the hook was to report; `state` is `arrived` or `lost`.",
            ["state"],
            registry=registry,
        )
        self.reports_waiting = Gauge(f"{prefix}reports_waiting", "Calls that wait to be reported.", registry=registry)


class CollectorMetrics:
    """What a collector reports."""

    def __init__(self, registry: CollectorRegistry) -> None:
        prefix = "stream_detector_collector_"
        self.bodies = Counter(f"{prefix}bodies", "Bodies answered.", ["source", "state"], registry=registry)
        self.events = Counter(f"{prefix}events", "Events read from bodies.", ["source"], registry=registry)
        self.skipped = Counter(
            f"{prefix}skipped", "Documents that tell of no model call.", ["source"], registry=registry
        )
        self.refused = Counter(
            f"{prefix}refused", "Documents that could not be used.", ["source", "reason"], registry=registry
        )
        self.left_out = Counter(
            f"{prefix}left_out_fields",
            "Fields left out of calls because their values do not fit.",
            ["source"],
            registry=registry,
        )
        self.calls = Counter(f"{prefix}calls", "Calls that Kafka has.", registry=registry)
        self.duplicates = Counter(f"{prefix}duplicates", "Events that were sent again, and dropped.", registry=registry)
        self.unpaired = Counter(
            f"{prefix}unpaired", "Halves of calls that waited in vain for the other half.", registry=registry
        )
        self.waiting = Gauge(f"{prefix}waiting", "Halves of calls that wait for the other half.", registry=registry)
        self.buffered = Gauge(f"{prefix}buffered", "Events that wait for Kafka.", registry=registry)
        self.most_events = Gauge(
            f"{prefix}most_events",
            "Bound of the events that wait for Kafka, and of the halves that wait.",
            registry=registry,
        )
        self.failures = Counter(f"{prefix}write_failures", "Writes that Kafka did not take.", registry=registry)
        self.lag = Gauge(
            f"{prefix}lag_records", "Records of topics that were not read yet.", ["source"], registry=registry
        )
        self.read_failures = Counter(
            f"{prefix}read_failures", "Attempts to read topics that failed.", registry=registry
        )
        self.write_seconds = Histogram(
            f"{prefix}write_seconds", "Time of one write to Kafka.", buckets=_LATENCY_S, registry=registry
        )


class PrometheusObserver:
    """Counts what a worker's service reports (implements `ports.Observer`)."""

    def __init__(self, metrics: WorkerMetrics, detectors: Iterable[str]) -> None:
        """Make every series that can occur at once, so that the first event of a kind shows as an increase from 0."""
        self._metrics = metrics
        for detector in detectors:
            for state in ("scored", "warming"):
                metrics.readings.labels(detector, state)
            for action, mode in product((Action.THROTTLE, Action.BLOCK), Mode):
                metrics.decisions.labels(action, mode, detector)
        for reason in RejectReason:
            metrics.dead_letters.labels(reason)
        for settlement in (Settlement.COUNTED, Settlement.NOT_OPEN, Settlement.FAILED):
            metrics.settlements.labels(settlement)

    def chunk(self, report: ChunkReport) -> None:
        """One micro-batch was handled."""
        metrics = self._metrics
        metrics.calls.inc(report.calls)
        metrics.replayed.inc(report.replayed)
        metrics.chunk_seconds.observe(report.seconds)
        metrics.chunk_records.observe(report.records)
        metrics.valve_open.labels(report.partition).set(report.valve_open)
        for latency_s in report.decision_latencies_s:
            metrics.call_to_decision.observe(latency_s)
        for reason, count in Tally(report.rejected).items():
            metrics.dead_letters.labels(reason).inc(count)
        for decision in report.decisions:
            metrics.decisions.labels(decision.action, decision.mode, _main_reason(decision)).inc()
        for (detector, state), count in report.readings.items():
            metrics.readings.labels(detector, state).inc(count)
        for settlement, count in report.settled.items():
            metrics.settlements.labels(settlement).inc(count)

    def checkpoint(self, report: CheckpointReport) -> None:
        """One checkpoint was written."""
        self._metrics.checkpoint_seconds.observe(report.seconds)
        self._metrics.checkpoint_bytes.inc(report.size_bytes)

    def unsaved_since(self, seconds: float, profiles_in_memory: int) -> None:
        """Age of the oldest unsaved call, and profiles in memory."""
        self._metrics.checkpoint_age.set(seconds)
        self._metrics.profiles.set(profiles_in_memory)

    def released(self, partition: int) -> None:
        """The partition is not ours any more."""
        with suppress(KeyError):
            self._metrics.valve_open.remove(str(partition))

    def store_retry(self) -> None:
        """The store did not answer."""
        self._metrics.store_retries.inc()


def _main_reason(decision: Decision) -> str:
    """The detector with the greatest part; `none` for a decision without reasons, such as a release."""
    return max(decision.reasons, key=lambda reason: reason.weight).detector if decision.reasons else "none"
