"""The end of a worker whose broker does not answer any more."""

import subprocess
import sys
from pathlib import Path

import pytest

_WORKER = Path(__file__).parent.parent / "streaming" / "silent_broker.py"


@pytest.mark.parametrize(("state", "exit_code"), [("saved", 0), ("unsaved", 1)])
def test_the_exit_code_tells_whether_everything_was_saved_whether_or_not_the_group_was_left(
    state: str, exit_code: int
) -> None:
    worker = subprocess.run([sys.executable, _WORKER, state], capture_output=True, text=True, timeout=60, check=False)
    assert worker.returncode == exit_code, worker.stderr
