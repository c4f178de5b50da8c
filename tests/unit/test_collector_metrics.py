"""What happens to a collector stands on its page for Prometheus."""

import pytest
from prometheus_client import CollectorRegistry

from stream_detector.adapters.collector_metrics import PrometheusCollectorObserver
from stream_detector.collector.replies import _TITLES
from stream_detector.domain.errors import RejectReason

NOT_FOUND = 404
"""Of no source."""


class Page:
    """An observer and what Prometheus reads from it."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.observer = PrometheusCollectorObserver(self._registry, ["calls", "litellm"], 1000)

    def value(self, name: str, **labels: str) -> float | None:
        return self._registry.get_sample_value(f"stream_detector_collector_{name}", labels)


@pytest.fixture
def page() -> Page:
    return Page()


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (200, "taken"),
        (202, "taken"),
        (400, "unreadable"),
        (401, "unauthorized"),
        (405, "unsupported"),
        (408, "slow"),
        (413, "too_large"),
        (415, "unsupported"),
        (503, "busy"),
    ],
)
def test_bodies_are_counted_by_why_they_were_not_taken(page: Page, status: int, state: str) -> None:
    assert page.value("bodies_total", source="calls", state=state) == 0
    page.observer.answered("calls", status)
    assert page.value("bodies_total", source="calls", state=state) == 1


@pytest.mark.parametrize("status", {200, 202, *_TITLES} - {NOT_FOUND})
def test_every_answer_can_be_counted(page: Page, status: int) -> None:
    page.observer.answered("litellm", status)


def test_what_was_read_is_counted_by_source_from_zero(page: Page) -> None:
    page.observer.read("calls", events=5, skipped=2, left_out=1)
    for name, calls, litellm in (("events", 5, 0), ("skipped", 2, 0), ("left_out_fields", 1, 0)):
        assert page.value(f"{name}_total", source="calls") == calls
        assert page.value(f"{name}_total", source="litellm") == litellm


def test_refused_documents_are_counted_by_reason(page: Page) -> None:
    page.observer.refused("calls", {RejectReason.INVALID_FIELD: 3})
    assert page.value("refused_total", source="calls", reason="invalid_field") == 3
    assert page.value("refused_total", source="calls", reason="unreadable") == 0


def test_what_waits_can_be_compared_with_its_bound(page: Page) -> None:
    page.observer.holding(buffered=300, waiting=700)
    assert [page.value(name) for name in ("buffered", "waiting", "most_events")] == [300, 700, 1000]


def test_writes_add_up_and_failed_ones_are_counted(page: Page) -> None:
    page.observer.written(calls=5, duplicates=1, unpaired=2, seconds=0.5)
    page.observer.written(calls=0, duplicates=3, unpaired=0, seconds=0.1)
    page.observer.failed()
    names = ("calls_total", "duplicates_total", "unpaired_total", "write_seconds_count", "write_failures_total")
    assert [page.value(name) for name in names] == [5, 4, 2, 1, 1]
