"""Decisions and dead letters as JSON lines in files: the offline counterparts of the topics."""

from collections.abc import Sequence
from typing import BinaryIO

import msgspec

from stream_detector.domain.dead_letters import DeadLetter
from stream_detector.domain.decisions import Decision
from stream_detector.wire import decisions as wire


class DecisionLines:
    """Implements `ports.DecisionLog`: one line per decision change."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    async def publish(self, decisions: Sequence[Decision], caused_at_ms: Sequence[int]) -> None:  # noqa: ARG002 - no latency here
        """Append a line per decision."""
        self._out.writelines(wire.encode(decision) + b"\n" for decision in decisions)


class DeadLetterLines:
    """Implements `ports.DeadLetterLog`: one line per unusable call."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    async def publish(self, letters: Sequence[DeadLetter]) -> None:
        """Append a line per dead letter."""
        self._out.writelines(msgspec.json.encode(letter) + b"\n" for letter in letters)
