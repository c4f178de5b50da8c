"""Ranges of addresses from text files, and which range holds an address.

Two forms, each packed or plain:
* lists: one address or one range in CIDR form per line; `#` begins a comment;
* systems: `start,end,asn[,name]` per line, as the public tables of autonomous systems have it; 0 is "nobody".
"""

import csv
import gzip
import ipaddress
from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from socket import AF_INET, AF_INET6, inet_pton
from typing import Generic, NamedTuple, TextIO, TypeVar

Value = TypeVar("Value", bound=Hashable)
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_WORD = 1 << 32
_V4, _V6 = 4, 6


class Range(NamedTuple, Generic[Value]):
    """All addresses of one version from `first` to `last`, both included, as numbers."""

    version: int
    first: int
    last: int
    value: Value


class _Line(Generic[Value]):
    """Disjoint ranges of one version, in order."""

    def __init__(self, ranges: Iterable[Range[Value]]) -> None:
        firsts: list[int] = []
        lasts: list[int] = []
        self._values: list[Value] = []
        for first, last, value in _disjoint(ranges):
            if firsts and lasts[-1] + 1 == first and self._values[-1] == value:
                lasts[-1] = last
            else:
                firsts.append(first)
                lasts.append(last)
                self._values.append(value)
        self._firsts, self._lasts = _packed(firsts), _packed(lasts)

    def get(self, number: int) -> Value | None:
        index = bisect_right(self._firsts, number) - 1
        return self._values[index] if index >= 0 and number <= self._lasts[index] else None


class RangeTable(Generic[Value]):
    """Address -> the value of the range that holds it; of nested ranges the innermost counts. About 1 us a look-up."""

    def __init__(self, ranges: Iterable[Range[Value]]) -> None:
        by_version: defaultdict[int, list[Range[Value]]] = defaultdict(list)
        for each in ranges:
            by_version[each.version].append(each)
        self._lines = {version: _Line(members) for version, members in by_version.items()}

    def get(self, address: Address) -> Value | None:
        """None where no range holds it."""
        line = self._lines.get(address.version)
        return None if line is None else line.get(int(address))


def _disjoint(ranges: Iterable[Range[Value]]) -> Iterator[tuple[int, int, Value]]:
    """Cut overlapping ranges so that of two the one that begins later counts, and of equal beginnings the shorter."""
    begun: list[tuple[int, Value]] = []
    position = 0
    for _, first, last, value in sorted(ranges, key=lambda each: (each.first, -each.last)):
        while begun and begun[-1][0] < first:
            end, ended = begun.pop()
            if position <= end:
                yield position, end, ended
                position = end + 1
        if begun and position < first:
            yield position, first - 1, begun[-1][1]
        position = first
        begun.append((last, value))
    while begun:
        end, ended = begun.pop()
        if position <= end:
            yield position, end, ended
            position = end + 1


def _packed(numbers: list[int]) -> Sequence[int]:
    """Four bytes each, where they fit: IPv4 tables have half a million rows."""
    return array("I", numbers) if array("I").itemsize == 4 and max(numbers, default=0) < _WORD else numbers  # noqa: PLR2004


def read_list(path: Path, value: Value) -> Iterator[Range[Value]]:
    """Ranges of a list, all with the same value.

    Raises:
        ValueError: a line is no range; the message names the line.
        OSError, EOFError, zlib.error: the file cannot be read or unpacked.
    """
    with _opened(path) as lines:
        for number, line in enumerate(lines, 1):
            text = line.partition("#")[0].strip()
            if text:
                try:
                    network = ipaddress.ip_network(text, strict=False)
                except ValueError:
                    message = f"line {number}: must be an address or a range such as 192.0.2.0/24, got {text[:48]!r}"
                    raise ValueError(message) from None
                yield Range(network.version, int(network[0]), int(network[-1]), value)


def read_systems(path: Path) -> Iterator[Range[int]]:
    """Ranges of a table of autonomous systems, with their numbers.

    Raises:
        ValueError: a line has another form; the message names the line.
        OSError, EOFError, zlib.error, csv.Error: the file cannot be read or unpacked.
    """
    with _opened(path) as lines:
        for number, row in enumerate(csv.reader(lines), 1):
            if not row:
                continue
            try:
                asn = _system(row[2])
                version, first = _number(row[0])
                version_of_last, last = _number(row[1])
                is_range = version == version_of_last and first <= last
            except (OSError, ValueError, IndexError):
                is_range = False
            if not is_range:
                message = f"line {number}: must be start,end,asn such as 192.0.2.0,192.0.2.255,64496, got {row!r:.60}"
                raise ValueError(message)
            if asn:
                yield Range(version, first, last, asn)


def _system(text: str) -> int:
    """`AS64496` and `64496` -> 64496."""
    return int(text.upper().removeprefix("AS"))


def _number(text: str) -> tuple[int, int]:
    """Version and number; five times as fast as `ipaddress`, for tables of half a million rows."""
    if ":" in text:
        return _V6, int.from_bytes(inet_pton(AF_INET6, text))
    return _V4, int.from_bytes(inet_pton(AF_INET, text))


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as unpacked:
            yield unpacked
    else:
        with path.open(encoding="utf-8-sig", newline="") as plain:
            yield plain
