"""Text -> keyed 64-bit hashes of its words and symbols, without a loop over characters or words.

1. A word is a run of letters and digits; every symbol stands alone. Scripts without spaces (Han, kana, Thai, Lao,
   Tibetan, Burmese, Khmer) yield overlapping pairs of characters instead.
2. Case, accents, compatibility forms (full width, mathematical) and invisible characters do not change a hash.
3. A hash is a polynomial of secret per-character numbers over 2**64, mixed; all words come from one prefix sum.
4. Of a text above `MAX_CHARS` only the first and the last half of that many characters are looked at.

Equal on all platforms. Across Python versions, characters may differ that Unicode added or changed in between.
"""

import hashlib

import msgspec
import numpy as np
import numpy.typing as npt

from stream_detector.detection.characters import CODE_POINTS, PAGE, PAGE_BITS, CharacterTable, Kind, Points

MAX_CHARS = 65_536
"""Bounds the work for one prompt."""

Hashes = npt.NDArray[np.uint64]

_HALF = np.uint64(32)
_MULTIPLIER = np.uint64(0xBF58476D1CE4E5B9)


class Words(msgspec.Struct, frozen=True):
    """What a text consists of."""

    words: Hashes
    """In order."""
    symbols: Hashes
    """In order."""
    symbol_ratio: float
    """Symbols / characters looked at; 0 for an empty text."""


class _Spans(msgspec.Struct, frozen=True):
    starts: Points
    ends: Points


_WORD, _SYMBOL, _UNSPACED, _IGNORED = map(np.uint8, (Kind.WORD, Kind.SYMBOL, Kind.UNSPACED, Kind.IGNORED))
_characters = CharacterTable()
_ASCII = np.arange(PAGE, dtype=np.intp)
_ASCII_KINDS = _characters.kinds(_ASCII)


class WordHasher:
    """Cuts and hashes texts under one salt."""

    def __init__(self, salt: bytes) -> None:
        stream = hashlib.shake_256(b"words" + salt).digest(8 * (1 + PAGE + (CODE_POINTS >> PAGE_BITS)))
        secret = np.frombuffer(stream, "<u8").astype(np.uint64)
        self._low, self._high = secret[1 : 1 + PAGE], secret[1 + PAGE :]
        self._ascii = self._numbers(_characters.folded(_ASCII))
        base = int(secret[0]) | 1  # odd, so that it has an inverse
        self._powers = _powers(base)
        self._inverses = _powers(pow(base, -1, 1 << 64))

    def cut(self, text: str) -> Words:
        """Cut `text` into words and symbols and hash them. Never fails, whatever the text holds."""
        if len(text) > MAX_CHARS:
            text = text[: MAX_CHARS // 2] + text[-MAX_CHARS // 2 :]
        if text.isascii():
            codes = np.frombuffer(text.encode("ascii"), np.uint8)
            return self._hash(_ASCII_KINDS.take(codes), self._ascii.take(codes), len(text))
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.intp)
        kinds = _characters.kinds(points)
        kept = kinds != _IGNORED
        if not kept.all():
            points, kinds = points[kept], kinds[kept]
        return self._hash(kinds, self._numbers(_characters.folded(points)), len(text))

    def _numbers(self, points: Points) -> Hashes:
        numbers: Hashes = self._low.take(points & (PAGE - 1))
        numbers ^= self._high.take(points >> PAGE_BITS)
        return numbers

    def _hash(self, kinds: npt.NDArray[np.uint8], numbers: Hashes, seen: int) -> Words:
        """Overwrites `numbers`: fresh memory for 64 K characters costs more than the arithmetic."""
        symbols = mix(numbers[kinds == _SYMBOL])
        spans = _spans(kinds)
        numbers *= self._powers[: len(numbers)]
        first = numbers.take(spans.starts)
        np.cumsum(numbers, out=numbers)
        sums = numbers.take(spans.ends - 1) - numbers.take(spans.starts) + first
        return Words(mix(sums * self._inverses.take(spans.starts)), symbols, len(symbols) / max(seen, 1))


def mix(hashes: Hashes) -> Hashes:
    """Spread the bits of each, in place: one round of a multiply-xorshift finaliser.

    The constant is from Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """
    hashes ^= hashes >> _HALF
    hashes *= _MULTIPLIER
    hashes ^= hashes >> _HALF
    return hashes


def _powers(base: int) -> Hashes:
    powers = np.full(MAX_CHARS + 1, base, np.uint64)
    powers[0] = 1
    return np.cumprod(powers)


def _spans(kinds: npt.NDArray[np.uint8]) -> _Spans:
    """Where words lie, in order."""
    in_word = np.zeros(len(kinds) + 2, np.bool_)
    np.equal(kinds, _WORD, out=in_word[1:-1])
    edges = (in_word[1:] != in_word[:-1]).nonzero()[0]
    starts, ends = edges[::2], edges[1::2]
    unspaced = (kinds == _UNSPACED).nonzero()[0]
    if not len(unspaced):
        return _Spans(starts, ends)
    joined = np.zeros(len(unspaced) + 1, np.bool_)  # to the character before; the first and the end are not
    np.equal(unspaced[1:], unspaced[:-1] + 1, out=joined[1:-1])
    pairs = unspaced[joined[1:]]
    alone = unspaced[~(joined[1:] | joined[:-1])]
    starts = np.concatenate((starts, pairs, alone))
    order = starts.argsort()
    return _Spans(starts[order], np.concatenate((ends, pairs + 2, alone + 1))[order])
