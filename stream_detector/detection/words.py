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

from stream_detector.detection.characters import CODE_POINTS, PAGE, PAGE_BITS, Kind, Points, page

MAX_CHARS = 65_536
"""Bounds the work for one prompt."""

Hashes = npt.NDArray[np.uint64]

_HALF = np.array(32, np.uint64)  # arrays of no dimension cost half of what scalars cost
_SPREAD = np.array(0x9E3779B97F4A7C15, np.uint64)
_MULTIPLIER = np.array(0xBF58476D1CE4E5B9, np.uint64)


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


_WORD, _SYMBOL, _UNSPACED, _IGNORED, _UNKNOWN = (
    np.array(kind, np.uint8) for kind in (Kind.WORD, Kind.SYMBOL, Kind.UNSPACED, Kind.IGNORED, Kind.UNKNOWN)
)
_ASCII_KINDS = page(0).kinds.tobytes()
_ASCII_IN_WORD = (page(0).kinds == _WORD).tobytes()


class WordHasher:
    """Cuts and hashes texts under one salt."""

    def __init__(self, salt: bytes) -> None:
        stream = hashlib.shake_256(b"words" + salt).digest(8 * (1 + PAGE + (CODE_POINTS >> PAGE_BITS)))
        secret = np.frombuffer(stream, "<u8").astype(np.uint64)
        self._low, self._high = secret[1 : 1 + PAGE], secret[1 + PAGE :]
        self._numbers = np.zeros(CODE_POINTS, np.uint64)  # memory is taken when a page is filled
        self._kinds = np.full(CODE_POINTS, _UNKNOWN)
        self._fill(0)
        base = int(secret[0]) | 1  # odd, so that it has an inverse
        self._powers = _powers(base)
        self._inverses = _powers(pow(base, -1, 1 << 64))

    def cut(self, text: str) -> Words:
        """Cut `text` into words and symbols and hash them. Never fails, whatever the text holds."""
        if len(text) > MAX_CHARS:
            text = text[: MAX_CHARS // 2] + text[-MAX_CHARS // 2 :]
        if text.isascii():
            data = text.encode("ascii")
            kinds = np.frombuffer(data.translate(_ASCII_KINDS), np.uint8)
            spans = _spaced(np.frombuffer(b"\0" + data.translate(_ASCII_IN_WORD) + b"\0", np.bool_))
            return self._hash(kinds, self._numbers.take(np.frombuffer(data, np.uint8)), spans, len(text))
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.intp)
        kinds = self._kinds_of(points)
        highest = kinds.max()
        if highest >= _IGNORED:
            kept = kinds != _IGNORED
            points, kinds = points[kept], kinds[kept]
            highest = _UNSPACED
        in_word = _padded(kinds, _WORD)
        spans = _spans(in_word, _padded(kinds, _UNSPACED)) if highest == _UNSPACED else _spaced(in_word)
        return self._hash(kinds, self._numbers.take(points), spans, len(text))

    def _kinds_of(self, points: Points) -> npt.NDArray[np.uint8]:
        kinds = self._kinds.take(points)
        unknown = kinds == _UNKNOWN
        if not unknown.any():
            return kinds
        for number in np.unique(points[unknown] >> PAGE_BITS).tolist():
            self._fill(number)
        return self._kinds.take(points)

    def _fill(self, number: int) -> None:
        characters = page(number)
        folded, place = characters.folded, slice(number << PAGE_BITS, (number + 1) << PAGE_BITS)
        self._numbers[place] = self._low.take(folded & (PAGE - 1)) ^ self._high.take(folded >> PAGE_BITS)
        self._kinds[place] = characters.kinds

    def _hash(self, kinds: npt.NDArray[np.uint8], numbers: Hashes, spans: _Spans, seen: int) -> Words:
        """Overwrites `numbers`: fresh memory for 64 K characters costs more than the arithmetic."""
        symbols = numbers[kinds == _SYMBOL]
        count = len(spans.starts)
        tokens = np.empty(count + len(symbols), np.uint64)
        numbers *= self._powers[: len(numbers)]
        sums = np.empty(len(numbers) + 1, np.uint64)
        sums[0] = 0
        np.add.accumulate(numbers, out=sums[1:])
        words = tokens[:count]
        np.subtract(sums.take(spans.ends), sums.take(spans.starts), out=words)
        words *= self._inverses.take(spans.starts)
        tokens[count:] = symbols
        _mix(tokens)
        return Words(words, tokens, len(symbols) / max(seen, 1))


def pairs_of(words: Hashes) -> Hashes:
    """One hash for each two successive words."""
    pairs = words[:-1] * _SPREAD
    pairs += words[1:]
    return pairs


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


def _padded(kinds: npt.NDArray[np.uint8], kind: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Which characters are of this kind, with one that is not before the first and after the last."""
    found = np.zeros(len(kinds) + 2, np.bool_)
    np.equal(kinds, kind, out=found[1:-1])
    return found


def _spaced(in_word: npt.NDArray[np.bool_]) -> _Spans:
    """Where runs of letters and digits lie, in order."""
    edges = (in_word[1:] != in_word[:-1]).nonzero()[0]
    return _Spans(edges[::2], edges[1::2])


def _spans(in_word: npt.NDArray[np.bool_], unspaced: npt.NDArray[np.bool_]) -> _Spans:
    """Where words lie, in order, pairs of characters of scripts without spaces among them."""
    before, here, after = unspaced[:-2], unspaced[1:-1], unspaced[2:]
    word_starts = in_word[1:-1] > in_word[:-2]
    starts = (word_starts | (here & (after | ~before))).nonzero()[0]  # the last of a run is in the pair before it
    ends = starts + 1 + after.take(starts)
    ends[word_starts.take(starts)] = (in_word[:-1] > in_word[1:]).nonzero()[0]
    return _Spans(starts, ends)
