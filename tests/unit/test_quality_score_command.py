"""`stream-detector score`: labels and decisions in, figures out."""

import json
from pathlib import Path

import pytest
from commands.outcome import Run

from stream_detector.detection.examples import example_call
from stream_detector.wire import calls as wire


@pytest.fixture
def folder(run: Run, tmp_path: Path) -> Path:
    """A replayed recording of one client that probes logits and is throttled."""
    calls = [example_call(number, gap_s=5.0, new_bias=True) for number in range(300)]
    (tmp_path / "calls.jsonl").write_bytes(b"".join(wire.encode(call) + b"\n" for call in calls))
    label = {calls[0].client: {"campaign": "probe", "class": "logit_prober"}}
    (tmp_path / "labels.json").write_text(json.dumps(label))
    assert run("replay", tmp_path / "calls.jsonl", "--decisions", tmp_path / "decisions.jsonl").code == 0
    return tmp_path


def test_figures_are_json_on_standard_output(run: Run, folder: Path) -> None:
    files = ("--decisions", folder / "decisions.jsonl", "--labels", folder / "labels.json")
    outcome = run("score", *files, "--calls", folder / "calls.jsonl")
    figures = json.loads(outcome.out)
    assert (outcome.code, outcome.err) == (0, "")
    [campaign] = figures["campaigns"]
    assert (campaign["id"], campaign["found"], campaign["calls"]) == ("probe", True, 300)
    first = json.loads((folder / "decisions.jsonl").read_bytes().splitlines()[0])
    assert campaign["throttle"]["calls"] == first["source"]["offset"] + 1, "the call that led to it was answered"
    assert figures["families"][0]["recall"] == 1.0


def test_without_calls_it_says_what_to_give(run: Run, folder: Path) -> None:
    outcome = run("score", "--decisions", folder / "decisions.jsonl", "--labels", folder / "labels.json")
    assert json.loads(outcome.out)["campaigns"][0]["throttle"]["calls"] is None
    assert (
        outcome.err
        == "client-days, what leaked and what was refused: null; give the replayed file with --calls CALLS\n"
    )


def test_labels_may_be_json_lines_and_strangers_are_counted(run: Run, folder: Path) -> None:
    (folder / "other.jsonl").write_text('{"client": "a", "campaign": null, "class": "app"}\n\n')
    files = ("--decisions", folder / "decisions.jsonl", "--labels", folder / "other.jsonl")
    outcome = run("score", *files, "--calls", folder / "calls.jsonl")
    assert outcome.code == 0
    assert json.loads(outcome.out)["overall"] is None
    assert outcome.err == "1 clients have no label and are left out; add them to the labels\n"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "is empty"),
        ("client,campaign\n", "JSON is malformed"),
        ('{"a": {"campaign": null}}', "missing required field `class`"),
        ('{"client": "a", "campaign": null, "class": "x"}\n{"client": "b"}\n', "line 2"),
        ('{"client": "a", "campaign": null, "class": "x"}\n' * 2, "labelled before"),
        ('{"a": {"campaign": null, "class": "x", "calls": -1}}', ">= 0"),
    ],
)
def test_bad_labels_are_one_line_that_says_what_to_give(run: Run, folder: Path, content: str, complaint: str) -> None:
    (folder / "labels.json").write_text(content)
    outcome = run("score", "--decisions", folder / "decisions.jsonl", "--labels", folder / "labels.json")
    said = outcome.complaint()
    assert said.startswith("LABELS: ")
    assert complaint in said


def test_a_line_that_is_no_decision_is_named(run: Run, folder: Path) -> None:
    (folder / "decisions.jsonl").write_text('{"v": 1}\n')
    outcome = run("score", "--decisions", folder / "decisions.jsonl", "--labels", folder / "labels.json")
    assert "decisions.jsonl', line 1: decision: not version 1" in outcome.complaint()


@pytest.mark.parametrize("missing", ["decisions.jsonl", "labels.json"])
def test_a_file_that_is_not_there_is_named(run: Run, folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    outcome = run("score", "--decisions", folder / "decisions.jsonl", "--labels", folder / "labels.json")
    assert missing in outcome.complaint()
