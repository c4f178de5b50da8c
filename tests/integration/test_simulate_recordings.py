"""Real times and questions in simulated traffic."""

from collections import defaultdict
from ipaddress import ip_address, ip_network
from pathlib import Path
from random import Random

import maxminddb
import numpy as np
import pytest

from stream_detector.domain.errors import ConfigError
from stream_detector.simulate.arrivals import Span
from stream_detector.simulate.benign import EVERY_KIND
from stream_detector.simulate.network import COUNTRIES
from stream_detector.simulate.prompts import Style
from stream_detector.simulate.recordings import RecordedClient, RecordedSizes, read, recorded_sizes, recorded_times
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


def test_recorded_addresses_are_in_the_country_of_the_client_and_servers_in_a_cloud(data_dir: Path) -> None:
    addresses = read(data_dir).addresses
    with maxminddb.open_database(data_dir / "ip_data" / "iptoasn-country.mmdb") as countries:
        for place in COUNTRIES:
            rng = Random(place.time_zone)
            homes = {addresses.home(rng, place) for _ in range(100)}
            found = [countries.get(home) for home in homes]
            right = [record for record in found if isinstance(record, dict) and record["country_code"] == place.code]
            assert len(right) > 0.9 * len(homes) > 80
    clouds = (data_dir / "ip_data" / "ipranges").glob("*/ipv4_merged.txt")
    ranges = [ip_network(line) for path in clouds for line in path.read_text("ascii").split()]
    for _ in range(20):
        for address in map(ip_address, (addresses.server(rng), addresses.exit(rng))):
            assert any(address in block for block in ranges)


def test_recorded_sizes_replace_made_up_ones_and_leave_the_rest() -> None:
    own = Style(model="large-3", answer_tokens=10.0)
    part = RecordedSizes(input_median=1_000.0, input_spread=0.3, output_median=400.0, output_spread=0.3)
    rng = Random(1)
    found = list(recorded_sizes(rng, (own.ask(rng, "x" * 400) for _ in range(2_000)), [part]))
    assert np.median([request.answer_tokens for request in found]) == pytest.approx(400, rel=0.1)
    assert np.median([request.context_tokens + 100 for request in found]) == pytest.approx(1_000, rel=0.1)
    assert {request.text for request in found} == {"x" * 400}


def test_every_class_works_with_recordings(data_dir: Path) -> None:
    scenario = Scenario(clients=2 * len(EVERY_KIND), duration_s=DAY_S, campaigns=(), kinds=EVERY_KIND, scale=0.3)
    truth = labels(scenario)
    seen = {truth[call.client].kind for call in traffic(scenario, prompt_text, read(data_dir))}
    assert len(seen) > 0.8 * len(EVERY_KIND)


def test_a_folder_without_recordings_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="llm_traces"):
        read(tmp_path)
