"""State as bytes: versioned, deflated MessagePack of plain values. No pickle: who can write Redis must not run code here.

Registers of distinct counts are deflated apart from the rest: they are small numbers, the rest is mostly hashes, and one code
for both would make a profile 7 % larger.
"""

import io
import zlib
from typing import Any, TypeVar

import msgspec

from stream_detector.detection.digest import Digest, DigestState
from stream_detector.detection.kinds import Kinds
from stream_detector.detection.outlier import Outlier, OutlierState
from stream_detector.detection.partition import Partition
from stream_detector.detection.profile import Profile
from stream_detector.detection.purpose_model import PurposeModel, PurposeState
from stream_detector.detection.windows.baseline import Baseline
from stream_detector.detection.windows.distinct import Registers
from stream_detector.domain.errors import ConfigError

_State = TypeVar("_State", Profile, Partition)

VERSION = 8
_LEVEL = 6
"""Of deflation: half the size; level 1 is a third faster and its largest profiles are 4 % larger, which is over 2 KB."""
_HEADER = bytes([0x53, 0x44, VERSION])


def _to_plain(value: Any) -> Any:  # noqa: ANN401 - msgspec's hook
    if isinstance(value, (Baseline, Digest, Kinds, Outlier, PurposeModel)):
        return value.state()
    raise NotImplementedError(type(value))


def _from_plain(kind: type, value: Any) -> Any:  # noqa: ANN401 - msgspec's hook
    if kind is Baseline:
        return Baseline.from_state(msgspec.convert(value, tuple[float, float, float, float]))
    if kind is Digest:
        return Digest.from_state(msgspec.convert(value, DigestState))
    if kind is Kinds:
        return Kinds.from_state(msgspec.convert(value, list[list[float]]))
    if kind is Outlier:
        return Outlier.from_state(msgspec.convert(value, OutlierState))
    if kind is PurposeModel:
        return PurposeModel.from_state(msgspec.convert(value, PurposeState))
    raise NotImplementedError(kind)


def encode(state: Profile | Partition) -> bytes:
    """Everything needed to go on; equal state gives equal bytes."""
    registers = bytearray()

    def set_apart(value: Any) -> Any:  # noqa: ANN401 - msgspec's hook
        if isinstance(value, Registers):
            registers.extend(value)
            return len(value)
        return _to_plain(value)

    rest = msgspec.msgpack.encode(state, enc_hook=set_apart)
    return _HEADER + zlib.compress(rest, _LEVEL) + zlib.compress(registers, _LEVEL)


def decode_profile(blob: bytes) -> Profile:
    """Exactly the profile that was encoded.

    Raises:
        ConfigError: the bytes are not a profile of this version.
    """
    return _decode(Profile, blob, "profile")


def decode_partition(blob: bytes) -> Partition:
    """Exactly the partition that was encoded.

    Raises:
        ConfigError: the bytes are not a partition of this version.
    """
    return _decode(Partition, blob, "partition state")


def _decode(kind: type[_State], blob: bytes, what: str) -> _State:
    if blob[:3] != _HEADER:
        message = (
            f"{what} in the store: header {blob[:3].hex()}, this release reads {_HEADER.hex()}; "
            "start with another STREAM_DETECTOR_KEY_PREFIX"
        )
        raise ConfigError(message)
    try:
        inflater = zlib.decompressobj()
        rest = inflater.decompress(memoryview(blob)[3:])
        return _rejoined(kind, rest, io.BytesIO(zlib.decompress(inflater.unused_data)))
    except (zlib.error, msgspec.DecodeError) as error:
        message = f"{what} in the store cannot be read ({error}); start with another STREAM_DETECTOR_KEY_PREFIX"
        raise ConfigError(message) from error


def _rejoined(kind: type[_State], rest: bytes, registers: io.BytesIO) -> _State:
    def put_back(kind: type, value: Any) -> Any:  # noqa: ANN401 - msgspec's hook
        if kind is not Registers:
            return _from_plain(kind, value)
        found = Registers(registers.read(value))
        if len(found) != value:
            message = f"{value} registers expected, {len(found)} found"
            raise ValueError(message)
        return found

    return msgspec.msgpack.decode(rest, type=kind, dec_hook=put_back)
