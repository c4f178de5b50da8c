"""Files that settings name: what has no end, or is too large, is refused instead of read."""

import os
from pathlib import Path

import pytest
from commands.outcome import Run

from stream_detector.adapters.setting_files import MAX_BYTES, read_text

SETTINGS = ("policy", "identity_names", "collector_mapping")


@pytest.mark.parametrize("setting", SETTINGS)
class TestWhatIsNoFile:
    def test_a_device_without_an_end_is_refused(self, run: Run, setting: str) -> None:
        complaint = run("check-config", **{setting: "/dev/zero"}).complaint()
        assert complaint.startswith(f"STREAM_DETECTOR_{setting.upper()}: '/dev/zero'")
        assert "not a regular file" in complaint

    def test_a_pipe_that_nobody_writes_into_is_refused(self, run: Run, tmp_path: Path, setting: str) -> None:
        os.mkfifo(tmp_path / "pipe")
        assert "not a regular file" in run("check-config", **{setting: str(tmp_path / "pipe")}).complaint()

    def test_a_folder_is_refused(self, run: Run, tmp_path: Path, setting: str) -> None:
        assert "Is a directory" in run("check-config", **{setting: str(tmp_path)}).complaint()

    def test_a_file_too_large_is_refused(self, run: Run, tmp_path: Path, setting: str) -> None:
        path = tmp_path / "large.toml"
        with path.open("wb") as file:
            file.truncate(MAX_BYTES + 1)
        assert "larger than 16 MiB" in run("check-config", **{setting: str(path)}).complaint()


def test_a_link_to_a_file_is_read_as_one(tmp_path: Path) -> None:
    (tmp_path / "data").write_text('version = "é"', "utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "data")
    assert read_text(str(tmp_path / "link")) == 'version = "é"'
