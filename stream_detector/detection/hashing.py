"""Stable hashes of short texts: equal in every process, on every machine, unlike Python's `hash`."""

from functools import lru_cache
from hashlib import blake2b


@lru_cache(maxsize=1 << 16)
def hash64(text: str) -> int:
    """64-bit hash of `text`; cached, because addresses, user agents and token ids repeat."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def settled(value: float | None) -> float | None:
    """The one way to write a number: 1 and 1.0, 0.0 and -0.0 are equal, and a cache must not care which came first.

    >>> settled(1), settled(-0.0), settled(None)
    (1.0, 0.0, None)
    """
    return None if value is None else value + 0.0


_MASK64 = (1 << 64) - 1


def mix64(value: int) -> int:
    """Spread the bits of an integer: the finaliser of MurmurHash3 (Appleby, 2011)."""
    value &= _MASK64
    value = ((value ^ (value >> 33)) * 0xFF51AFD7ED558CCD) & _MASK64
    value = ((value ^ (value >> 33)) * 0xC4CEB9FE1A85EC53) & _MASK64
    return value ^ (value >> 33)
