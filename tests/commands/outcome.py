"""What a command of ours did."""

import json
from collections.abc import Callable
from typing import NamedTuple


class Outcome(NamedTuple):
    """What a command did."""

    code: int
    out: bytes
    err: str

    def lines(self) -> list[dict[str, object]]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    def complaint(self) -> str:
        """The one line on standard error that says what is wrong; nothing else was printed, and the exit code is 2."""
        assert (self.code, self.out) == (2, b"")
        lines = [line for line in self.err.splitlines() if line.startswith("stream-detector: ")]
        assert len(lines) == 1, self.err
        assert self.err.splitlines()[-1] == lines[0]
        return lines[0].removeprefix("stream-detector: ")


Run = Callable[..., Outcome]
"""Arguments as words; standard input as `stdin`, and settings by their names in lower case."""
