"""What a hook did -> Prometheus (an implementation of `hook.observer.HookObserver`)."""

import math
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, generate_latest

from stream_detector.adapters.metrics import HookMetrics
from stream_detector.domain.decisions import Action, Mode
from stream_detector.domain.verdicts import Cause, Verdict


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
        self._table_age.set(math.inf)

    def answered(self, verdict: Verdict, seconds: float) -> None:
        """One question was answered."""
        self._verdicts[verdict.action, verdict.cause].inc()
        self._seconds.observe(seconds)

    def limiter_failed(self) -> None:
        """The limiter did not answer in time."""
        self._limiter_errors.inc()

    def table(self, subjects: Mapping[tuple[Action, Mode], int], age_s: float) -> None:
        """The decisions in the table, and the time since it was last proven fresh."""
        for key, gauge in self._subjects.items():
            gauge.set(subjects.get(key, 0))
        self._table_age.set(age_s)

    def render(self) -> bytes:
        """Everything in the registry, in Prometheus's text format 0.0.4."""
        return generate_latest(self._registry)
