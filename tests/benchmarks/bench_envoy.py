"""Envoy with nothing to ask, with our hook over HTTP and gRPC, and with envoyproxy/ratelimit, side by side in one run.

    PYTHONPATH=tests python tests/benchmarks/bench_envoy.py [--seconds 5] [--rounds 3] [--soak 60]

The model is another listener of the same Envoy, which answers at once. "free" is a client without a decision: we answer
from memory. "limited" is a client within its limit: each call is counted in Redis, as envoyproxy/ratelimit does for
everybody. The limit is out of reach. Rounds take turns, and the median is shown: machines are noisy. "per core" is requests
per second of CPU time of the service that is asked, Redis left out. That service and Envoy have one thread each. Envoy and the
load share one core, what is asked and Redis another, as they do not where there are more: else the kernel moves them about.

Needs wrk; and Go, to build envoyproxy/ratelimit, which is left out otherwise.
"""

import argparse
import asyncio
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gateways.fronts import KINDS
from msgspec import Struct
from running.worker_process import environment
from servers.processes import ServerProcess, accepts_connections, free_port
from servers.redis_server import RedisServer, redis_binary

from stream_detector.adapters.redis_stores import RedisStores
from stream_detector.domain.decisions import Action, Decision, Limit, Mode, Subject, SubjectKind

_RATELIMIT = "github.com/envoyproxy/ratelimit/src/service_cmd@latest"
_BUILT = Path(__file__).parents[2] / ".cache" / "ratelimit" / "service_cmd"
_CONNECTIONS = (1, 16)
_CROWD = 64
_GATEWAY, _SERVICES = 0, 1
"""Cores of Envoy and the load, and of all that is asked. Left alone, the kernel moves them about, and runs differ by half."""
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_TIMES = {"us": 1e-3, "ms": 1.0, "s": 1e3}

_ENVOY = """
static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: bench
          http_filters:
{filters}
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              rate_limits: [{{actions: [{{request_headers: {{header_name: x-client-id, descriptor_key: client_id}}}}]}}]
              routes: [{{match: {{prefix: /}}, route: {{cluster: model}}}}]
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {model}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: model
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{{match: {{prefix: /}}, direct_response: {{status: 200, body: {{inline_string: "yes"}}}}}}]
  clusters:
  - name: asked
    type: STATIC
    connect_timeout: 1s
{protocol}
    load_assignment: {{cluster_name: asked, endpoints: [{{lb_endpoints: [{{endpoint:
      {{address: {{socket_address: {{address: 127.0.0.1, port_value: {asked}}}}}}}}}]}}]}}
  - name: model
    type: STATIC
    connect_timeout: 1s
    load_assignment: {{cluster_name: model, endpoints: [{{lb_endpoints: [{{endpoint:
      {{address: {{socket_address: {{address: 127.0.0.1, port_value: {model}}}}}}}}}]}}]}}
"""
_HTTP2 = """
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
"""
_OVER_HTTP = """
          - name: envoy.filters.http.ext_authz
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
              allowed_headers: {patterns: [{exact: x-client-id}]}
              http_service: {server_uri: {uri: "http://127.0.0.1", cluster: asked, timeout: 1s}, path_prefix: /check}
"""
_OVER_GRPC = """
          - name: envoy.filters.http.ext_authz
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
              transport_api_version: V3
              grpc_service: {envoy_grpc: {cluster_name: asked}, timeout: 1s}
"""
_RATE_LIMIT = """
          - name: envoy.filters.http.ratelimit
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimit
              domain: bench
              timeout: 1s
              failure_mode_deny: true
              rate_limit_service:
                transport_api_version: V3
                grpc_service: {envoy_grpc: {cluster_name: asked}, timeout: 1s}
"""


class Contender(Struct, frozen=True):
    """One way to ask, ready to be asked."""

    name: str
    client: str
    port: int
    """Of its Envoy."""
    services: tuple[int, ...]
    """Process ids whose CPU time counts; their children's too."""


