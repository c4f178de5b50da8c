"""Runs Envoy's services on gRPC, inside the caller's event loop.

The port is shared with the other processes (SO_REUSEPORT). The kernel spreads connections over them, not questions, and
Envoy keeps one connection per worker thread unless it is told to open more.
"""

import asyncio
import socket
from collections.abc import Callable

import grpc.aio
from envoy.service.auth.v3.external_auth_pb2_grpc import add_AuthorizationServicer_to_server
from envoy.service.rate_limit_quota.v3.rlqs_pb2_grpc import add_RateLimitQuotaServiceServicer_to_server
from envoy.service.ratelimit.v3.rls_pb2_grpc import add_RateLimitServiceServicer_to_server
from grpc_health.v1.health import aio as health_service
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from msgspec import Struct

from stream_detector.domain.errors import ConfigError
from stream_detector.hook.envoy.authorization import Authorization
from stream_detector.hook.envoy.quota import Quota
from stream_detector.hook.envoy.rate_limit import RateLimit
from stream_detector.serving.tls import Tls
from stream_detector.serving.unreadable import quieten

_MAX_MESSAGE_BYTES = 64 << 20
"""A report of the quota filter names every bucket of its Envoy."""
_OPTIONS = (("grpc.so_reuseport", 1), ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES))


class Services(Struct, frozen=True, kw_only=True):
    """What answers."""

    authorization: Authorization
    """`ext_authz`."""
    rate_limit: RateLimit
    """The rate limit filter."""
    quota: Quota
    """The rate limit quota filter."""
    health: health_service.HealthServicer
    """Probes of Envoy and Kubernetes."""


async def serve(
    services: Services,
    *,
    address: str,
    tls: Tls | None,
    stop: asyncio.Event,
    stop_within_s: float,
    on_listening: Callable[[], None],
) -> None:
    """Answer until `stop` is set, then finish the open questions.

    Args:
        services: answer.
        address: of `grpc_address`.
        tls: certificate and key; None for plain text.
        stop: ends the server.
        stop_within_s: open questions get this long to finish.
        on_listening: called once, as soon as connections are accepted.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    quieten()
    server = grpc.aio.server(options=_OPTIONS)
    add_AuthorizationServicer_to_server(services.authorization, server)
    add_RateLimitServiceServicer_to_server(services.rate_limit, server)
    add_RateLimitQuotaServiceServicer_to_server(services.quota, server)
    add_HealthServicer_to_server(services.health, server)
    try:
        if tls is None:
            server.add_insecure_port(address)
        else:
            server.add_secure_port(address, _credentials(tls))
    except RuntimeError as error:
        raise _cannot_listen(address, error) from error
    await server.start()
    try:
        on_listening()
        await stop.wait()
    finally:
        services.quota.close()
        await services.health.enter_graceful_shutdown()
        await server.stop(stop_within_s)


def _credentials(tls: Tls) -> grpc.ServerCredentials:
    return grpc.ssl_server_credentials([(tls.key.read_bytes(), tls.certificate.read_bytes())])


def grpc_address(host: str, port: int) -> str:
    """The address to listen on, as gRPC writes it; nobody else listens there now.

    Raises:
        ConfigError: it cannot be listened on.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise _cannot_listen(f"{host}:{port}", error) from error  # noqa: EM102 - not the message
    ip = str(address[0])
    return f"[{ip}]:{port}" if family == socket.AF_INET6 else f"{ip}:{port}"


def _cannot_listen(address: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"hook_host, hook_grpc_port: cannot listen on {address} ({error}); choose a free port of this machine"
    )
