"""TLS of the ports of hook and collector, as the settings say."""

from pathlib import Path

from stream_detector.serving.tls import Tls
from stream_detector.settings import PREFIX, Settings


def tls_of(settings: Settings) -> Tls | None:
    """Certificate and key of the hook; None where it speaks plain text.

    Raises:
        ConfigError: they cannot be used.
    """
    return _tls(settings.hook_tls_certificate, settings.hook_tls_key, "HOOK")


def collector_tls_of(settings: Settings) -> Tls | None:
    """Certificate and key of the collector; None where it speaks plain text.

    Raises:
        ConfigError: they cannot be used.
    """
    return _tls(settings.collector_tls_certificate, settings.collector_tls_key, "COLLECTOR")


def _tls(certificate: str, key: str, whose: str) -> Tls | None:
    if not certificate:
        return None
    return Tls(Path(certificate), Path(key), f"{PREFIX}{whose}_TLS_CERTIFICATE, {PREFIX}{whose}_TLS_KEY")
