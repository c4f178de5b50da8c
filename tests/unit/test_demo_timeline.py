"""Event time against wall time."""

import pytest

from stream_detector.demo.timeline import Timeline, clock_text, span_text
from stream_detector.settings import Settings


def test_event_time_and_wall_time_are_each_others_inverse() -> None:
    timeline = Timeline(event_s=1000.0, wall_s=50.0, speed=360.0)
    assert timeline.event_at(51.0) == 1360.0
    assert timeline.wall_at(timeline.event_at(77.25)) == pytest.approx(77.25)


def test_the_setting_is_accepted_by_the_processes() -> None:
    setting = Timeline(event_s=1_795_251_600.0, wall_s=1_795_299_573.123456, speed=360.0).setting()
    assert Settings.from_env({"STREAM_DETECTOR_CLOCK": setting}).clock == setting
    assert setting == "scaled:1795251600.000000:1795299573.123456:360.000000"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (61, "1 min"), (3540, "59 min"), (3599, "1 h 00 min"), (11100, "3 h 05 min")],
)
def test_spans_are_told_as_people_say_them(seconds: float, text: str) -> None:
    assert span_text(seconds) == text


def test_clocks_show_utc() -> None:
    assert clock_text(1_795_251_600.0) == "09:00"
