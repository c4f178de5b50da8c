"""What the pages show at the terminal is run, in the order of the page, and says what the page says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from documents.reading import PAGES, Block, blocks

_NUMBER = re.compile(r"\d[\d,.]*")
_SHOWN = ("console", "python", "text")


def _commands(block: Block) -> list[tuple[str, list[str]]]:
    """Each command, and the lines that the page shows after it."""
    found: list[tuple[str, list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def _run(arguments: list[str], directory: Path) -> tuple[int, list[str]]:
    """Exit code, and lines on both outputs. Settings come from the page alone."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("STREAM_DETECTOR_")}
    environ |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "200"}
    done = subprocess.run(
        arguments,
        cwd=directory,
        env=environ,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
    )
    return done.returncode, done.stdout.decode().splitlines()


def _assert_shown(shown: list[str], output: list[str]) -> None:
    """All lines that the page shows are there, in this order; numbers may differ, and more may be there."""
    rest = iter(_NUMBER.sub("0", line) for line in output)
    for line in shown:
        assert _NUMBER.sub("0", line) in rest, "\n".join([f"the page shows {line!r}, but the output is", *output])


@pytest.mark.parametrize("page", [page for page in PAGES if blocks("console", path=page)], ids=lambda page: page.name)
def test_a_worked_example_goes_as_the_page_shows_it(page: Path, tmp_path: Path) -> None:
    output: list[str] = []
    for block in blocks(*_SHOWN, path=page):
        if block.language == "console":
            for command, shown in _commands(block):
                _, output = _run(["sh", "-euc", command], tmp_path)
                _assert_shown(shown, output)
        elif block.language == "python":
            code, output = _run([sys.executable, "-c", block.text], tmp_path)
            assert code == 0, output
        else:
            _assert_shown(block.text.splitlines(), output)


def test_there_are_examples_to_run() -> None:
    assert {"offline.md", "policy.md", "settings.md"} <= {block.page for block in blocks("console")}
