"""Stable hashes of short texts: equal in every process, on every machine, unlike Python's `hash`."""

from functools import lru_cache
from hashlib import blake2b


@lru_cache(maxsize=1 << 16)
def hash64(text: str) -> int:
    """64-bit hash of `text`; cached, because addresses, user agents and token ids repeat."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


_MASK64 = (1 << 64) - 1


def mix64(value: int) -> int:
    """Spread the bits of an integer: the finaliser of MurmurHash3 (Appleby, 2011)."""
    value &= _MASK64
    value = ((value ^ (value >> 33)) * 0xFF51AFD7ED558CCD) & _MASK64
    value = ((value ^ (value >> 33)) * 0xC4CEB9FE1A85EC53) & _MASK64
    return value ^ (value >> 33)
