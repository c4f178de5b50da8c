"""The command line. Every command is a few lines: it reads settings, calls one function, and explains errors."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from stream_detector import __version__
from stream_detector.domain.decisions import Mode
from stream_detector.domain.errors import ConfigError, StreamDetectorError
from stream_detector.settings import Settings, load_policy

app = typer.Typer(
    name="stream-detector",
    help="Finds model extraction in live AI API traffic and stops it at the gateway.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_err = Console(stderr=True)

PolicyPath = Annotated[str, typer.Option("--policy", help="Policy file (TOML); the built-in policy if not given.")]


def main() -> None:
    """Entry point: an error that somebody can act on is one line and exit code 2."""
    try:
        app()
    except StreamDetectorError as error:
        _err.print(f"stream-detector: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def worker() -> None:
    """Read calls from Kafka, learn, decide. Settings: STREAM_DETECTOR_* (docs/settings.md)."""
    from stream_detector.bootstrap.worker import run_worker  # noqa: PLC0415 - an extra

    sys.exit(run_worker(Settings.from_env(os.environ)))


@app.command()
def hook() -> None:
    """Answer gateways: may this call pass? Settings: STREAM_DETECTOR_* (docs/settings.md)."""
    from stream_detector.bootstrap.hook import run_hook  # noqa: PLC0415 - an extra

    run_hook(Settings.from_env(os.environ))


@app.command()
def check_config() -> None:
    """Check the settings and the policy file without starting anything."""
    settings = Settings.from_env(os.environ)
    policy = load_policy(settings.policy)
    typer.echo(f"settings and policy {policy.version!r} are valid; mode {policy.mode}")


@app.command()
def replay(
    calls: Annotated[str, typer.Argument(metavar="CALLS", help="JSONL file of calls, .gz of one, or - for stdin.")],
    decisions: Annotated[
        str, typer.Option("--decisions", help="Where to write one JSON line per decision change; - for stdout.")
    ],
    dead_letters: Annotated[
        str, typer.Option("--dead-letters", help="Where to write the lines that could not be used.")
    ] = "",
    policy: PolicyPath = "",
    shadow: Annotated[bool, typer.Option("--shadow", help="Decide, but mark every decision as shadow.")] = False,
) -> None:
    """Run recorded calls through the detector, on event time, with everything in memory."""
    from stream_detector import replay as offline  # noqa: PLC0415 - River takes a second to load

    chosen = load_policy(policy)
    if shadow:
        chosen = msgspec.structs.replace(chosen, mode=Mode.SHADOW)
    with (
        offline.opened(calls) as recording,
        _output(decisions) as out,
        _output(dead_letters or os.devnull) as dead,
        _progress() as progress,
    ):
        task = progress.add_task("replay", total=Path(calls).stat().st_size if calls != "-" else None)

        def show(count: int) -> None:
            progress.update(task, completed=recording.position_bytes(), description=f"{count:,} calls")

        tally = asyncio.run(offline.replay(recording.lines, out, dead, chosen, show))
    _err.print(tally.summary(), markup=False, highlight=False)


@contextmanager
def _output(path: str) -> Iterator[BinaryIO]:
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


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=_err,
    )
