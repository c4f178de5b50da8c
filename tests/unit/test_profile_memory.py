"""What a client costs in memory. The worker's limit is planned with it."""

import gc
import tracemalloc
from collections import defaultdict
from itertools import islice

import pytest

from stream_detector.detection.profile import Profile
from stream_detector.detection.state import decode_profile, encode
from stream_detector.detection.windows.distinct import SlidingDistinct
from stream_detector.simulate.scenario import Scenario, traffic

CALLS = 20_000
ENOUGH = 32
"""Calls from which a client's windows are in use."""
MEAN_BYTES = 14_500
DAY_S = 86_400.0


@pytest.fixture(scope="module")
def blobs() -> list[bytes]:
    profiles: dict[str, Profile] = defaultdict(Profile)
    scenario = Scenario(start_s=1_750_000_000.0, duration_s=10 * DAY_S, clients=60, scale=0.05)
    for call in islice(traffic(scenario), CALLS):
        profiles[call.client].observe(call)
    return [encode(profile) for profile in profiles.values() if profile.calls >= ENOUGH]


def test_profiles_take_fourteen_kilobytes_of_memory_on_average(blobs: list[bytes]) -> None:
    decode_profile(blobs[0])  # what is made once for all profiles is none of theirs
    gc.collect()
    tracemalloc.start()
    try:
        profiles = [decode_profile(blob) for blob in blobs]
        size_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(profiles) >= 10
    assert size_bytes / len(profiles) <= MEAN_BYTES


def test_a_sliding_count_that_is_not_used_takes_no_registers() -> None:
    count = SlidingDistinct.of(5, DAY_S)
    assert (count.registers, count.count(10 * DAY_S), count.current) == (None, 0.0, bytes(32))
    count.add(10 * DAY_S, 7)
    assert count.registers is not None
    assert count.count(10 * DAY_S) == pytest.approx(1.0, abs=0.1)
