"""Text -> keyed 64-bit hashes of its words and symbols, without a loop over characters or words.

1. A word is a run of letters and digits; every symbol stands alone. Scripts without spaces (Han, kana, Thai, Lao,
   Tibetan, Burmese, Khmer) yield overlapping pairs of characters instead.
2. Case, accents, compatibility forms (full width, mathematical) and invisible characters do not change a hash.
3. A hash is a polynomial of secret per-character numbers over 2**64, mixed; all words come from one prefix sum.
4. Of a text above `MAX_CHARS` only the first and the last half of that many characters are looked at.

Equal on all platforms. Across Python versions, characters may differ that Unicode added or changed in between.

A short text costs what its calls of NumPy cost, each about half a microsecond: hence few of them, and shared arrays.
"""

import hashlib

import msgspec
import numpy as np
import numpy.typing as npt

from stream_detector.detection.characters import CODE_POINTS, PAGE, PAGE_BITS, Kind, Points, page

MAX_CHARS = 65_536
"""Bounds the work for one prompt."""

LONGEST_RUN = 3
"""Words that are hashed together."""

Hashes = npt.NDArray[np.uint64]
_Points = Points | npt.NDArray[np.uint8]

_HASH = np.dtype("<u8")  # of this byte order everywhere, because sketches look at bytes
_HALF = np.array(32, np.uint64)  # arrays of no dimension cost half of what scalars cost
_SPREAD = np.array(0x9E3779B97F4A7C15, np.uint64)
_THIRD = np.array(0xC2B2AE3D27D4EB4F, np.uint64)
_MULTIPLIER = np.array(0xBF58476D1CE4E5B9, np.uint64)


class Words(msgspec.Struct, frozen=True, gc=False):
    """What a text consists of: parts of one array."""

    words: Hashes
    """In order."""
    triples: Hashes
    """One for each three successive words."""
    runs: Hashes
    """The triples; one for each two successive words; the words."""
    tokens: Hashes
    """The words, and after them the symbols."""
    symbol_ratio: float
    """Symbols / characters looked at; 0 for an empty text."""


_WORD, _SYMBOL, _UNSPACED, _IGNORED, _UNKNOWN = (
    np.array(kind, np.uint8) for kind in (Kind.WORD, Kind.SYMBOL, Kind.UNSPACED, Kind.IGNORED, Kind.UNKNOWN)
)
_ASCII_IN_WORD = (page(0).kinds == _WORD).tobytes()
_ASCII_BUT_SYMBOLS = bytes((page(0).kinds != _SYMBOL).nonzero()[0].tolist())
_BLANK = "\0"
"""Before and after a text, so that every word has a neighbour on both sides."""


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
        self._inverses = _powers(pow(base, -1, 1 << 64))[1:]

    def cut(self, text: str) -> Words:
        """Cut `text` into words and symbols and hash them. Never fails, whatever the text holds."""
        if len(text) > MAX_CHARS:
            text = text[: MAX_CHARS // 2] + text[-MAX_CHARS // 2 :]
        seen, padded = len(text), f"{_BLANK}{text}{_BLANK}"
        if text.isascii():
            data = padded.encode("ascii")
            in_word = np.frombuffer(data.translate(_ASCII_IN_WORD), np.bool_)
            symbols = np.frombuffer(data.translate(None, _ASCII_BUT_SYMBOLS), np.uint8)
            return self._hash(np.frombuffer(data, np.uint8), symbols, _edges(in_word), seen)
        points = np.frombuffer(padded.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.intp)
        kinds = self._kinds_of(points)
        highest = kinds.max()
        if highest == _IGNORED:
            kept = kinds != _IGNORED
            points, kinds = points[kept], kinds[kept]
            highest = _UNSPACED
        edges = _edges_unspaced(kinds) if highest == _UNSPACED else _edges(kinds == _WORD)
        return self._hash(points, points[kinds == _SYMBOL], edges, seen)

    def _kinds_of(self, points: Points) -> npt.NDArray[np.uint8]:
        kinds = self._kinds.take(points)
        if kinds.max() < _UNKNOWN:
            return kinds
        for number in np.unique(points[kinds == _UNKNOWN] >> PAGE_BITS).tolist():
            self._fill(number)
        return self._kinds.take(points)

    def _fill(self, number: int) -> None:
        characters = page(number)
        folded, place = characters.folded, slice(number << PAGE_BITS, (number + 1) << PAGE_BITS)
        self._numbers[place] = self._low.take(folded & (PAGE - 1)) ^ self._high.take(folded >> PAGE_BITS)
        self._kinds[place] = characters.kinds

    def _hash(self, points: _Points, symbols: _Points, edges: Points, seen: int) -> Words:
        """Hash what lies between the edges.

        Args:
            points: code points, with `_BLANK` before and after them.
            symbols: the symbols among them.
            edges: the last character before each word, and the last one of it.
            seen: length of the text.
        """
        sums = self._numbers.take(points)
        sums *= self._powers[: len(sums)]  # in place: fresh memory for 64 K characters costs more than the arithmetic
        np.add.accumulate(sums, out=sums)
        ends = sums.take(edges)
        count = len(edges) >> 1
        start_pairs = count - 2 if count > 1 else 0
        start = start_pairs + count - 1 if count else 0
        shared = np.empty(start + count + len(symbols), _HASH)
        words, tokens = shared[start : start + count], shared[start:]
        np.subtract(ends[1::2], ends[::2], out=words)
        words *= self._inverses.take(edges[::2])
        tokens[count:] = self._numbers.take(symbols)
        _mix(tokens)
        if count > 1:
            pairs, triples = shared[start_pairs:start], shared[:start_pairs]
            np.multiply(words[:-1], _SPREAD, out=pairs)
            pairs += words[1:]
            np.multiply(pairs[:-1], _THIRD, out=triples)
            triples += words[2:]
        return Words(words, shared[:start_pairs], shared[: start + count], tokens, len(symbols) / max(seen, 1))


def _mix(hashes: Hashes) -> None:
    """Spread the bits of each, in place: one round of a multiply-xorshift finaliser.

    The constant is from Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """
    hashes ^= hashes >> _HALF
    hashes *= _MULTIPLIER
    hashes ^= hashes >> _HALF


def _powers(base: int) -> Hashes:
    powers = np.full(MAX_CHARS + 2, base, np.uint64)
    powers[0] = 1
    return np.cumprod(powers)


def _edges(in_word: npt.NDArray[np.bool_]) -> Points:
    """The last character before each run of letters and digits, and the last one of the run, in order."""
    edges: npt.NDArray[np.bool_] = in_word[1:] != in_word[:-1]
    return edges.nonzero()[0]


def _edges_unspaced(kinds: npt.NDArray[np.uint8]) -> Points:
    """The last character before each word, and the last one of it; words are pairs in scripts without spaces."""
    in_word, unspaced = kinds == _WORD, kinds == _UNSPACED
    before, here, after = unspaced[:-2], unspaced[1:-1], unspaced[2:]
    word_starts = in_word[1:-1] > in_word[:-2]
    starts = (word_starts | (here & (after | ~before))).nonzero()[0]  # the last of a run is in the pair before it
    edges = np.empty((len(starts), 2), np.intp)
    ends = edges[:, 1]
    edges[:, 0] = starts
    np.add(starts, after.take(starts), out=ends)
    ends += 1
    ends[word_starts.take(starts)] = (in_word[:-1] > in_word[1:]).nonzero()[0]
    return edges.reshape(-1)
