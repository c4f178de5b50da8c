"""What a hook did -> Prometheus.

It implements `hook.observer.HookObserver`, `hook.envoy.family.FamilyObserver` and `service.outbox.OutboxObserver`.
"""

import math
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, generate_latest

from stream_detector.adapters.metrics import HookMetrics
from stream_detector.domain.decisions import Action, Mode
from stream_detector.domain.verdicts import Cause, Settlement, Verdict


class PrometheusHookObserver:
    """Counts into `registry`. Every labelled child is resolved once: counting a verdict must stay cheap."""

    def __init__(self, registry: CollectorRegistry) -> None:
        metrics = HookMetrics(registry)
        self._registry = registry
        self._verdicts = {
            (action, cause): metrics.verdicts.labels(action, cause) for action in Action for cause in Cause
        }
        self._seconds = metrics.seconds
        self._subjects = {(action, mode): metrics.subjects.labels(action, mode) for action in Action for mode in Mode}
        self._table_age = metrics.table_age
        self._limiter_errors = metrics.limiter_errors
        self._settlements = {each: metrics.settlements.labels(each) for each in Settlement}
        self._feed_answers = {status: metrics.feed_answers.labels(state) for status, state in _FEED_STATES.items()}
        self._feed_streams = metrics.feed_streams
        self._grpc_processes, self._grpc_ends = metrics.grpc_processes, metrics.grpc_ends
        self._reported, self._unreported = metrics.reports.labels("arrived"), metrics.reports.labels("lost")
        self._unsent = metrics.reports_waiting
        self._table_age.set(math.inf)

    def answered(self, verdict: Verdict, seconds: float) -> None:
        """One question was answered."""
        self._verdicts[verdict.action, verdict.cause].inc()
        self._seconds.observe(seconds)

    def limiter_failed(self) -> None:
        """The limiter did not answer in time."""
        self._limiter_errors.inc()

    def settled(self, settlement: Settlement) -> None:
        """A call has ended."""
        self._settlements[settlement].inc()

    def feed_answered(self, status: int) -> None:
        """A question for the decision feed was answered."""
        self._feed_answers[status].inc()

    def feed_followed(self, streams: int) -> None:
        """So many streams of the decision feed are open."""
        self._feed_streams.set(streams)

    def grpc_listening(self, processes: int) -> None:
        """So many processes listen."""
        self._grpc_processes.set(processes)

    def grpc_ended(self) -> None:
        """A process that listened has ended."""
        self._grpc_ends.inc()

    def reported(self, calls: int) -> None:
        """The receiver of reports has them."""
        self._reported.inc(calls)

    def unreported(self, calls: int) -> None:
        """They are lost."""
        self._unreported.inc(calls)

    def unsent(self, calls: int) -> None:
        """So many wait to be reported."""
        self._unsent.set(calls)

    def table(self, subjects: Mapping[tuple[Action, Mode], int], age_s: float) -> None:
        """The decisions in the table, and the time since it was last proven fresh."""
        for key, gauge in self._subjects.items():
            gauge.set(subjects.get(key, 0))
        self._table_age.set(age_s)

    def render(self) -> bytes:
        """Everything in the registry, in Prometheus's text format 0.0.4."""
        return generate_latest(self._registry)


_FEED_STATES = {200: "sent", 401: "unauthorized", 410: "reset", 503: "full"}
