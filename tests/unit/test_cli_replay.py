"""`replay` and `simulate` on the command line: what they write where, and what becomes of bad files."""

import gzip
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import jsonschema
import msgspec
import pytest
from commands.outcome import Run
from documents.reading import ROOT

from stream_detector.detection.examples import START_S, example_call
from stream_detector.domain.calls import ApiCall
from stream_detector.domain.decisions import Decision
from stream_detector.simulate.benign import KINDS
from stream_detector.wire import calls as wire
from stream_detector.wire import decisions
from stream_detector.wire.schema import CONTRACTS, schema_of

BAD_LINES = [b'{"id": "bad-1", "ts": 5.0, "client": "a", "status": 42}', b"not JSON", b'{"id": "bad-2", "ts": 5.0}']


def probing(count: int) -> list[ApiCall]:
    """Calls of a client that asks the logits: enough of them are throttled."""
    return [example_call(number, gap_s=5.0, new_bias=True) for number in range(count)]


def as_lines(calls: Iterable[ApiCall]) -> bytes:
    return b"".join(wire.encode(call) + b"\n" for call in calls)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "calls.jsonl"
    path.write_bytes(as_lines(probing(300)))
    return path


def test_replay_writes_decisions_that_keep_to_the_schema(run: Run, recording: Path) -> None:
    outcome = run("replay", recording, "--decisions", "-")
    assert outcome.code == 0
    assert outcome.lines()
    for line in outcome.lines():
        jsonschema.validate(line, schema_of("decision.v1"))
    first = decisions.decode(outcome.out.splitlines()[0])
    assert (first.action, first.mode, first.subject.key) == ("throttle", "enforce", "example")
    assert START_S < first.decided_at < first.expires_at


def test_replay_sums_up_on_standard_error(run: Run, recording: Path, tmp_path: Path) -> None:
    outcome = run("replay", recording, "--decisions", tmp_path / "decisions.jsonl")
    assert (outcome.code, outcome.out) == (0, b"")
    assert "300 calls observed, 0 dead-lettered" in outcome.err
    assert "decisions to throttle (enforce): " in outcome.err
    assert outcome.err.endswith("1 clients acted on\n")


def test_replay_counts_and_writes_dead_letters_and_goes_on(run: Run, recording: Path, tmp_path: Path) -> None:
    clean = run("replay", recording, "--decisions", "-").out
    lines = recording.read_bytes().splitlines()
    recording.write_bytes(b"\n".join([*BAD_LINES, b"", *lines]))
    outcome = run("replay", recording, "--decisions", "-", "--dead-letters", tmp_path / "dead.jsonl")
    assert outcome.code == 0
    assert "300 calls observed, 3 dead-lettered" in outcome.err
    assert "dead-lettered as invalid_field: 2" in outcome.err
    letters = [json.loads(line) for line in (tmp_path / "dead.jsonl").read_bytes().splitlines()]
    for letter in letters:
        jsonschema.validate(letter, schema_of("dead-letter.v1"))
    assert [(letter["topic"], letter["offset"]) for letter in letters] == [("replay", 0), ("replay", 1), ("replay", 2)]
    assert _without_offsets(outcome.out) == _without_offsets(clean)


def _without_offsets(out: bytes) -> list[Decision]:
    return [msgspec.structs.replace(decisions.decode(line), source=None) for line in out.splitlines()]


def test_a_replay_of_nothing_but_bad_lines_is_no_error(run: Run) -> None:
    outcome = run("replay", "-", "--decisions", "-", stdin=b"\n".join(BAD_LINES))
    assert (outcome.code, outcome.out) == (0, b"")
    assert "0 calls observed, 3 dead-lettered" in outcome.err


def test_replay_is_the_same_from_a_file_from_gzip_and_from_standard_input(run: Run, recording: Path) -> None:
    packed = recording.with_suffix(".jsonl.gz")
    packed.write_bytes(gzip.compress(recording.read_bytes()))
    plain = run("replay", recording, "--decisions", "-")
    assert plain.out
    assert run("replay", packed, "--decisions", "-").out == plain.out
    assert run("replay", "-", "--decisions", "-", stdin=recording.read_bytes()).out == plain.out
    assert run("replay", recording, "--decisions", "-").out == plain.out


def test_replay_takes_batches_of_calls(run: Run, recording: Path) -> None:
    one_by_one = run("replay", recording, "--decisions", "-")
    calls = [json.loads(line) for line in recording.read_bytes().splitlines()]
    batches = b"".join(json.dumps(calls[start : start + 50]).encode() + b"\n" for start in range(0, len(calls), 50))
    batched = run("replay", "-", "--decisions", "-", stdin=batches)
    assert "300 calls observed" in batched.err
    assert _without_offsets(batched.out) == _without_offsets(one_by_one.out)


