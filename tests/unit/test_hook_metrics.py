"""What happens to a hook stands on its page for Prometheus."""

import pytest
from prometheus_client import CollectorRegistry

from stream_detector.adapters.hook_metrics import PrometheusHookObserver
from stream_detector.domain.verdicts import Settlement


class Page:
    """An observer and what Prometheus reads from it."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.observer = PrometheusHookObserver(self._registry)

    def value(self, name: str, **labels: str) -> float | None:
        return self._registry.get_sample_value(f"stream_detector_hook_{name}", labels)


@pytest.fixture
def page() -> Page:
    return Page()


@pytest.mark.parametrize("settlement", Settlement)
def test_told_ends_of_calls_are_counted_by_what_became_of_them(page: Page, settlement: Settlement) -> None:
    page.observer.settled(settlement)
    assert {each: page.value("settlements_total", state=each) for each in Settlement} == {
        each: float(each is settlement) for each in Settlement
    }


@pytest.mark.parametrize(("status", "state"), [(200, "sent"), (401, "unauthorized"), (410, "reset")])
def test_answers_of_the_feed_are_counted_by_state(page: Page, status: int, state: str) -> None:
    assert page.value("feed_answers_total", state=state) == 0
    page.observer.feed_answered(status)
    assert page.value("feed_answers_total", state=state) == 1


def test_open_streams_and_listening_processes_are_what_was_said_last(page: Page) -> None:
    for count in (1, 2, 1):
        page.observer.feed_followed(count)
        page.observer.grpc_listening(count + 3)
    assert (page.value("feed_streams"), page.value("grpc_processes")) == (1, 4)


def test_processes_that_ended_add_up(page: Page) -> None:
    page.observer.grpc_ended()
    page.observer.grpc_ended()
    assert page.value("grpc_ends_total") == 2


def test_reported_calls_have_arrived_are_lost_or_wait(page: Page) -> None:
    page.observer.unsent(9)
    page.observer.reported(5)
    page.observer.reported(2)
    page.observer.unreported(1)
    page.observer.unsent(1)
    assert [page.value("reports_total", state=state) for state in ("arrived", "lost")] == [7, 1]
    assert page.value("reports_waiting") == 1
