"""What clients sent, as far as scoring needs it: when, and how many output tokens came back."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import accumulate
from typing import BinaryIO, Self

from msgspec import Struct

from stream_detector.domain.calls import ApiCall
from stream_detector.replay import chunks
from stream_detector.settings import Settings
from stream_detector.wire import calls as wire

DAY_S = 86_400


class Sent(Struct, frozen=True):
    """One client's calls in the order of event time."""

    times: "array[float]"
    """Event time, seconds since 1970."""
    tokens: "array[int]"
    """Output tokens of the call at the same place."""
    total_tokens: "array[int]"
    """Output tokens of the calls up to and including this one."""

    @classmethod
    def of(cls, calls: Iterable[tuple[float, int]]) -> Self:
        """From (event time, output tokens) in any order."""
        ordered = sorted(calls, key=lambda call: call[0])
        tokens = array("q", (count for _, count in ordered))
        return cls(array("d", (ts for ts, _ in ordered)), tokens, array("q", accumulate(tokens)))

    def since(self, start_s: float) -> Self:
        """The calls from `start_s` on."""
        first = bisect_left(self.times, start_s)
        return type(self).of(zip(self.times[first:], self.tokens[first:], strict=True)) if first else self

    def until(self, ts: float) -> tuple[int, int]:
        """Calls and output tokens up to and including `ts`: the call that led to a decision was answered."""
        calls = bisect_right(self.times, ts)
        return calls, self.total_tokens[calls - 1] if calls else 0

    def days(self) -> set[int]:
        """UTC days with a call, numbered since 1970."""
        return {int(ts // DAY_S) for ts in self.times}


class Traffic:
    """Calls of many clients, collected one at a time."""

    def __init__(self) -> None:
        self._calls: dict[str, tuple[array[float], array[int]]] = {}

    def add(self, call: ApiCall) -> None:
        """Take one call."""
        mine = self._calls.get(call.client)
        if mine is None:
            mine = self._calls[call.client] = (array("d"), array("q"))
        mine[0].append(call.ts)
        mine[1].append(call.output_tokens or 0)

    def by_client(self) -> dict[str, Sent]:
        """All that was collected."""
        return {client: Sent.of(zip(times, tokens, strict=True)) for client, (times, tokens) in self._calls.items()}


def read_traffic(lines: BinaryIO) -> dict[str, Sent]:
    """From the file that was replayed. Records that replay would have dead-lettered are left out.

    Raises:
        ConfigError: the gzip file is damaged.
    """
    traffic, max_bytes = Traffic(), Settings().max_record_bytes
    for chunk in chunks(lines):
        for record in chunk:
            for call in wire.decode(record.value, max_bytes=max_bytes).calls:
                traffic.add(call)
    return traffic.by_client()
