"""Commands that say how good the detector is."""

import os
import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from stream_detector.commands.progress import progress
from stream_detector.commands.terminal import PolicyPath, cleans_up, remark
from stream_detector.settings import load_policy
from stream_detector.simulate.campaigns import Family


def score(
    decisions: Annotated[Path, typer.Option("--decisions", help="What replay --decisions wrote.")],
    labels: Annotated[Path, typer.Option("--labels", help="Who is who: what simulate --labels wrote, or JSON lines.")],
    calls: Annotated[
        str, typer.Option("--calls", help="What was replayed; without it, figures that need it are null.")
    ] = "",
) -> None:
    """Print as JSON how good the decisions of a replay are, by labels."""
    from stream_detector.quality.recording import score_files  # noqa: PLC0415 - NumPy takes a moment to load

    scored = score_files(decisions, labels, calls)
    typer.echo(msgspec.json.format(msgspec.json.encode(scored.figures), indent=2).decode())
    for line in scored.remarks:
        remark(line)


def quality(
    out: Annotated[Path, typer.Option("--out", help="Folder for quality.json, quality.md and quality.html.")] = Path(
        "quality"
    ),
    seeds: Annotated[
        list[int] | None, typer.Option("--seed", min=0, help="A seed to run; give it again for more.")
    ] = None,
    only: Annotated[
        list[Family] | None, typer.Option("--only", help="A family to run; give it again for more.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="One seed and a third of the matrix: for trying things.")
    ] = False,
    policy: PolicyPath = "",
    addresses: Annotated[
        str, typer.Option("--addresses", envvar="STREAM_DETECTOR_ADDRESSES", help="Folder of address databases.")
    ] = "",
    rivals: Annotated[int, typer.Option("--rivals", min=0, help="Rivals meet the first so many seeds.")] = 1,
    processes: Annotated[int, typer.Option("--processes", min=1, max=256, help="That work at the same time.")] = 2,
    gate: Annotated[
        Path | None, typer.Option("--gate", help="Run the subset in this file instead; exit code 1 when it is worse.")
    ] = None,
) -> None:
    """Run the benchmark: campaigns of every family beside every honest class, and rivals on the same calls."""
    if gate is not None:
        _pass_gate(gate)
        return
    from stream_detector.quality import benchmark, files, gather, inputs  # noqa: PLC0415 - NumPy takes a moment to load
    from stream_detector.quality.matrix import SEEDS, Extent  # noqa: PLC0415

    options = benchmark.Options(
        seeds=tuple(seeds or (SEEDS[:1] if quick else SEEDS)),
        extent=Extent(is_quick=quick, only=frozenset(only or ())),
        policy=load_policy(policy),
        inputs=inputs.inputs_of(os.environ, addresses),
        rival_seeds=rivals,
        processes=processes,
    )
    files.make_folder(out)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # in the processes: threads on small matrices only wait
    started_s = time.monotonic()
    with cleans_up(), progress() as show:
        outcomes = benchmark.run_benchmark(
            options, lambda done, total: show(done, total, f"{done} of {total} tasks done")
        )
    result = gather.result_of(outcomes, options, time.monotonic() - started_s)
    for path in files.write(result, out):
        remark(str(path))
    for target in result.targets:
        remark(f"{'kept  ' if target.met else 'missed'} {target.name}: {target.measured} (wanted {target.wanted})")


def _pass_gate(path: Path) -> None:
    from stream_detector.quality.gate import read_gate, run_gate  # noqa: PLC0415 - NumPy takes a moment to load

    chosen = read_gate(path)
    with cleans_up(), progress() as show:
        show(0, None, "the gate takes about a minute")
        verdict = run_gate(chosen)
    for family in verdict.figures.families:
        remark(f"{family.family}: found {family.found} of {family.campaigns} campaigns")
    honest = verdict.figures.honest
    remark(f"honest clients: acted on {honest.acted_on:g} of {honest.client_days:g} client-days")
    if verdict.failures:
        for line in verdict.failures:
            remark(f"worse than recorded: {line}")
        raise typer.Exit(1)
