"""Certificate and key of a server, checked before anything listens."""

import ssl
from pathlib import Path

from msgspec import Struct

from stream_detector.domain.errors import ConfigError


class Tls(Struct, frozen=True):
    """What a server proves its name with.

    Raises:
        ConfigError: from the constructor, when the files cannot be read or do not belong together.
    """

    certificate: Path
    """PEM: the server's certificate, then those that vouch for it."""
    key: Path
    """PEM, without a password."""
    settings: str
    """Where the paths come from, for the operator."""

    def __post_init__(self) -> None:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
                self.certificate, self.key, password=lambda: ""
            )
        except (OSError, ValueError) as error:
            message = (
                f"{self.settings}: {self.certificate} and {self.key} cannot be used ({error}); "
                "name a PEM file with the certificate and one with its key, without a password"
            )
            raise ConfigError(message) from error
