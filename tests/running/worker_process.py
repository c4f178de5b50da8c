"""A worker as an operator runs it: `python -m stream_detector worker`, settings by environment, metrics over HTTP."""

import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from servers.processes import free_port, wait_until

from stream_detector.settings import PREFIX


def environment(settings: Mapping[str, object]) -> dict[str, str]:
    """This process's environment, with no other settings of ours than `settings` (field names of `Settings`)."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return others | {PREFIX + name.upper(): str(value) for name, value in settings.items()}


def started_in_vain(command: str, settings: Mapping[str, object]) -> "subprocess.CompletedProcess[str]":
    """Run a command of ours whose settings do not let it start, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "stream_detector", command],
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class WorkerProcess:
    """One process. The kernel kills it when the test run dies (Linux)."""

    def __init__(self, settings: Mapping[str, object], log: Path) -> None:
        self.log = log
        port = settings.get("metrics_port") or free_port()
        self.address = f"127.0.0.1:{port}"
        """Of its metrics."""
        self._metrics_url = f"http://{self.address}/metrics"
        reaper = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*reaper, sys.executable, "-m", "stream_detector", "worker"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment({**settings, "metrics_port": port}),
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def metrics(self) -> str:
        """The page; empty while nobody answers."""
        try:
            with urllib.request.urlopen(self._metrics_url, timeout=5) as page:  # noqa: S310 - our own address
                return str(page.read().decode())
        except (urllib.error.URLError, OSError):
            return ""

    def metric(self, name: str, **labels: str) -> float:
        """Sum of the samples of this name that have these labels; 0 for none."""
        return sum(
            sample.value
            for family in text_string_to_metric_families(self.metrics())
            for sample in family.samples
            if sample.name == f"stream_detector_{name}" and labels.items() <= sample.labels.items()
        )

    def partitions(self) -> frozenset[int]:
        """Partitions that it owns, as its metrics say (up to a second late)."""
        return frozenset(
            int(sample.labels["partition"])
            for family in text_string_to_metric_families(self.metrics())
            for sample in family.samples
            if sample.name == "stream_detector_lag_records"
        )

    def handled(self) -> int:
        """Records handled since its start."""
        return int(self.metric("chunk_records_sum"))

    def wait_handled(self, records: int, timeout_s: float = 60.0) -> None:
        """Wait until it has handled so many records."""
        wait_until(lambda: self.has_ended() or self.handled() >= records, f"{records} handled records", timeout_s)
        assert not self.has_ended(), self.output()

    def wait_partitions(self, count: int) -> None:
        """Wait until it owns so many partitions."""
        wait_until(lambda: self.has_ended() or len(self.partitions()) == count, f"{count} partitions", 60)
        assert not self.has_ended(), self.output()

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def send_signal(self, number: int) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, as kill -9."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self._process.terminate()
        return self.exit_code()

    def exit_code(self, timeout_s: float = 60.0) -> int:
        """Wait for the end."""
        return self._process.wait(timeout_s)

    def output(self) -> str:
        """All it has printed and logged."""
        return self.log.read_text(errors="replace")

    def end(self) -> None:
        """Whatever state it is in."""
        if not self.has_ended():
            self.kill()