class Measured(Struct, frozen=True):
    """One run of wrk."""

    per_s: float
    p50_ms: float
    p99_ms: float
    per_core: float | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="of one measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--soak", type=float, default=60.0, help="seconds with 64 connections, in which no request may be lost"
    )
    chosen = parser.parse_args()
    if not shutil.which("wrk") or KINDS[0].program() is None:
        say("left out: wrk or Envoy is not installed; run: make servers")
        return
    found: defaultdict[tuple[str, int], list[Measured]] = defaultdict(list)
    with ExitStack() as exits, tempfile.TemporaryDirectory() as folder:
        contenders = start(exits, Path(folder))
        for number in range(chosen.rounds):
            for connections in _CONNECTIONS:
                for contender in contenders:
                    sys.stderr.write(f"round {number + 1} of {chosen.rounds}: {contender.name}, {connections}\n")
                    found[contender.name, connections].append(measure(contender, connections, chosen.seconds))
        show(found)
        for contender in contenders[1:]:
            sys.stderr.write(f"{_CROWD} connections for {chosen.soak:g} s: {contender.name}\n")
            crowd = measure(contender, _CROWD, chosen.soak)
            say(
                f"{contender.name:24s}{_CROWD:12d}{crowd.per_s:12,.0f}{crowd.p50_ms:9.3f}{crowd.p99_ms:9.3f}   none lost"
            )


def start(exits: ExitStack, folder: Path) -> list[Contender]:
    """Everything that is asked, and an Envoy for each."""
    redis = RedisServer(str(redis_binary()), folder)
    with on_core(_SERVICES):
        redis.start()
    exits.callback(redis.stop)
    asyncio.run(limit(redis.url))
    http_port, grpc_port, rival_port = free_port(), free_port(), free_port()
    settings = {"redis": redis.url, "hook_port": http_port, "hook_grpc_port": grpc_port, "hook_grpc_processes": 1}
    command = [sys.executable, "-m", "stream_detector", "hook"]
    with on_core(_SERVICES):
        hook = serve(exits, command, folder / "hook.log", http_port, environment(settings))
    ways = [
        ("no hook", "free", "", "", http_port, ()),
        ("HTTP, free", "free", _OVER_HTTP, "", http_port, (hook.pid,)),
        ("HTTP, limited", "limited", _OVER_HTTP, "", http_port, (hook.pid,)),
        ("gRPC, free", "free", _OVER_GRPC, _HTTP2, grpc_port, (hook.pid,)),
        ("gRPC, limited", "limited", _OVER_GRPC, _HTTP2, grpc_port, (hook.pid,)),
    ]
    if built():
        variables = rival_settings(folder, redis, rival_port)
        with on_core(_SERVICES):
            rival = serve(exits, [str(_BUILT)], folder / "ratelimit.log", rival_port, variables)
        ways.append(("envoyproxy/ratelimit", "limited", _RATE_LIMIT, _HTTP2, rival_port, (rival.pid,)))
    return [
        Contender(name, client, envoy(exits, folder, filters, protocol, asked), services)
        for name, client, filters, protocol, asked, services in ways
    ]


@contextmanager
def on_core(number: int) -> Iterator[None]:
    """What is started here stays on one core, where there are several."""
    usual = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(usual)[number % len(usual)]})
    yield
    os.sched_setaffinity(0, usual)


def serve(exits: ExitStack, command: list[str], log: Path, port: int, variables: dict[str, str]) -> ServerProcess:
    process = ServerProcess(command, log, variables)
    exits.callback(process.stop)
    process.wait_ready(lambda: accepts_connections(port))
    return process


def envoy(exits: ExitStack, folder: Path, filters: str, protocol: str, asked: int) -> int:
    port, program = free_port(), KINDS[0].program()
    assert program
    config = folder / f"envoy-{port}.yaml"
    config.write_text(_ENVOY.format(port=port, filters=filters, protocol=protocol, asked=asked, model=free_port()))
    options = ["--concurrency", "1", "--disable-hot-restart", "-l", "error"]
    with on_core(_GATEWAY):
        serve(exits, [program, "-c", str(config), *options], folder / f"envoy-{port}.log", port, dict(os.environ))
    return port


async def limit(url: str) -> None:
    """A limit that nobody reaches."""
    now_s, many = time.time(), 1_000_000
    decision = Decision(
        subject=Subject(SubjectKind.CLIENT, "limited"),
        action=Action.THROTTLE,
        mode=Mode.ENFORCE,
        limit=Limit(many, 1.0, many),
        risk=1.0,
        policy_version="bench",
        decided_at=now_s,
        expires_at=now_s + 86_400,
    )
    async with RedisStores(url, prefix="sd", profile_ttl_s=60.0) as stores:
        await stores.decisions.put([decision], now_s)


