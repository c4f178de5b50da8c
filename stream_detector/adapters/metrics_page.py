"""The worker's page for Prometheus, from threads of its own: it also answers while a micro-batch is handled."""

import logging
from wsgiref.simple_server import WSGIRequestHandler

from prometheus_client import CollectorRegistry, start_http_server

from stream_detector.domain.errors import ConfigError

_SILENT_S = 10.0
"""A connection that says nothing for so long is closed."""
_log = logging.getLogger(__name__)


def serve_metrics(host: str, port: int, registry: CollectorRegistry) -> None:
    """Serve /metrics until the process ends.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    try:
        server, _ = start_http_server(port, host, registry)
    except OSError as error:
        message = f"STREAM_DETECTOR_METRICS_PORT: cannot listen on {host}:{port} ({error.strerror}); choose a free port"
        raise ConfigError(message) from error
    handler: type[WSGIRequestHandler] = server.RequestHandlerClass  # type: ignore[assignment]
    server.RequestHandlerClass = type("Handler", (handler,), {"timeout": _SILENT_S})
    server.handle_error = _connection_broke  # type: ignore[assignment]


def _connection_broke(_request: object, address: object) -> None:
    """Instead of a trace on standard error for everybody who hangs up."""
    _log.debug("the connection to %s broke", address, exc_info=True)
