"""The middleware that operators put into their application; `stream_detector.asgi` is its public name."""

import os

from prometheus_client import CollectorRegistry

from stream_detector.adapters.hook_metrics import PrometheusHookObserver
from stream_detector.bootstrap.identity import identity_of
from stream_detector.bootstrap.resident import resident_guard_of
from stream_detector.hook.asgi import Application, ClientOf, EnforcingMiddleware, client_in_header
from stream_detector.settings import Settings


class StreamDetectorMiddleware(EnforcingMiddleware):
    """Refuses throttled and blocked clients before the application hears of their calls.

    It belongs inside whatever authenticates: that must run first. `docs/gateways.md` shows where to put it.

    Args:
        app: the application, any ASGI 3 one.
        settings: None for those of the environment (`STREAM_DETECTOR_...`), of which those of the hook count.
        client_of: says what the client is known by (`identity`), from the scope, after authentication; None for the
            request header that `hook_client_header` names, which then only a trusted proxy may set.
        registry: where the hook's metrics are counted; None for nowhere that is shown.

    Raises:
        ConfigError: a setting does not fit.
    """

    def __init__(
        self,
        app: Application,
        *,
        settings: Settings | None = None,
        client_of: ClientOf | None = None,
        registry: CollectorRegistry | None = None,
    ) -> None:
        settings = settings or Settings.from_env(os.environ)
        observer = PrometheusHookObserver(registry or CollectorRegistry())
        super().__init__(
            app,
            guard=resident_guard_of(settings, observer),
            observer=observer,
            client_of=client_of or client_in_header(settings.hook_client_header),
            identity=identity_of(settings),
        )
