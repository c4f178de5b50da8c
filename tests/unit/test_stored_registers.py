"""Registers of distinct counts are stored apart from the rest of a profile."""

import zlib

import msgspec
import pytest

from stream_detector.detection import state
from stream_detector.detection.examples import example_profile
from stream_detector.domain.errors import ConfigError


def test_a_profile_comes_back_with_its_registers() -> None:
    profile = example_profile(calls=300, gap_s=60.0, new_network=True)
    back = state.decode_profile(state.encode(profile))
    assert any(back.network.networks.current)
    assert msgspec.structs.asdict(back) == msgspec.structs.asdict(profile)


@pytest.mark.parametrize("registers", [b"", b"\1\2\3"], ids=["no registers", "too few"])
def test_a_profile_without_all_its_registers_cannot_be_read(registers: bytes) -> None:
    blob = state.encode(example_profile(calls=20, gap_s=60.0))
    inflater = zlib.decompressobj()
    inflater.decompress(blob[3:])
    cut = blob[: len(blob) - len(inflater.unused_data)] + zlib.compress(registers)
    with pytest.raises(ConfigError, match="cannot be read"):
        state.decode_profile(cut)


def test_a_profile_that_breaks_off_cannot_be_read() -> None:
    blob = state.encode(example_profile(calls=20, gap_s=60.0))
    with pytest.raises(ConfigError, match="cannot be read"):
        state.decode_profile(blob[: len(blob) // 3])
