"""What commands share: where they print, which files they read and write, and how they end."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, BinaryIO

import typer
from rich.console import Console

from stream_detector.domain.errors import ConfigError

err = Console(stderr=True)
"""Standard error: everything but a command's result."""
PolicyPath = Annotated[str, typer.Option("--policy", help="Policy file (TOML); the built-in policy if not given.")]


def remark(text: str) -> None:
    """One line on standard error, as it is."""
    err.print(text, markup=False, highlight=False, soft_wrap=True)


def distinct(**paths: str) -> None:
    """Refuse to read from and write to one file, or to write two things to it."""
    seen: dict[Path, str] = {}
    for name, path in paths.items():
        if path in {"", "-"}:
            continue
        other = seen.setdefault(Path(path).resolve(), name)
        if other != name:
            message = f"{name}: {path!r} is also {other}; name different files"
            raise ConfigError(message)


@contextmanager
def output(path: str) -> Iterator[BinaryIO]:
    """A file to write, or standard output for `-`."""
    if path == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        file = Path(path).open("wb")  # noqa: SIM115 - closed below
    except OSError as error:
        message = f"{path!r} cannot be written: {error.strerror}; name a file in a folder that exists, or - for stdout"
        raise ConfigError(message) from error
    with file:
        yield file


@contextmanager
def cleans_up() -> Iterator[None]:
    """SIGTERM leaves the block as an error would, so that what it made on disk goes, too. In the main thread only."""

    def leave(number: int, _: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not cut the cleaning short
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
