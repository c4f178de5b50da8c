"""Apache Kafka for the tests: resolved with Maven once, one broker on the loopback interface."""

import fcntl
import hashlib
import os
import shutil
import string
import subprocess
import tempfile
from pathlib import Path

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError
from servers.processes import ServerProcess, accepts_connections, free_port

_FILES = Path(__file__).parent.parent / "kafka"
_CACHE = Path(__file__).parent.parent.parent / ".cache" / "kafka"
_CLUSTER_ID = "c3RyZWFtLWRldGVjdG9yMQ"  # 16 bytes, base64; the value does not matter


class KafkaMissing(Exception):
    """No Kafka can be started here; the message says why and what to do."""


class KafkaServer:
    """One broker, on the same port and with the same data each time it is started."""

    def __init__(self, directory: Path) -> None:
        """Format the data directory.

        Raises:
            KafkaMissing: Java or Maven are not installed, or Maven could not fetch Kafka.
        """
        self._directory = directory
        self._properties = directory / "server.properties"
        self._port, controller_port = free_port(), free_port()
        self.bootstrap = f"127.0.0.1:{self._port}"
        template = string.Template((_FILES / "server.properties").read_text())
        data = directory / "data"
        self._properties.write_text(
            template.substitute(port=self._port, controller_port=controller_port, directory=data)
        )
        logging = f"-Dlog4j2.configurationFile={_FILES / 'log4j2.properties'}"
        self._java = ["java", "-Xmx512m", "-XX:+UseSerialGC", logging, "-cp", f"{_libraries()}/*"]
        arguments = ["format", "--cluster-id", _CLUSTER_ID, "--config", str(self._properties)]
        subprocess.run([*self._java, "kafka.tools.StorageTool", *arguments], check=True, capture_output=True)
        self._process: ServerProcess | None = None

    def start(self) -> None:
        """Start, or start again, and wait until consumer groups work."""
        command = [*self._java, "kafka.Kafka", str(self._properties)]
        self._process = ServerProcess(command, self._directory / "kafka.log")
        self._process.wait_ready(lambda: accepts_connections(self._port) and _coordinates_groups(self.bootstrap))

    def stop(self) -> None:
        """Stop; connections break and new ones are refused."""
        if self._process:
            self._process.stop()
            self._process = None


def _coordinates_groups(bootstrap: str) -> bool:
    try:
        admin = KafkaAdminClient(bootstrap_servers=bootstrap, bootstrap_timeout_ms=2000, request_timeout_ms=2000)
    except KafkaError:
        return False
    try:
        admin.list_group_offsets(["anything"])  # the last thing that works: the offsets topic is there
    except KafkaError:
        return False
    finally:
        admin.close()
    return True


def _libraries() -> Path:
    """Folder of Kafka's jar files, fetched by Maven when the pom has changed."""
    if not shutil.which("java") or not shutil.which("mvn"):
        message = "Apache Kafka needs java and mvn; run `make servers`, or name a broker in STREAM_DETECTOR_TEST_KAFKA"
        raise KafkaMissing(message)
    pom = _FILES / "pom.xml"
    jars = _CACHE / hashlib.sha256(pom.read_bytes()).hexdigest()[:16]
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several processes that test, one fetches
        if not jars.exists():
            _fetch(pom, jars)
    return jars


def _fetch(pom: Path, jars: Path) -> None:
    with tempfile.TemporaryDirectory(dir=_CACHE) as unfinished:
        result = subprocess.run(
            ["mvn", "-q", "-B", "-f", pom, "dependency:copy-dependencies", f"-DoutputDirectory={unfinished}/jars"],
            check=False,
            capture_output=True,
            text=True,
        )
        if result.returncode:
            reason = result.stdout[-1000:]
            message = f"no Apache Kafka; see what `mvn -f {pom} dependency:copy-dependencies` says: {reason}"
            raise KafkaMissing(message)
        os.replace(f"{unfinished}/jars", jars)  # noqa: PTH105 - atomic: a fetch that broke off leaves nothing behind
