"""Code points -> kind of character and folded form, as NumPy tables of 256 code points, made when first needed.

Folding drops case, accents and compatibility forms, one code point at a time: the cost is bounded, whereas Python's
normalisation of a whole text can be made quadratic by its sender.
"""

import sys
import unicodedata
from enum import IntEnum
from functools import cache

import msgspec
import numpy as np
import numpy.typing as npt

CODE_POINTS = sys.maxunicode + 1
PAGE_BITS = 8
PAGE = 1 << PAGE_BITS

Points = npt.NDArray[np.intp]


class Kind(IntEnum):
    """What a character does to the words around it."""

    SPACE = 0
    """White space and control characters."""
    WORD = 1
    """Letters and digits of scripts that put spaces between words."""
    SYMBOL = 2
    UNSPACED = 3
    """Letters of scripts that do not."""
    IGNORED = 4
    """Accents and invisible formatting: removed before words are cut."""
    UNKNOWN = 5
    """Not looked up yet. No character is."""


_UNSPACED_RANGES = (
    range(0x0E00, 0x10A0),  # Thai, Lao, Tibetan, Burmese
    range(0x1780, 0x1800),  # Khmer
    range(0x3040, 0x3100),  # Hiragana, Katakana
    range(0x31F0, 0x3200),
    range(0x3400, 0xA000),  # Han
    range(0xF900, 0xFB00),
    range(0x20000, 0x40000),
)


class Page(msgspec.Struct, frozen=True):
    """What 256 successive code points are."""

    kinds: npt.NDArray[np.uint8]
    """`Kind` of each, as numbers."""
    folded: Points
    """Each without case, accent and compatibility form."""


@cache
def page(number: int) -> Page:
    """The code points from 256 * `number` on."""
    folded = [_fold(chr(point)) for point in range(number << PAGE_BITS, (number + 1) << PAGE_BITS)]
    return Page(np.array(list(map(_kind_of, folded)), np.uint8), np.array(list(map(ord, folded)), np.intp))


def _fold(character: str) -> str:
    folded = unicodedata.normalize("NFKD", character).lower()
    if all(unicodedata.category(mark) == "Mn" for mark in folded[1:]):
        return folded[0]
    return character


def _kind_of(character: str) -> Kind:
    category = unicodedata.category(character)
    if category in {"Mn", "Cf"}:
        return Kind.IGNORED
    if category[0] in "LNM":
        point = ord(character)
        return Kind.UNSPACED if any(point in scripts for scripts in _UNSPACED_RANGES) else Kind.WORD
    if category[0] == "Z" or category == "Cc":
        return Kind.SPACE
    return Kind.SYMBOL
