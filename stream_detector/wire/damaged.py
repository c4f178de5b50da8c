r"""JSON that msgspec refuses, though programs write it, or clients have a hand in it: read as far as it goes.

1. `NaN`, `Infinity` and numbers such as `1e999` are read as what they say: not finite, so no field takes them.
2. Halves of characters (`\ud83d` alone, or bytes that are no UTF-8) become `STAND_IN`.
3. What lies more than a hundred levels deep becomes null.

It costs several times what msgspec does, so ask msgspec first. Time and memory grow with the size, and nothing else.
"""

import json
import math
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

STAND_IN: Final = "\uffff"
"""For halves of characters. Unicode gives it to nobody, and it is not printable, so it gets into no client's name."""
_MOST_LEVELS = 100
_STRETCH_BYTES = 1 << 20
_QUOTE, _COMMA = b'",'
_HALF: Final = re.compile("[\ud800-\udfff]")
_HALF_ESCAPED: Final = re.compile(
    r"\\\\|\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|\\u(d[89a-f][0-9a-f]{2})", re.IGNORECASE
)
_STEPS: Final = np.zeros(256, np.int8)
_STEPS[list(b"[{")] = 1
_STEPS[list(b"]}")] = -1


class _Stretch(Struct):
    """A piece of JSON."""

    start: int
    """Where it begins."""
    codes: NDArray[np.uint8]
    """Its bytes; 0 in texts."""
    levels: NDArray[np.int32]
    """How many brackets are open after each byte."""

    def where(self, those: NDArray[np.bool_]) -> list[int]:
        """Places in the whole."""
        return [self.start + place for place in np.flatnonzero(those).tolist()]


def elements(array: bytes) -> list[bytes]:
    """The elements of an array, each as it is written, whatever it is.

    >>> elements(b'[{"a": NaN}, [1, 2], "[,"]')
    [b'{"a": NaN}', b'[1, 2]', b'"[,"']

    Raises:
        ValueError: it does not end where it should.
    """
    if array[:1] + array[-1:] != b"[]" or not is_one(array):
        message = "the array has no end, or more than one"
        raise ValueError(message)
    cuts = [0]
    for each in _stretches(array):
        cuts += each.where((each.codes == _COMMA) & (each.levels == 1))
    return [array[before + 1 : after].strip() for before, after in pairwise([*cuts, len(array) - 1])]


def is_one(document: bytes) -> bool:
    """Whether the last bracket closes the first one, as in one array or object.

    >>> is_one(b'{"a": [NaN]}'), is_one(b'{"a": 1} {"a": 2}'), is_one(b'{"a": [1')
    (True, False, False)
    """
    outside, level = 0, 1
    for each in _stretches(document):
        outside += int(np.count_nonzero(each.levels <= 0))
        level = int(each.levels[-1])
    return outside == 1 and level == 0


def decoded(document: bytes) -> object:
    r"""Plain values.

    >>> decoded(b'{"a": [NaN, 1e999], "b": "caf\xe9"}')
    {'a': [nan, inf], 'b': 'caf\uffff'}

    Raises:
        ValueError: it is no JSON even so.
    """
    text = _HALF.sub(STAND_IN, _shallow(document).decode("utf-8", "surrogateescape"))
    text = _HALF_ESCAPED.sub(lambda found: STAND_IN if found[1] else found[0], text)
    try:
        return _decoder.decode(text)
    except RecursionError as error:  # brackets that do not match
        message = "nested too deeply"
        raise ValueError(message) from error


def mended(document: bytes) -> bytes:
    """The same as msgspec takes it, with null for numbers that are not finite; as it is, where that makes it no JSON.

    >>> mended(b'{"a": [NaN]}'), mended(b'{"a"')
    (b'{"a":[null]}', b'{"a"')
    """
    try:
        return msgspec.json.encode(decoded(document))
    except ValueError:
        return document


def _stretches(document: bytes) -> Iterator[_Stretch]:
    """From the first byte to the last. In stretches, so that a large document needs little memory."""
    plain = document.replace(rb"\\", b"--").replace(rb"\"", b"--")
    quotes, level = 0, 0
    for start in range(0, len(plain), _STRETCH_BYTES):
        codes = np.frombuffer(plain[start : start + _STRETCH_BYTES], np.uint8)
        before = quotes + np.cumsum(codes == _QUOTE, dtype=np.int32)
        codes = np.where(before & 1, np.uint8(0), codes)
        levels = level + np.cumsum(_STEPS[codes], dtype=np.int32)
        quotes, level = int(before[-1]) & 1, int(levels[-1])
        yield _Stretch(start, codes, levels)


def _shallow(document: bytes) -> bytes:
    if document.count(b"[") + document.count(b"{") <= _MOST_LEVELS:
        return document
    begins, ends = [], [-1]
    for each in _stretches(document):
        steps = _STEPS[each.codes]
        begins += each.where((steps > 0) & (each.levels == _MOST_LEVELS + 1))
        ends += each.where((steps < 0) & (each.levels == _MOST_LEVELS))
    if len(ends) != len(begins) + 1:
        return document
    return b"null".join(document[end + 1 : begin] for end, begin in zip(ends, [*begins, len(document)], strict=True))


def _whole(digits: str) -> float:
    try:
        return int(digits)
    except ValueError:  # thousands of digits
        return math.inf


_decoder: Final = json.JSONDecoder(parse_int=_whole, strict=False)
