"""Simulated traffic on disk."""

import gzip
from pathlib import Path

import msgspec
import pytest

from stream_detector.domain.calls import ApiCall
from stream_detector.quality.labels import read_labels
from stream_detector.simulate.campaigns import PUBLISHED
from stream_detector.simulate.files import write_files
from stream_detector.simulate.scenario import Scenario, labels, prompt_text, traffic
from stream_detector.wire.calls import decode

SCENARIO = Scenario(clients=20, duration_s=7200.0)


def test_calls_are_json_lines_that_the_wire_reads_back(tmp_path: Path) -> None:
    count = write_files(SCENARIO, tmp_path / "calls.jsonl", tmp_path / "labels.json")
    lines = (tmp_path / "calls.jsonl").read_bytes().splitlines()
    assert len(lines) == count > 1000
    decoded = [decode(line, max_bytes=1 << 20) for line in lines]
    assert not any(record.rejected for record in decoded)
    assert [record.calls[0] for record in decoded] == list(traffic(SCENARIO))


def test_a_name_that_ends_in_gz_is_compressed_and_equal_runs_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        write_files(SCENARIO, tmp_path / f"{name}.jsonl.gz", tmp_path / f"{name}.json")
    one = (tmp_path / "one.jsonl.gz").read_bytes()
    assert one == (tmp_path / "other.jsonl.gz").read_bytes()
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "other.json").read_bytes()
    assert len(gzip.decompress(one)) > len(one)


def test_labels_name_campaign_and_class_of_every_client(tmp_path: Path) -> None:
    write_files(SCENARIO, tmp_path / "calls.jsonl", tmp_path / "labels.json")
    found = msgspec.json.decode((tmp_path / "labels.json").read_bytes())
    assert set(found) == set(labels(SCENARIO))
    wanted = {"campaign", "class", "starts_at", "calls", "output_tokens", "days"}
    assert all(set(label) == wanted for label in found.values())
    assert {label["campaign"] for label in found.values()} == {None, *(campaign.id for campaign in PUBLISHED)}


def test_labels_count_what_every_client_sent(tmp_path: Path) -> None:
    scenario = Scenario(clients=20, campaigns=PUBLISHED[:1], duration_s=86_400.0 + 7200.0, scale=0.3)
    write_files(scenario, tmp_path / "calls.jsonl", tmp_path / "labels.json")
    found = read_labels(tmp_path / "labels.json")
    by_client: dict[str, list[ApiCall]] = {client: [] for client in found}
    for call in traffic(scenario):
        by_client[call.client].append(call)
    assert any(label.campaign for label in found.values())
    for client, label in found.items():
        calls = by_client[client]
        days = len({call.ts // 86_400 for call in calls})
        assert (label.calls, label.days) == (len(calls), days)
        assert label.output_tokens == sum(call.output_tokens or 0 for call in calls)


def test_labels_leave_out_what_precedes_a_campaign(tmp_path: Path) -> None:
    late = msgspec.structs.replace(PUBLISHED[0], start_after_s=3600.0)
    scenario = msgspec.structs.replace(SCENARIO, campaigns=(late,))
    write_files(scenario, tmp_path / "calls.jsonl", tmp_path / "labels.json")
    [label] = [label for label in read_labels(tmp_path / "labels.json").values() if label.campaign]
    assert label.starts_at == scenario.start_s + 3600.0


def test_prompts_are_written_only_when_asked_for(tmp_path: Path) -> None:
    write_files(SCENARIO, tmp_path / "sketched.jsonl", tmp_path / "labels.json")
    write_files(SCENARIO, tmp_path / "prompts.jsonl", tmp_path / "labels.json", content_of=prompt_text)
    assert b'"prompt":' not in (tmp_path / "sketched.jsonl").read_bytes()
    first = msgspec.json.decode((tmp_path / "prompts.jsonl").read_bytes().splitlines()[0])
    assert "prompt" in first
    assert "sketch" not in first


def test_progress_is_told_and_ends_at_one(tmp_path: Path) -> None:
    told: list[tuple[int, float]] = []
    count = write_files(
        SCENARIO, tmp_path / "calls.jsonl", tmp_path / "labels.json", lambda calls, share: told.append((calls, share))
    )
    assert len(told) >= 2
    assert told == sorted(told)
    assert told[-1] == (count, 1.0)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        write_files(SCENARIO, tmp_path / "nowhere" / "calls.jsonl", tmp_path / "labels.json")
