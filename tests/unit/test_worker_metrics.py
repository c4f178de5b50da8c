from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from stores.samples import from_engine, from_operator

from stream_detector.adapters.metrics import PrometheusObserver, WorkerMetrics
from stream_detector.domain.decisions import Action, Mode, Reason
from stream_detector.domain.errors import RejectReason
from stream_detector.domain.signals import Family
from stream_detector.domain.verdicts import Settlement
from stream_detector.ports import CheckpointReport, ChunkReport


class Page:
    """An observer and what Prometheus reads from it."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.observer = PrometheusObserver(WorkerMetrics(self._registry), ["coverage"])

    def __getitem__(self, name: str) -> float | None:
        return self.value(name)

    def value(self, name: str, **labels: str) -> float | None:
        return self._registry.get_sample_value(f"stream_detector_{name}", labels)


@pytest.fixture
def page() -> Page:
    return Page()


def _chunk(**changed: Any) -> ChunkReport:  # noqa: ANN401
    fields: dict[str, Any] = {
        "partition": 3,
        "records": 0,
        "calls": 0,
        "replayed": 0,
        "rejected": [],
        "decisions": [],
        "decision_latencies_s": [],
        "readings": {},
        "valve_open": False,
        "seconds": 0.0,
    }
    return ChunkReport(**fields | changed)


def test_chunks_add_up(page: Page) -> None:
    for calls in (5, 7):
        page.observer.chunk(_chunk(records=calls, calls=calls, replayed=2, seconds=0.5))
    assert (page["calls_total"], page["replayed_records_total"]) == (12, 4)
    assert (page["chunk_records_count"], page["chunk_records_sum"], page["chunk_seconds_sum"]) == (2, 12, 1.0)


def test_settled_calls_are_counted_by_what_became_of_them(page: Page) -> None:
    for counted in (2, 3):
        page.observer.chunk(_chunk(settled={Settlement.COUNTED: counted, Settlement.FAILED: 1}))
    values = [page.value("settlements_total", state=state) for state in ("counted", "not_open", "failed")]
    assert values == [5, 0, 2]


def test_series_that_can_occur_start_at_zero(page: Page) -> None:
    assert page.value("decisions_total", action="throttle", mode="shadow", reason="coverage") == 0
    assert page.value("readings_total", detector="coverage", state="warming") == 0


def test_a_released_partition_reports_no_valve_any_more(page: Page) -> None:
    page.observer.chunk(_chunk(valve_open=True))
    assert page.value("valve_open", partition="3") == 1
    page.observer.released(3)
    page.observer.released(3)
    assert page.value("valve_open", partition="3") is None


def test_every_dead_letter_counts_under_its_reason(page: Page) -> None:
    page.observer.chunk(_chunk(rejected=[RejectReason.FUTURE, RejectReason.PAST, RejectReason.FUTURE]))
    assert page.value("dead_letters_total", reason="future") == 2
    assert page.value("dead_letters_total", reason="past") == 1
    assert page.value("dead_letters_total", reason="unreadable") == 0


def test_a_decision_counts_under_the_detector_with_the_greatest_part(page: Page) -> None:
    reasons = tuple(
        Reason(name, Family.VOLUME, 0.9, weight, {}) for name, weight in (("a", 1.0), ("b", 3.0), ("c", 2.0))
    )
    decisions = [
        from_engine(offset=1, reasons=reasons, mode=Mode.SHADOW),
        from_engine(offset=2, reasons=reasons, mode=Mode.SHADOW),
        from_operator(action=Action.ALLOW, expires_at=1.0),
    ]
    page.observer.chunk(_chunk(decisions=decisions, decision_latencies_s=[0.25, 0.5, 1.0]))
    assert page.value("decisions_total", action="throttle", mode="shadow", reason="b") == 2
    assert page.value("decisions_total", action="allow", mode="enforce", reason="none") == 1
    assert (page["call_to_decision_seconds_count"], page["call_to_decision_seconds_sum"]) == (3, 1.75)


def test_readings_count_by_detector_and_state(page: Page) -> None:
    for _ in range(2):
        page.observer.chunk(_chunk(readings={("volume_spike", "scored"): 4, ("volume_spike", "warming"): 9}))
    assert page.value("readings_total", detector="volume_spike", state="scored") == 8
    assert page.value("readings_total", detector="volume_spike", state="warming") == 18


def test_the_valve_shows_per_partition(page: Page) -> None:
    page.observer.chunk(_chunk(partition=1, valve_open=True))
    page.observer.chunk(_chunk(partition=2, valve_open=True))
    page.observer.chunk(_chunk(partition=2, valve_open=False))
    assert page.value("valve_open", partition="1") == 1
    assert page.value("valve_open", partition="2") == 0


def test_checkpoints_and_what_is_not_saved_yet(page: Page) -> None:
    page.observer.checkpoint(CheckpointReport(partition=3, profiles=10, size_bytes=2048, seconds=0.25))
    page.observer.unsaved_since(1.5, 4000)
    page.observer.store_retry()
    assert (page["checkpoint_seconds_sum"], page["checkpoint_bytes_total"]) == (0.25, 2048)
    assert (page["checkpoint_age_seconds"], page["profiles_in_memory"], page["store_retries_total"]) == (1.5, 4000, 1)
