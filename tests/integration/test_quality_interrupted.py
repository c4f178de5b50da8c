"""A benchmark that is stopped half-way takes its processes and its hundreds of megabytes with it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.processes import wait_until

_COMMAND = """
import signal
from stream_detector.cli import main
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
    main()
"""
_ENDS = {signal.SIGTERM: 143, signal.SIGINT: 130}


@pytest.fixture
def benchmark(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One under way, with traffic on disk, as the leader of its own group of processes."""
    (tmp_path / "scratch").mkdir()
    words = ["quality", "--quick", "--only", "capability_sweep", "--rivals", "0", "--out", str(tmp_path / "out")]
    process = subprocess.Popen(
        [sys.executable, "-c", _COMMAND, *words],
        env=os.environ | {"TMPDIR": str(tmp_path / "scratch"), "STREAM_DETECTOR_DATA": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _has_members(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("how", _ENDS)
def test_a_benchmark_that_is_stopped_leaves_nothing_behind(
    benchmark: subprocess.Popen[bytes], tmp_path: Path, how: signal.Signals
) -> None:
    scratch = tmp_path / "scratch"
    wait_until(lambda: any(scratch.glob("*/*/population.jsonl")), "traffic on disk", 60)
    os.killpg(benchmark.pid, how) if how is signal.SIGINT else benchmark.send_signal(how)  # Ctrl-C goes to all
    _, err = benchmark.communicate(timeout=60)
    assert benchmark.returncode == _ENDS[how], err
    assert b"Traceback" not in err
    assert list(scratch.iterdir()) == []
    wait_until(lambda: not _has_members(benchmark.pid), "the end of all processes")
