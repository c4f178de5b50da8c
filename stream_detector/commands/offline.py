"""Commands that need nothing but files: recordings in, decisions and figures out."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from stream_detector.commands.progress import progress
from stream_detector.commands.terminal import PolicyPath, distinct, err, output, remark
from stream_detector.domain.decisions import Mode
from stream_detector.domain.errors import ConfigError
from stream_detector.settings import load_policy


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
    addresses: Annotated[
        str,
        typer.Option(
            "--addresses", envvar="STREAM_DETECTOR_ADDRESSES", help="Folder of address databases and lists, as live."
        ),
    ] = "",
) -> None:
    """Run recorded calls through the detector, on event time, with everything in memory."""
    distinct(CALLS=calls, decisions=decisions, dead_letters=dead_letters)
    from stream_detector import replay as offline  # noqa: PLC0415 - River takes a second to load

    chosen = load_policy(policy)
    if shadow:
        chosen = msgspec.structs.replace(chosen, mode=Mode.SHADOW)
    with (
        offline.opened(calls) as recording,
        output(decisions) as out,
        output(dead_letters or os.devnull) as dead,
        progress() as show,
    ):
        size_bytes = Path(calls).stat().st_size if calls != "-" else None

        def on_progress(count: int) -> None:
            show(recording.position_bytes(), size_bytes, f"{count:,} calls")

        tally = asyncio.run(offline.replay(recording.lines, out, dead, chosen, on_progress, addresses=addresses))
    err.print(tally.summary(), markup=False, highlight=False)


def simulate(
    calls: Annotated[
        Path, typer.Argument(metavar="CALLS", help="Where to write the calls, one JSON line each; .gz packs them.")
    ],
    labels: Annotated[Path, typer.Option("--labels", help="Where to write who is who (JSON).")],
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other traffic.")] = 1,
    hours: Annotated[float, typer.Option(min=0.01, max=24 * 366, help="Event time.")] = 24.0,
    clients: Annotated[int, typer.Option(min=0, max=1_000_000, help="Honest ones.")] = 200,
    scale: Annotated[float, typer.Option(min=0.001, max=1000, help="Factor on the calls of all honest clients.")] = 1.0,
    kinds: Annotated[
        list[str] | None,
        typer.Option(
            "--kinds", help="Classes of honest clients, equally many of each: names with commas between, or all."
        ),
    ] = None,
    prompts: Annotated[
        bool, typer.Option("--prompts", help="Write the prompts' text instead of their sketches.")
    ] = False,
) -> None:
    """Write simulated traffic: honest clients and campaigns, on event time, with labels."""
    distinct(CALLS=str(calls), labels=str(labels))
    from stream_detector.simulate.files import write_files  # noqa: PLC0415 - rarely needed
    from stream_detector.simulate.scenario import Scenario, prompt_text  # noqa: PLC0415

    scenario = Scenario(seed=seed, duration_s=hours * 3600, clients=clients, scale=scale, kinds=_weights(kinds or []))
    with progress() as show:

        def on_progress(count: int, share: float) -> None:
            show(share, 1.0, f"{count:,} calls")

        try:
            count = write_files(scenario, calls, labels, on_progress, content_of=prompt_text if prompts else None)
        except OSError as error:
            message = f"{error.filename!r} cannot be written: {error.strerror}; name a file in a folder that exists"
            raise ConfigError(message) from error
    remark(f"{count:,} calls in {calls}, labels in {labels}")


def _weights(kinds: list[str]) -> tuple[tuple[str, float], ...]:
    """Each class that was named, once; all of them for `all`, and the usual population for nothing."""
    from stream_detector.simulate.benign import EVERY_KIND  # noqa: PLC0415 - rarely needed
    from stream_detector.simulate.population import checked  # noqa: PLC0415

    names = dict.fromkeys(name.strip() for each in kinds for name in each.split(","))
    if "all" in names:
        if len(names) > 1:
            message = "--kinds: all names every class; leave the other names out"
            raise ConfigError(message)
        return EVERY_KIND
    weights = tuple((name, 1.0) for name in names)
    try:
        checked(weights)
    except ValueError as error:
        message = f"--{error}, or all"
        raise ConfigError(message) from error
    return weights