def test_replay_in_shadow_decides_the_same_and_acts_on_nobody(run: Run, recording: Path) -> None:
    enforced, shadow = (run("replay", recording, "--decisions", "-", *words) for words in ([], ["--shadow"]))
    assert [line["action"] for line in shadow.lines()] == [line["action"] for line in enforced.lines()]
    assert {line["mode"] for line in shadow.lines()} == {"shadow"}
    assert shadow.err.endswith("0 clients acted on\n")


def test_replay_obeys_the_policy_that_is_given_and_not_the_settings(run: Run, recording: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('version = "7"\n[detectors.parameter_probe]\nmode = "off"\n')
    outcome = run("replay", recording, "--decisions", "-", "--policy", policy, policy="/nowhere.toml")
    assert (outcome.code, outcome.out) == (0, b"")


def test_replay_exempts_whom_the_policy_exempts_until_the_entry_ends(run: Run, recording: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    entry = '[[allowlist]]\nclient = "example"\nreason = "ours"\nexpires = '
    policy.write_text(f"{entry}2026-01-01T00:10:00Z\n")
    outcome = run("replay", recording, "--decisions", "-", "--policy", policy)
    assert all(decisions.decode(line).decided_at >= START_S + 600 for line in outcome.out.splitlines())
    assert outcome.out
    policy.write_text(f"{entry}2026-01-02T00:00:00Z\n")
    assert run("replay", recording, "--decisions", "-", "--policy", policy).out == b""


def test_a_missing_recording_is_named(run: Run) -> None:
    assert run("replay", "missing.jsonl", "--decisions", "-").complaint() == (
        "CALLS: 'missing.jsonl' cannot be read: No such file or directory; "
        "name a JSONL file, a .gz of one, or - for stdin"
    )


def test_an_output_that_cannot_be_written_is_named(run: Run, recording: Path) -> None:
    complaint = run("replay", recording, "--decisions", "/nowhere/decisions.jsonl").complaint()
    assert complaint.startswith("'/nowhere/decisions.jsonl' cannot be written: No such file or directory; ")


def test_a_bad_policy_stops_a_replay_before_it_starts(run: Run, recording: Path, tmp_path: Path) -> None:
    policy, out = tmp_path / "policy.toml", tmp_path / "decisions.jsonl"
    policy.write_text('mode = "enforced"\n')
    complaint = run("replay", recording, "--decisions", out, "--policy", policy).complaint()
    assert complaint == f"{policy}: mode: must be one of enforce, shadow, got 'enforced'"
    assert not out.exists()


def _cut(packed: bytes) -> bytes:
    return packed[: len(packed) // 2]


def _flipped(packed: bytes) -> bytes:
    middle = len(packed) // 2
    return packed[:middle] + bytes(255 - byte for byte in packed[middle : middle + 64]) + packed[middle + 64 :]


def _not_packed(packed: bytes) -> bytes:
    return gzip.decompress(packed)


@pytest.mark.parametrize("damage", [_cut, _flipped, _not_packed])
def test_a_damaged_gzip_file_is_replayed_up_to_the_damage(
    run: Run, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    path, out = tmp_path / "calls.jsonl.gz", tmp_path / "decisions.jsonl"
    path.write_bytes(damage(gzip.compress(as_lines(probing(2_000)))))
    complaint = run("replay", path, "--decisions", out).complaint()
    assert complaint.startswith("CALLS: damaged gzip file after line ")
    assert complaint.endswith("the lines before it were replayed")
    line = int(complaint.split("after line ")[1].split(":")[0])
    assert (line > 0) == (damage is not _not_packed)
    assert bool(out.read_bytes()) == (line > 0)


def test_simulate_writes_calls_and_labels_that_replay_and_people_can_join(run: Run, tmp_path: Path) -> None:
    calls, labels = tmp_path / "calls.jsonl", tmp_path / "labels.json"
    outcome = run("simulate", calls, "--labels", labels, "--hours", "0.5", "--clients", "10")
    assert (outcome.code, outcome.out) == (0, b"")
    lines = calls.read_bytes().splitlines()
    assert f"{len(lines):,} calls in {calls}, labels in {labels}" in " ".join(outcome.err.split())
    who = json.loads(labels.read_text())
    schema = jsonschema.Draft202012Validator(schema_of("api-call.v1"))
    assert all(schema.is_valid(json.loads(line)) for line in lines[::20])
    assert {json.loads(line)["client"] for line in lines} <= who.keys()
    replayed = run("replay", calls, "--decisions", "-")
    assert f"{len(lines):,} calls observed, 0 dead-lettered" in replayed.err


def test_simulate_repeats_itself_for_a_seed_and_differs_for_another(run: Run, tmp_path: Path) -> None:
    def simulated(seed: int, name: str) -> bytes:
        path = tmp_path / f"{name}.jsonl.gz"
        words = ["--seed", seed, "--hours", "0.1", "--clients", "5"]
        assert run("simulate", path, "--labels", tmp_path / "labels.json", *words).code == 0
        return path.read_bytes()

    assert simulated(3, "one") == simulated(3, "other")
    assert simulated(4, "third") != simulated(3, "fourth")


def test_simulate_writes_prompts_instead_of_sketches_on_demand(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    run("simulate", path, "--labels", tmp_path / "labels.json", "--hours", "0.1", "--clients", "5", "--prompts")
    calls = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert calls
    assert all("prompt" in call and "sketch" not in call for call in calls)


@pytest.mark.parametrize(
    ("words", "classes"),
    [
        (["--kinds", "cron,load_test"], {"cron", "load_test"}),
        (["--kinds", "cron", "--kinds", "load_test, cron"], {"cron", "load_test"}),
        (["--kinds", "all"], {kind.name for kind in KINDS}),
    ],
)
def test_simulate_takes_equally_many_clients_of_each_class_that_is_named(
    run: Run, tmp_path: Path, words: list[str], classes: set[str]
) -> None:
    labels, count = tmp_path / "labels.json", 2 * len(classes)
    run("simulate", tmp_path / "calls.jsonl", "--labels", labels, "--hours", "0.01", "--clients", count, *words)
    found = Counter(label["class"] for label in json.loads(labels.read_text()).values() if label["campaign"] is None)
    assert found == dict.fromkeys(classes, 2)


@pytest.mark.parametrize("word", ["crom", "cron,crom", ""])
def test_simulate_names_the_classes_that_there_are(run: Run, tmp_path: Path, word: str) -> None:
    calls, labels = tmp_path / "calls.jsonl", tmp_path / "labels.json"
    complaint = run("simulate", calls, "--labels", labels, "--kinds", word).complaint()
    assert re.match(r"--kinds: there is no class '(crom|)'; take from audit_trail, .*, vpn_user, or all$", complaint)
    assert not calls.exists()


def test_simulate_takes_all_classes_or_those_that_are_named(run: Run, tmp_path: Path) -> None:
    calls, labels = tmp_path / "calls.jsonl", tmp_path / "labels.json"
    complaint = run("simulate", calls, "--labels", labels, "--kinds", "all,cron").complaint()
    assert complaint == "--kinds: all names every class; leave the other names out"
    assert not calls.exists()


def test_simulate_names_a_file_that_cannot_be_written(run: Run, tmp_path: Path) -> None:
    complaint = run("simulate", "/nowhere/calls.jsonl", "--labels", tmp_path / "labels.json").complaint()
    assert complaint.startswith("'/nowhere/calls.jsonl' cannot be written: No such file or directory; ")


def test_schema_writes_the_committed_contracts(run: Run, tmp_path: Path) -> None:
    outcome = run("schema", tmp_path / "new" / "folder")
    assert outcome.code == 0
    written = {path.name: path.read_bytes() for path in (tmp_path / "new" / "folder").iterdir()}
    assert written == {path.name: path.read_bytes() for path in (ROOT / "docs" / "schema").iterdir()}
    assert len(written) == len(CONTRACTS)


def test_replay_looks_addresses_up_where_it_is_told(run: Run, tmp_path: Path) -> None:
    """Many networks speak against a client until it is known that one operator has them all."""
    recording, addresses = tmp_path / "calls.jsonl", tmp_path / "addresses"
    recording.write_bytes(
        as_lines(example_call(number, gap_s=5.0, new_bias=True, new_network=True) for number in range(300))
    )
    addresses.mkdir()
    (addresses / "asn.csv").write_text("0.0.0.0,223.255.255.255,64496\n")
    plain = run("replay", recording, "--decisions", "-")
    by_option = run("replay", recording, "--decisions", "-", "--addresses", addresses)
    by_setting = run("replay", recording, "--decisions", "-", addresses=str(addresses))
    assert b"network_fanout" in plain.out
    assert by_option.lines()
    assert b"network_fanout" not in by_option.out
    assert by_setting.out == by_option.out


def test_replay_refuses_address_files_that_do_not_fit(run: Run, recording: Path, tmp_path: Path) -> None:
    outcome = run("replay", recording, "--decisions", "-", "--addresses", tmp_path / "nowhere")
    assert outcome.code == 2
    assert "STREAM_DETECTOR_ADDRESSES: " in outcome.err
    assert run("check-config", addresses=str(tmp_path / "nowhere")).code == 2