def built() -> bool:
    """Whether the rival is there, or can be built."""
    if not _BUILT.exists() and shutil.which("go"):
        sys.stderr.write("building envoyproxy/ratelimit, which takes some minutes ...\n")
        variables = {**os.environ, "GOBIN": str(_BUILT.parent)}
        subprocess.run(["go", "install", _RATELIMIT], check=False, env=variables, cwd=tempfile.gettempdir())
    return _BUILT.exists()


def rival_settings(folder: Path, redis: RedisServer, port: int) -> dict[str, str]:
    config = folder / "ratelimit" / "config"
    config.mkdir(parents=True)
    rule = "{key: client_id, rate_limit: {unit: second, requests_per_unit: 1000000}}"
    (config / "bench.yaml").write_text(f"domain: bench\ndescriptors: [{rule}]\n")
    return {
        "REDIS_SOCKET_TYPE": "tcp",
        "REDIS_URL": f"127.0.0.1:{redis.port}",
        "RUNTIME_ROOT": str(folder),
        "RUNTIME_SUBDIRECTORY": "ratelimit",
        "RUNTIME_WATCH_ROOT": "false",
        "USE_STATSD": "false",
        "LOG_LEVEL": "error",
        "HOST": "127.0.0.1",
        "GRPC_HOST": "127.0.0.1",
        "GRPC_PORT": str(port),
        "PORT": str(free_port()),
        "DEBUG_PORT": str(free_port()),
        "GOMAXPROCS": "1",
    }


def measure(contender: Contender, connections: int, seconds: float) -> Measured:
    """Ask for so many seconds; every answer must be 200."""
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds:g}s",
        "--latency",
        "-H",
        f"x-client-id: {contender.client}",
    ]
    before_s = cpu_s(contender.services)
    command.append(f"http://127.0.0.1:{contender.port}/")
    with on_core(_GATEWAY):
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    spent_s = cpu_s(contender.services) - before_s
    assert "Non-2xx" not in text, f"{contender.name}: requests were refused\n{text}"
    assert "Socket errors" not in text, f"{contender.name}: requests were lost\n{text}"
    count = re.search(r"(\d+) requests in", text)
    assert count, text
    return Measured(
        per_s=float(count[1]) / seconds,
        p50_ms=percentile(text, 50),
        p99_ms=percentile(text, 99),
        per_core=float(count[1]) / spent_s if contender.services else None,
    )


def percentile(text: str, which: int) -> float:
    match = re.search(rf"^ +{which}% +([\d.]+)(us|ms|s)$", text, re.MULTILINE)
    assert match, text
    return float(match[1]) * _TIMES[match[2]]


def cpu_s(pids: tuple[int, ...]) -> float:
    """CPU time of these processes and of all below them, so far."""
    stats = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        stats[int(path.parent.name)] = int(fields[1]), int(fields[11]) + int(fields[12])
    counted = set(pids)
    while more := {pid for pid, (parent, _) in stats.items() if parent in counted} - counted:
        counted |= more
    return sum(stats[pid][1] for pid in counted if pid in stats) / _TICKS_PER_S


def show(found: dict[tuple[str, int], list[Measured]]) -> None:
    say(
        f"{'':24s}{'connections':>12s}{'requests/s':>12s}{'p50 ms':>9s}{'p99 ms':>9s}{'adds p50':>10s}{'per core':>10s}"
    )
    for (name, connections), runs in sorted(found.items(), key=lambda each: each[0][1]):
        per_s, p50, p99 = (
            statistics.median(getattr(run, part) for run in runs) for part in ("per_s", "p50_ms", "p99_ms")
        )
        adds = statistics.median(
            run.p50_ms - bare.p50_ms for run, bare in zip(runs, found["no hook", connections], strict=True)
        )
        cores = [run.per_core for run in runs if run.per_core is not None]
        core = f"{statistics.median(cores):10,.0f}" if cores else f"{'':>10s}"
        say(f"{name:24s}{connections:12d}{per_s:12,.0f}{p50:9.3f}{p99:9.3f}{adds:10.3f}{core}")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main()
