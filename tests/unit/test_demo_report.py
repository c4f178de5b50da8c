"""The demo's report: one page that needs nothing else, and that nobody can write into."""

import xml.etree.ElementTree as ET

import pytest
from demos.ledgers import HOSTILE, START, decision, ledger_of_a_caught_campaign
from demos.pages import Page

from stream_detector.demo import plots, report
from stream_detector.demo.ledger import Answer, Ledger, Truth
from stream_detector.demo.outcome import outcome_of
from stream_detector.domain.decisions import Action
from stream_detector.pages import svg


def _page(ledger: Ledger) -> Page:
    return Page(report.render(ledger, outcome_of(ledger), "6 h in 60 s"))


def test_the_report_shows_four_drawings_and_says_what_happened() -> None:
    page = _page(ledger_of_a_caught_campaign())
    figures = page.tags.count("svg") - page.tags.count("li")
    assert figures == 4
    for words in (
        "1 of 1",
        "2 calls, 1 min",
        "3 calls, 2 min",
        "1 of 2",
        "10 per minute",
        "shared_template, volume_spike",
    ):
        assert words in page.texts, words


def test_the_report_loads_nothing() -> None:
    page = _page(ledger_of_a_caught_campaign())
    assert page.addresses == []
    assert "script" not in page.tags
    assert "@import" not in "".join(page.texts)


def test_the_report_of_a_run_without_calls_is_a_page_too() -> None:
    assert _page(Ledger({})).texts.count("Nothing to show.") == 5


def test_whatever_a_client_is_called_stays_text() -> None:
    ledger = Ledger({HOSTILE: Truth(HOSTILE, is_attacker=True), "$tiles": Truth(HOSTILE, is_attacker=False)})
    for client in ledger.truth:
        ledger.called(client, START, Answer.THROTTLED)
        ledger.decided(decision(client, Action.BLOCK, 0), 1.0)
    page = _page(ledger)
    assert "script" not in page.tags
    assert HOSTILE in page.texts
    assert "$tiles" in page.texts


@pytest.mark.parametrize("name", ["calls_plot", "risk_plot", "latency_plot"])
def test_drawings_are_well_formed_and_described(name: str) -> None:
    root = ET.fromstring(getattr(plots, name)(ledger_of_a_caught_campaign()))  # noqa: S314 - our own drawing
    assert root.get("role") == "img"
    assert root.get("aria-label")


def test_the_marks_of_throttle_and_block_have_different_shapes() -> None:
    shapes = [svg.mark(10.0, 10.0, kind, "").split('class="')[0] for kind in ("start", "throttle", "block")]
    assert len(set(shapes)) == 3


def test_the_areas_of_the_calls_plot_add_up_to_all_calls() -> None:
    drawing = plots.calls_plot(ledger_of_a_caught_campaign())
    areas = [part for part in drawing.split("<path ") if 'class="area' in part]
    assert [area.split('class="area ')[1].split('"')[0] for area in areas] == ["passed", "throttle", "block"]


@pytest.mark.parametrize(("high", "last"), [(0, 1.0), (1, 1.0), (7, 8.0), (83, 100.0), (1000, 1000.0), (0.3, 0.3)])
def test_ticks_are_round_and_reach_the_highest_value(high: float, last: float) -> None:
    ticks = svg.round_ticks(high)
    assert ticks[0] == 0.0
    assert ticks[-1] == pytest.approx(last)
    assert 2 <= len(ticks) <= 6


@pytest.mark.parametrize("hours", [0.05, 0.5, 2, 6, 24, 240])
def test_time_ticks_fall_on_full_parts_of_an_hour(hours: float) -> None:
    ticks = svg.time_ticks(START + 7, START + 7 + hours * 3600)
    assert all(tick % 60 == 0 for tick in ticks)
    assert len(ticks) <= 11


def test_values_beyond_a_scale_are_drawn_at_its_edge() -> None:
    scale = svg.Scale(0, 10, 100, 200)
    assert [scale(value) for value in (-5, 0, 5, 10, 50)] == [100, 100, 150, 200, 200]
    assert svg.Scale(3, 3, 100, 200)(3) == 100
