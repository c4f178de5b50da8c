"""Real times and questions in simulated traffic."""

from collections import defaultdict
from pathlib import Path
from random import Random

import numpy as np
import pytest

from stream_detector.domain.errors import ConfigError
from stream_detector.simulate.arrivals import Span
from stream_detector.simulate.recordings import RecordedClient, read, recorded_times
from stream_detector.simulate.scenario import Scenario, labels, prompt_text, traffic

DAY_S = 86_400.0


def test_recorded_traffic_has_real_questions_and_keeps_order_and_labels(data_dir: Path) -> None:
    sources = read(data_dir)
    scenario = Scenario(clients=60, duration_s=3 * DAY_S)
    truth = labels(scenario)
    last_s, prompts = 0.0, defaultdict(set)
    for call in traffic(scenario, prompt_text, sources):
        assert call.ts >= last_s
        last_s = call.ts
        prompts[truth[call.client].kind].add(call.prompt)
    assert (
        "Use ABC notation to write a melody in the style of a folk tune."
        in prompts["interactive"] | prompts["team_key"]
    )
    assert prompts["production_app"]


def test_recorded_times_follow_the_windows_and_their_mean() -> None:
    rates = np.array([0.0, 3.0, 0.0, 1.0], np.float32)
    client = RecordedClient(rates, np.ones(4, np.float32), np.array([False, True, False, False]))
    span = Span(1_000.5, 1_000.5 + 10 * DAY_S)
    times = np.array(list(recorded_times(Random(1), span, 10_000.0, client)))
    windows = ((times - span.start_s) // 600).astype(int) % 4
    counts = np.bincount(windows, minlength=4)
    assert counts[0] == counts[2] == 0
    assert counts[1] / counts[3] == pytest.approx(3.0, rel=0.1)
    assert len(times) / 10 == pytest.approx(10_000, rel=0.05)
    assert (np.diff(times) >= 0).all()


def test_a_folder_without_recordings_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="llm_traces"):
        read(tmp_path)
