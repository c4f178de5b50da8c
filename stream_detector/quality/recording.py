"""Scores a recording on disk: what `replay` decided, against labels."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from stream_detector.domain.decisions import Decision, SubjectKind
from stream_detector.domain.errors import ConfigError
from stream_detector.quality.figures import Figures
from stream_detector.quality.labels import Label, read_labels
from stream_detector.quality.scoring import score
from stream_detector.quality.traffic import Sent, read_traffic
from stream_detector.replay import opened
from stream_detector.wire import decisions as wire


class Scored(Struct, frozen=True):
    """Figures, and what their reader should know."""

    figures: Figures
    remarks: tuple[str, ...]
    """One line each."""


def score_files(decisions_path: Path, labels_path: Path, calls_path: str = "") -> Scored:
    """Judge the decisions of a replay.

    Args:
        decisions_path: what `replay --decisions` wrote.
        labels_path: see `labels.read_labels`.
        calls_path: what was replayed; empty where it is not at hand.

    Raises:
        ConfigError: a file cannot be used.
    """
    labels = read_labels(labels_path)
    decisions = read_decisions(decisions_path)
    traffic = None
    if calls_path:
        with opened(calls_path) as recording:
            traffic = read_traffic(recording.lines)
    return Scored(score(labels, decisions, traffic), tuple(_remarks(labels, decisions, traffic)))


def read_decisions(path: Path) -> list[Decision]:
    """One per line.

    Raises:
        ConfigError: the file cannot be read, or a line is not a decision.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        message = f"--decisions: {str(path)!r} cannot be read: {error.strerror}; name what replay --decisions wrote"
        raise ConfigError(message) from error
    decisions = []
    for number, line in enumerate(lines, 1):
        try:
            decisions.append(wire.decode(line))
        except ConfigError as error:
            message = f"--decisions: {str(path)!r}, line {number}: {error}"
            raise ConfigError(message) from error
    return decisions


def _remarks(labels: Mapping[str, Label], decisions: list[Decision], traffic: Mapping[str, Sent] | None) -> list[str]:
    remarks = []
    if traffic is None:
        counted = all(label.calls is not None and label.days is not None for label in labels.values())
        lacking = "what leaked and what was refused" if counted else "client-days, what leaked and what was refused"
        remarks.append(f"{lacking}: null; give the replayed file with --calls CALLS")
    decided = {each.subject.key for each in decisions if each.subject.kind is SubjectKind.CLIENT}
    strangers = len((decided if traffic is None else decided.union(traffic)).difference(labels))
    if strangers:
        remarks.append(f"{strangers:,} clients have no label and are left out; add them to the labels")
    return remarks
