"""Fixtures for tests of the command line."""

import io
import os
import sys

import pytest
from commands.outcome import Outcome, Run

from stream_detector.cli import main


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Runs the entry point in this process, without the settings of the surroundings."""
    for name in list(os.environ):
        if name.startswith("STREAM_DETECTOR_"):
            monkeypatch.delenv(name)

    def run(*arguments: object, stdin: bytes = b"", **settings: str) -> Outcome:
        for name, value in settings.items():
            monkeypatch.setenv(f"STREAM_DETECTOR_{name.upper()}", value)
        monkeypatch.setattr(sys, "argv", ["stream-detector", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsysbinary.readouterr()
        return Outcome(int(ended.value.code or 0), out, err.decode())

    return run
