"""Real gateways with the files of deploy/gateways: addresses are changed, lines marked "fail open" undone if asked."""

import contextlib
import http.client
import shutil
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct
from servers.processes import ServerProcess, accepts_connections, free_port

_ROOT = Path(__file__).parents[2]
_FILES = _ROOT / "deploy" / "gateways"
_ENVOY = _ROOT / ".cache" / "envoy" / "bin" / "envoy"
_MARK = "# fail open"
_MARK_INSTEAD = "# fail open: or DENY_ALL"
GATEWAY, HOOK, HOOK_GRPC, MODEL = (f"127.0.0.1:{port}" for port in (8080, 9109, 9111, 8000))
"""Addresses in the files."""


class Kind(Struct, frozen=True):
    """A kind of gateway."""

    name: str
    program: Callable[[], str | None]
    """Its path; None where it is not installed."""
    command: Callable[[str, Path], list[str]]
    """Of the program and the folder of its files."""
    folder: str = ""
    """Of its files, where that is not the name."""
    asks_by_grpc: bool = False
    settles: bool = False
    """Its file tells the hook how many tokens a call has used."""
    hook_settings: Mapping[str, object] = {}
    """That it needs beyond its address."""
    changes: tuple[tuple[str, str], ...] = ()
    """What an operator would write into its files instead of what."""


class Reply(Struct, frozen=True):
    """What the client got; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def _nginx(program: str, folder: Path) -> list[str]:
    temporary = "".join(
        f"{kind}_temp_path {folder / kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = folder / "nginx.conf"
    main.write_text(
        f"pid {folder / 'pid'}; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {temporary} include {folder / 'stream_detector.conf'}; }}\n"
    )
    return [program, "-p", str(folder), "-c", str(main), "-g", "daemon off; master_process off;"]


def _envoy_program() -> str | None:
    return str(_ENVOY) if _ENVOY.exists() else shutil.which("envoy")


def _envoy(file: str) -> Callable[[str, Path], list[str]]:
    options = ("--concurrency", "1", "--disable-hot-restart", "-l", "warning")
    return lambda program, folder: [program, "-c", str(folder / file), *options]


KINDS = (
    Kind("envoy", _envoy_program, _envoy("envoy.yaml")),
    Kind("envoy-grpc", _envoy_program, _envoy("envoy-grpc.yaml"), folder="envoy", asks_by_grpc=True, settles=True),
    Kind("nginx", lambda: shutil.which("nginx"), _nginx),
    Kind(
        "haproxy",
        lambda: shutil.which("haproxy"),
        lambda program, folder: [program, "-db", "-C", str(folder), "-f", str(folder / "haproxy.cfg")],
    ),
    Kind(
        "caddy",
        lambda: shutil.which("caddy"),
        lambda program, folder: [program, "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"],
    ),
)

QUOTA = Kind(
    "envoy-quota",
    _envoy_program,
    _envoy("envoy-quota.yaml"),
    folder="envoy",
    asks_by_grpc=True,
    hook_settings={"hook_grpc_processes": 1},
)
"""Enforces by itself what the hook has assigned, so it answers otherwise than those above."""


class Front:
    """A running gateway."""

    def __init__(self, kind: Kind, folder: Path, *, hook: str, model: str, fails_open: bool) -> None:
        """Start it.

        Args:
            kind: which.
            folder: an empty one, for its files.
            hook: address of the hook, host:port; that of its gRPC port for a gateway that asks by gRPC.
            model: address of the model.
            fails_open: whether calls pass when the hook does not answer.
        """
        self._port = free_port()
        addresses = {
            GATEWAY: f"127.0.0.1:{self._port}",
            HOOK: hook,
            HOOK_GRPC: hook,
            MODEL: model,
        }
        for path in (_FILES / (kind.folder or kind.name)).iterdir():
            text = path.read_text()
            for old, new in kind.changes:
                text = text.replace(old, new)
            (folder / path.name).write_text(_changed(text, addresses, fails_open=fails_open))
        program = kind.program()
        assert program, f"{kind.name} is not installed"
        self._process = ServerProcess(
            kind.command(program, folder), folder / "log", {"HOME": str(folder), "PATH": "/usr/bin:/bin"}
        )
        self._process.wait_ready(lambda: accepts_connections(self._port))

    def call(self, key: str | None, headers: Mapping[str, str] | None = None, body: bytes = b"{}") -> Reply:
        """One call of a client with an API key; None for a call without one."""
        fields = {"content-type": "application/json", **(headers or {})}
        if key is not None:
            fields["authorization"] = f"Bearer {key}"
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            connection.request("POST", "/v1/chat/completions?stream=1", body=body, headers=fields)
            answer = connection.getresponse()
            return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def shout(self, data: bytes) -> bytes:
        """Send bytes that it need not accept; the beginning of what it says to them."""
        with (
            socket.create_connection(("127.0.0.1", self._port), timeout=10) as connection,
            contextlib.suppress(ConnectionError),
        ):
            connection.sendall(data)
            return connection.recv(100)
        return b""

    def close(self) -> None:
        self._process.stop()


def _changed(text: str, addresses: Mapping[str, str], *, fails_open: bool) -> str:
    """Other addresses, in either notation; without the marked lines, or with what they say instead, to fail closed."""
    for old, new in addresses.items():
        text = text.replace(old, new)
        old_port, new_port = old.rpartition(":")[2], new.rpartition(":")[2]
        text = text.replace(f"port_value: {old_port}", f"port_value: {new_port}")
        text = text.replace(f"http://:{old_port} ", f"http://:{new_port} ")
    if fails_open:
        return text
    kept = [line for line in text.splitlines(keepends=True) if not line.rstrip().endswith(_MARK)]
    return "".join(line.replace("ALLOW_ALL}", "DENY_ALL}") if _MARK_INSTEAD in line else line for line in kept)
