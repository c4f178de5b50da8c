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
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIER = np.uint64(0xBF58476D1CE4E5B9)


class Words(msgspec.Struct, frozen=True):
    """What a text consists of."""

    words: Hashes
    """In order."""
    tokens: Hashes
    """The words, and after them the symbols."""
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
            kinds = _ASCII_KINDS.take(codes)
            return self._hash(kinds, self._ascii.take(codes), _spaced(kinds), len(text))
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.intp)
        kinds = _characters.kinds(points)
        kept = kinds != _IGNORED
        if not kept.all():
            points, kinds = points[kept], kinds[kept]
        return self._hash(kinds, self._numbers(_characters.folded(points)), _spans(kinds), len(text))

    def _numbers(self, points: Points) -> Hashes:
        numbers: Hashes = self._low.take(points & (PAGE - 1))
        numbers ^= self._high.take(points >> PAGE_BITS)
        return numbers

    def _hash(self, kinds: npt.NDArray[np.uint8], numbers: Hashes, spans: _Spans, seen: int) -> Words:
        """Overwrites `numbers`: fresh memory for 64 K characters costs more than the arithmetic."""
        symbols = numbers[kinds == _SYMBOL]
        numbers *= self._powers[: len(numbers)]
        first = numbers.take(spans.starts)
        numbers.cumsum(out=numbers)
        sums = numbers.take(spans.ends - 1)
        sums -= numbers.take(spans.starts)
        sums += first
        sums *= self._inverses.take(spans.starts)
        tokens = np.concatenate((sums, symbols))
        _mix(tokens)
        return Words(tokens[: len(sums)], tokens, len(symbols) / max(seen, 1))


def pairs_of(words: Hashes) -> Hashes:
    """One hash for each two successive words."""
    return words[:-1] * _SPREAD + words[1:]


def _mix(hashes: Hashes) -> None:
    """Spread the bits of each, in place: one round of a multiply-xorshift finaliser.

    The constant is from Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """
    hashes ^= hashes >> _HALF
    hashes *= _MULTIPLIER
    hashes ^= hashes >> _HALF


def _powers(base: int) -> Hashes:
    powers = np.full(MAX_CHARS + 1, base, np.uint64)
    powers[0] = 1
    return np.cumprod(powers)


def _spaced(kinds: npt.NDArray[np.uint8]) -> _Spans:
    """Where runs of letters and digits lie, in order."""
    in_word = np.zeros(len(kinds) + 2, np.bool_)
    np.equal(kinds, _WORD, out=in_word[1:-1])
    edges = (in_word[1:] != in_word[:-1]).nonzero()[0]
    return _Spans(edges[::2], edges[1::2])


def _spans(kinds: npt.NDArray[np.uint8]) -> _Spans:
    """Where words lie, in order, pairs of characters of scripts without spaces among them."""
    spaced = _spaced(kinds)
    unspaced = (kinds == _UNSPACED).nonzero()[0]
    if not len(unspaced):
        return spaced
    joined = np.zeros(len(unspaced) + 1, np.bool_)  # to the character before; the first and the end are not
    np.equal(unspaced[1:], unspaced[:-1] + 1, out=joined[1:-1])
    pairs = unspaced[joined[1:]]
    alone = unspaced[~(joined[1:] | joined[:-1])]
    starts = np.concatenate((spaced.starts, pairs, alone))
    order = starts.argsort()
    return _Spans(starts[order], np.concatenate((spaced.ends, pairs + 2, alone + 1))[order])
