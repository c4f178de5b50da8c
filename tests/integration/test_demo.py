"""The demo and `up` as their users start them: real servers, a real worker, a real hook."""

import os
import re
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
from demos.pages import Page
from demos.processes import Command

pytestmark = pytest.mark.timeout(240)


def test_the_demo_loses_nothing_writes_its_report_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with Command("demo", "--seconds", "20", "--report", "report.html", directory=tmp_path) as demo:
        code = demo.wait()
        assert code == 0, demo.output
        assert demo.left_behind() == []
    calls, sent, observed = (
        int(re.findall(rf"([\d,]+) {what}", demo.output)[-1].replace(",", ""))
        for what in ("calls made", "events sent", "observed")
    )
    assert calls == sent == observed > 1000
    assert ", 0 lost" in demo.output
    assert re.search(r"\[ *\d+%\] event time", demo.output)
    assert "caught" in demo.output
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert f"{calls:,}" in page.texts
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_demo_that_is_interrupted_sums_up_what_it_saw(number: signal.Signals, code: int, tmp_path: Path) -> None:
    with Command("demo", "--seconds", "60", directory=tmp_path) as demo:
        demo.wait_for(r"\[ *\d+%\] event time \d\d:\d\d, [1-9]")
        demo.process.send_signal(number)
        assert demo.wait() == code, demo.output
        assert demo.left_behind() == []
    assert re.search(r"[1-9][\d,]* calls made", demo.output)
    assert "ended early" in (tmp_path / "demo-report.html").read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["demo-report.html"]


def test_a_worker_that_dies_ends_the_demo_with_a_summary_and_the_reason(tmp_path: Path) -> None:
    with Command("demo", "--seconds", "60", directory=tmp_path) as demo:
        demo.wait_for(r"\[ *\d+%\] event time \d\d:\d\d, [1-9]")
        os.kill(demo.child("worker"), signal.SIGKILL)
        assert demo.wait() == 2, demo.output
        assert demo.left_behind() == []
    assert re.search(r"[1-9][\d,]* calls made", demo.output)
    assert "stream-detector: worker was ended by SIGKILL" in demo.output


def test_a_demo_that_is_interrupted_before_the_first_call_leaves_no_report(tmp_path: Path) -> None:
    with Command("demo", directory=tmp_path) as demo:
        demo.wait_for("Starting broker")
        demo.child("hook")
        demo.process.send_signal(signal.SIGINT)
        assert demo.wait() == 130, demo.output
        assert demo.left_behind() == []
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_cannot_be_written_is_said_before_anything_starts(tmp_path: Path) -> None:
    with Command("demo", "--report", "no/such/folder.html", directory=tmp_path) as demo:
        assert demo.wait() == 2
    assert "--report: 'no/such/folder.html' cannot be written" in demo.output
    assert "Starting" not in demo.output


def test_the_commands_that_up_prints_work(tmp_path: Path) -> None:
    with Command("up", directory=tmp_path) as up:
        up.wait_for(r"curl -i [^\n]*\n")
        (script,) = re.findall(r"(?s) - <<'END'\n(.*)\nEND\n", up.output)
        (metrics,) = re.findall(r"curl -s (\S+) ", up.output)
        (header, hook) = re.findall(r"curl -i -H '(.*): alice' (\S+)", up.output)[0]
        subprocess.run([up.process.args[0], "-c", script], check=True, cwd=tmp_path)  # type: ignore[index]
        with urllib.request.urlopen(urllib.request.Request(hook, headers={header: "alice"})) as answer:  # noqa: S310
            assert answer.status == 200
        deadline = time.monotonic() + 30
        while "calls_total 1.0" not in _read(metrics) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert "stream_detector_calls_total 1.0" in _read(metrics)
        up.process.send_signal(signal.SIGINT)
        assert up.wait() == 0, up.output
        assert up.left_behind() == []
    assert list(tmp_path.iterdir()) == []


def _read(url: str) -> str:
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - our own address
        return str(answer.read(), "utf-8")
