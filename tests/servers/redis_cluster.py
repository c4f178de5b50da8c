"""A Redis Cluster of three primaries on the loopback interface."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import redis
from servers.processes import ServerProcess, free_port, wait_until

_SLOTS = 16_384
_NODES = 3


class _Node(NamedTuple):
    port: int
    bus_port: int
    client: redis.Redis

    def answers(self) -> bool:
        with contextlib.suppress(redis.RedisError):
            return bool(self.client.ping())
        return False

    def is_complete(self) -> bool:
        info = self.client.execute_command("CLUSTER INFO")
        return info["cluster_state"] == "ok" and int(info["cluster_known_nodes"]) == _NODES


@contextlib.contextmanager
def redis_cluster(binary: str, directory: Path) -> Iterator[str]:
    """Start it; the URL of one of its nodes, as the adapters take it."""
    with contextlib.ExitStack() as stack:
        nodes = [_start(stack, binary, directory / f"node{number}") for number in range(_NODES)]
        for number, node in enumerate(nodes):
            first, beyond = _SLOTS * number // _NODES, _SLOTS * (number + 1) // _NODES
            node.client.execute_command("CLUSTER ADDSLOTSRANGE", first, beyond - 1)
            node.client.execute_command("CLUSTER MEET", "127.0.0.1", nodes[0].port, nodes[0].bus_port)
        wait_until(lambda: all(node.is_complete() for node in nodes), "the nodes of the cluster know each other")
        yield f"redis://127.0.0.1:{nodes[0].port}/0?cluster=true"


def _start(stack: contextlib.ExitStack, binary: str, directory: Path) -> _Node:
    directory.mkdir()
    port, bus_port = free_port(), free_port()
    # By default the bus listens 10,000 above the port, which may not exist.
    options = {"port": port, "cluster-port": bus_port, "cluster-enabled": "yes", "bind": "127.0.0.1"}
    options |= {"save": "", "appendonly": "no", "dir": directory}
    arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    process = ServerProcess([binary, *arguments], directory / "redis.log")
    stack.callback(process.stop)
    node = _Node(port, bus_port, stack.enter_context(redis.Redis(port=port)))
    process.wait_ready(node.answers)
    return node
