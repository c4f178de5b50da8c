"""Many numbers in little memory: how many of them were not lower than this one?

A t-digest (Dunning and Ertl, arXiv 1902.04023; Apache DataSketches) keeps groups of like numbers: large ones in the middle,
single numbers at the ends, so that the tail is nearly exact. (Its KLL sketch leaves out numbers at random, and could not resume
exactly.)

1. Resuming gives the same bytes as not stopping. A t-digest's own buffer is emptied by every query and every encoding, and the
   groups depend on when. So numbers wait here, and go in by the batch.
2. It forgets by generations, because a t-digest cannot weigh less what is old: when the latest one is full, it becomes the
   earlier one, and the one before that is dropped. So a number counts for `GENERATION` to twice as many later ones.
"""

from bisect import bisect_left, insort
from typing import Self

import numpy as np
from datasketches import tdigest_float
from msgspec import Struct

GENERATION = 4096
"""Numbers; a multiple of `BATCH`."""
BATCH = 16
GROUPS = 64
"""About 700 bytes a generation; the six highest numbers stand alone, and of equal numbers at most 1 in 8 is taken for lower."""


class DigestState(Struct, array_like=True, frozen=True):
    """All that a digest holds."""

    pending: list[float]
    latest: bytes
    """In the format of Apache DataSketches, as the next."""
    earlier: bytes


class Digest:
    """Online sketch of the upper tail. Encoded as plain values (`state`, `from_state`)."""

    __slots__ = ("_earlier", "_latest", "_pending")

    def __init__(self) -> None:
        self._pending: list[float] = []
        """The last numbers, ascending; fewer than `BATCH`."""
        self._latest = tdigest_float(GROUPS)
        self._earlier = tdigest_float(GROUPS)

    @property
    def weight(self) -> int:
        """How many numbers it stands for; at most two generations."""
        grouped: int = self._latest.get_total_weight() + self._earlier.get_total_weight()
        return grouped + len(self._pending)

    def add(self, value: float) -> None:
        """Take in one number."""
        insort(self._pending, value)
        if len(self._pending) < BATCH:
            return
        if self._latest.get_total_weight() >= GENERATION:
            self._earlier, self._latest = self._latest, tdigest_float(GROUPS)
        self._latest.update(np.array(self._pending))
        self._latest.compress()
        self._pending.clear()

    def at_least(self, value: float) -> float:
        """How many numbers are not lower than `value`."""
        found = float(len(self._pending) - bisect_left(self._pending, value))
        for groups in (self._latest, self._earlier):
            weight = groups.get_total_weight()
            if weight:
                found += weight * (1.0 - groups.get_rank(value))
        return found

    def state(self) -> DigestState:
        """Everything needed to go on."""
        return DigestState(list(self._pending), self._latest.serialize(), self._earlier.serialize())

    @classmethod
    def from_state(cls, state: DigestState) -> Self:
        """Exactly the digest that `state` was taken from.

        Raises:
            ValueError: the bytes are not t-digests.
        """
        digest = cls()
        digest._pending = list(state.pending)
        digest._latest, digest._earlier = _read(state.latest), _read(state.earlier)
        return digest

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Digest) and self.state() == other.state()

    __hash__ = None  # type: ignore[assignment]  # mutable


def _read(groups: bytes) -> tdigest_float:
    try:
        return tdigest_float.deserialize(groups)
    except (IndexError, RuntimeError) as error:
        message = f"t-digest: {error}"
        raise ValueError(message) from error
