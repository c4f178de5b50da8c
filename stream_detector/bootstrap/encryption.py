"""TLS of the hook's ports, as the settings say."""

from pathlib import Path

from stream_detector.serving.tls import Tls
from stream_detector.settings import PREFIX, Settings


def tls_of(settings: Settings) -> Tls | None:
    """Certificate and key; None where the hook speaks plain text.

    Raises:
        ConfigError: they cannot be used.
    """
    if not settings.hook_tls_certificate:
        return None
    return Tls(
        Path(settings.hook_tls_certificate),
        Path(settings.hook_tls_key),
        f"{PREFIX}HOOK_TLS_CERTIFICATE, {PREFIX}HOOK_TLS_KEY",
    )
