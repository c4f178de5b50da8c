"""What a collector did -> Prometheus (an implementation of `collector.observer.CollectorObserver`)."""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, generate_latest

from stream_detector.adapters.metrics import CollectorMetrics
from stream_detector.domain.errors import RejectReason


class PrometheusCollectorObserver:
    """Counts into `registry`.

    Args:
        registry: what is rendered.
        sources: every name that events come under.
        most_events: may wait for Kafka, and as many halves for the other half.
    """

    def __init__(self, registry: CollectorRegistry, sources: Iterable[str], most_events: int) -> None:
        self._metrics = metrics = CollectorMetrics(registry)
        self._registry = registry
        metrics.most_events.set(most_events)
        for source in sources:
            for counter in (metrics.events, metrics.skipped, metrics.left_out):
                counter.labels(source)
            for state in _STATES.values():
                metrics.bodies.labels(source, state)
            metrics.refused.labels(source, RejectReason.UNREADABLE)
            metrics.refused.labels(source, RejectReason.INVALID_FIELD)

    def answered(self, source: str, status: int) -> None:
        """One body was answered."""
        self._metrics.bodies.labels(source, _STATES[status]).inc()

    def read(self, source: str, *, events: int, skipped: int, left_out: int) -> None:
        """One body was read."""
        self._metrics.events.labels(source).inc(events)
        self._metrics.skipped.labels(source).inc(skipped)
        self._metrics.left_out.labels(source).inc(left_out)

    def refused(self, source: str, reasons: Mapping[RejectReason, int]) -> None:
        """Documents that could not be used."""
        for reason, count in reasons.items():
            self._metrics.refused.labels(source, reason).inc(count)

    def written(self, *, calls: int, duplicates: int, unpaired: int, seconds: float) -> None:
        """Kafka has these."""
        self._metrics.calls.inc(calls)
        self._metrics.duplicates.inc(duplicates)
        self._metrics.unpaired.inc(unpaired)
        if calls:
            self._metrics.write_seconds.observe(seconds)

    def failed(self) -> None:
        """Kafka did not take what it was given."""
        self._metrics.failures.inc()

    def behind(self, waiting: Mapping[str, int]) -> None:
        """Records of topics that were not read yet."""
        for source, records in waiting.items():
            self._metrics.lag.labels(source).set(records)

    def unread(self) -> None:
        """Topics could not be read."""
        self._metrics.read_failures.inc()

    def holding(self, *, buffered: int, waiting: int) -> None:
        """What waits for Kafka, and for the other half."""
        self._metrics.buffered.set(buffered)
        self._metrics.waiting.set(waiting)

    def render(self) -> bytes:
        """Everything in the registry, in Prometheus's text format 0.0.4."""
        return generate_latest(self._registry)


_STATES = {
    200: "taken",
    202: "taken",
    400: "unreadable",
    401: "unauthorized",
    405: "unsupported",
    408: "slow",
    413: "too_large",
    415: "unsupported",
    503: "busy",
}
