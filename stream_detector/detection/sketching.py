"""The prompt sketch: what detectors may know of a prompt. Computed at the first trusted hop; the text goes no further.

All hashes are keyed with a salt that stays at that hop: the same salt gives the same sketch everywhere, another salt an
unrelated one, and without the salt a sketch cannot be compared with guessed texts. It is no cipher: lengths, ratios
and cues are in the clear, and equal texts have equal sketches, which is its purpose.

References: simhash, Charikar, STOC 2002; bottom-k minhash, Broder, SEQUENCES 1997; count-sketch, Charikar, Chen and
Farach-Colton, ICALP 2002.
"""

import hashlib
import math

import numpy as np

from stream_detector.detection.cues import BUILT_IN, CueFinder, Rules
from stream_detector.detection.words import Hashes, WordHasher, Words
from stream_detector.domain.calls import VECTOR_DIMENSIONS, Sketch
from stream_detector.domain.errors import ConfigError

HEAD_WORDS = 8
OPENING_WORDS = 3
SHINGLES = 8
_HASH_BITS = 53
_INT8_MAX = 127
_BYTE_MAX = 255
_HALF = np.array(32, np.uint64)
_START = np.zeros(1, np.intp)
_VECTOR_SHIFT = np.array(64 - (2 * VECTOR_DIMENSIONS - 1).bit_length(), np.uint64)


class Sketcher:
    """Makes sketches under one salt. Holds 2.6 MB of tables: make one and keep it."""

    def __init__(self, salt: bytes, rules: Rules = BUILT_IN) -> None:
        if not salt:
            message = "salt: must not be empty; use at least 16 random bytes, the same at every hop of an installation"
            raise ConfigError(message)
        self._blank = hashlib.blake2b(key=hashlib.shake_256(b"texts" + salt).digest(32), digest_size=8)
        self._hasher = WordHasher(salt)
        self._cues = CueFinder(self._hasher, rules)

    def sketch(self, text: str) -> Sketch:
        """Sketch one prompt. Never fails, whatever the text holds.

        `chars` and `digest` are of the whole text; the rest of its first and last 32 K characters.
        """
        cut = self._hasher.cut(text)
        words = cut.words
        units = words if len(words) else cut.tokens
        head = units[:HEAD_WORDS].tobytes()
        return Sketch(
            head=self._hash53(head),
            digest=self._hash53(text.encode("utf-8", "surrogatepass")),
            simhash=_simhash(units),
            shingles=_shingles(cut),
            vector=_vector(cut.tokens),
            chars=len(text),
            words=len(words),
            distinct_ratio=_distinct(words) / len(words) if len(words) else 0.0,
            symbol_ratio=cut.symbol_ratio,
            opening=self._hash53(head[: OPENING_WORDS * units.itemsize]),
            cues=self._cues.find(cut),
        )

    def _hash53(self, data: bytes) -> int:
        keyed = self._blank.copy()
        keyed.update(data)
        return int.from_bytes(keyed.digest(), "little") >> (64 - _HASH_BITS)


def _distinct(hashes: Hashes) -> int:
    """Number of different values, at least one."""
    ordered = hashes.copy()
    ordered.sort()
    return 1 + int(np.count_nonzero(ordered[1:] != ordered[:-1]))


def _simhash(hashes: Hashes) -> bytes:
    """Bit i is what most words have there. Each bit becomes a byte, and eight bytes at a time are added up."""
    count = len(hashes)
    if not count:
        return bytes(hashes.itemsize)
    bits = np.unpackbits(hashes.view(np.uint8)).view(np.uint64).reshape(-1, 8)
    if count <= _BYTE_MAX:
        votes = np.add.reduceat(bits, _START, axis=0).view(np.uint8)  # a third of what `reduce` takes
    else:
        sums = np.add.reduceat(bits, np.arange(0, count, _BYTE_MAX), axis=0)
        votes = sums.view(np.uint8).reshape(-1, 64).sum(axis=0, dtype=np.int32)
    majority: bytes = np.packbits(votes > count // 2).tobytes()
    return majority


def _shingles(cut: Words) -> tuple[int, ...]:
    """The smallest hashes of three successive words each; of a shorter text, one hash of all its words."""
    hashes = (cut.triples if len(cut.triples) else cut.runs[:1]) >> _HALF
    hashes.sort()
    smallest = dict.fromkeys(hashes[: 2 * SHINGLES].tolist())
    if len(smallest) < SHINGLES < len(hashes):
        smallest = dict.fromkeys([*smallest, *hashes[1:][hashes[1:] != hashes[:-1]][:SHINGLES].tolist()])
    return tuple(smallest)[:SHINGLES]


def _vector(tokens: Hashes) -> bytes:
    """Count of words per (dimension, sign), scaled to length 127, as int8."""
    signed = np.bincount((tokens >> _VECTOR_SHIFT).view(np.int64), minlength=2 * VECTOR_DIMENSIONS)
    counts = signed[:VECTOR_DIMENSIONS] - signed[VECTOR_DIMENSIONS:]
    length = math.sqrt(counts.dot(counts))
    scaled: bytes = np.rint(counts * (_INT8_MAX / max(length, 1.0))).astype(np.int8).tobytes()
    return scaled
