"""How many different things: HyperLogLog, and a sliding version of it.

Reference: Flajolet, Fusy, Gandouet, Meunier, "HyperLogLog" (AofA 2007), with linear counting for small ranges.
Own code instead of a library: River's `sketch` has no mergeable, encodable counter below 1 KB, and a client has 2 KB in all.
"""

import math
from typing import Self

import numpy as np
from msgspec import Struct

_POWERS = np.array([2.0**-rank for rank in range(66)])
"""Their sums are exact, in whatever order they are added."""
_BELOW = tuple((1 << rank) - 1 for rank in range(66))
"""A hash with one of these bits has a lower or equal rank: most hashes of a busy client end there."""
_SENTINEL = 1 << 60
_DAY_S = 86_400.0
_SMALL = 2.5
"""Times the number of registers: linear counting is better up to there."""
_LARGE = 128
"""From this size on the general formula of alpha holds."""


class Registers(bytearray):
    """One small number per byte; a type of its own, because `detection.state` stores such bytes apart from others."""

    __slots__ = ()


def _zeros(precision: int) -> Registers:
    return Registers(1 << precision)


def estimate(registers: bytes | bytearray) -> float:
    """Distinct items; the relative standard error is 1.04 / sqrt(len(registers))."""
    size = len(registers)
    empty = registers.count(0)
    alpha = 0.7213 / (1.0 + 1.079 / size) if size >= _LARGE else 0.709
    if _SMALL * empty >= alpha * size:  # as every empty register adds 1 to the sum below, the range is surely small
        return size * math.log(size / empty)
    raw = alpha * size * size / float(np.add.reduce(_POWERS.take(np.frombuffer(registers, np.uint8))))
    if empty and raw <= _SMALL * size:
        return size * math.log(size / empty)
    return raw


def _rank(rest: int) -> int:
    """Place of the lowest bit, from 1."""
    rest |= _SENTINEL
    return (rest & -rest).bit_length()


class Distinct(Struct, array_like=True, gc=False):
    """Counts the distinct 64-bit hashes it was given, since the start."""

    registers: Registers

    @classmethod
    def of(cls, precision: int) -> Self:
        """`2**precision` bytes; standard error 26 % at 4, 13 % at 6, 9 % at 7."""
        return cls(_zeros(precision))

    def add(self, hashed: int) -> None:
        """Count one item; the low bits of `hashed` must be uniform, about 20 more of them than the precision."""
        registers = self.registers
        size = len(registers)
        index = hashed & (size - 1)
        rest = hashed // size
        if not rest & _BELOW[registers[index]]:
            registers[index] = _rank(rest)

    def count(self) -> float:
        """Estimated number of distinct items."""
        return estimate(self.registers)


class SlidingDistinct(Struct, array_like=True, gc=False):
    """Counts the distinct hashes of the last one to two periods (two generations)."""

    days: int
    """Of a period."""
    size: int
    """Registers of a period."""
    registers: Registers | None = None
    """Of the current period, and after them those of the one before; made when needed, because many clients never do."""
    epoch: int = -1

    @classmethod
    def of(cls, precision: int, period_s: float) -> Self:
        """Twice `2**precision` bytes; a period is some days."""
        return cls(int(period_s // _DAY_S), 1 << precision)

    def add(self, ts: float, hashed: int) -> None:
        """Count one item at event time `ts`; late items count in the current period."""
        epoch = int(ts // _DAY_S) // self.days
        registers = self.registers
        if epoch > self.epoch or registers is None:
            registers = self._advance(epoch)
        size = self.size
        index = hashed & (size - 1)
        rest = hashed // size
        if not rest & _BELOW[registers[index]]:
            registers[index] = rank = _rank(rest)
            if registers[size + index] <= rank:
                registers[size + index] = 0  # what the larger one says is enough, and zeros are cheap to store

    def _advance(self, epoch: int) -> Registers:
        before = self.current if epoch == self.epoch + 1 else bytes(self.size)
        self.registers = Registers(bytes(self.size) + before)
        self.epoch = epoch
        return self.registers

    @property
    def current(self) -> bytes:
        """Registers of the current period."""
        return bytes(self.size) if self.registers is None else bytes(self.registers[: self.size])

    def count(self, now_s: float) -> float:
        """Estimated number of distinct items in the period of `now_s` and the one before, whenever the last one came."""
        passed = int(now_s // _DAY_S) // self.days - self.epoch
        if passed > 1 or self.registers is None:
            return 0.0
        size = self.size
        if passed == 1 or self.registers.count(0, size) == size:
            return estimate(self.current)
        return estimate(np.frombuffer(self.registers, np.uint8).reshape(2, size).max(axis=0).tobytes())
