"""Apache Kafka for the tests: resolved with Maven once, one broker on the loopback interface."""

import hashlib
import os
import shutil
import string
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError
from servers.processes import ServerProcess, accepts_connections, free_port, running

_FILES = Path(__file__).parent.parent / "kafka"
_CACHE = Path(__file__).parent.parent.parent / ".cache" / "kafka"
_CLUSTER_ID = "c3RyZWFtLWRldGVjdG9yMQ"  # 16 bytes, base64; the value does not matter


class KafkaMissing(Exception):
    """No Kafka can be started here; the message says why and what to do."""


@contextmanager
def kafka_server(directory: Path) -> Iterator[str]:
    """A running broker's bootstrap address; its data live in `directory`.

    Raises:
        KafkaMissing: Java or Maven are not installed, or Maven could not fetch Kafka.
    """
    classpath = f"{_libraries()}/*"
    port, controller_port = free_port(), free_port()
    properties = directory / "server.properties"
    template = string.Template((_FILES / "server.properties").read_text())
    properties.write_text(
        template.substitute(port=port, controller_port=controller_port, directory=directory / "data"),
    )
    java = ["java", "-XX:+UseSerialGC", f"-Dlog4j2.configurationFile={_FILES / 'log4j2.properties'}", "-cp", classpath]
    subprocess.run(
        [*java, "-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", properties],
        check=True,
        capture_output=True,
    )
    server = ServerProcess([*java, "-Xmx512m", "kafka.Kafka", str(properties)], directory / "kafka.log")
    with running(server):
        bootstrap = f"127.0.0.1:{port}"
        server.wait_ready(lambda: accepts_connections(port) and _coordinates_groups(bootstrap))
        yield bootstrap


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
    if jars.exists():
        return jars
    _CACHE.mkdir(parents=True, exist_ok=True)
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
    return jars
