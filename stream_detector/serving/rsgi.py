"""The parts of RSGI that the HTTP services use.

Source: the RSGI specification of granian, version 1.
"""

from collections.abc import Awaitable
from typing import Final, Protocol

TEXT: Final = [("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store")]
"""Headers of a page for people."""
METRICS: Final = [("content-type", "text/plain; version=0.0.4; charset=utf-8")]
"""Headers of the page for Prometheus."""


class RequestHeaders(Protocol):
    """Header fields; names are lower case."""

    def get_all(self, key: str) -> list[str]:
        """Every value of the field that is readable as ASCII."""

    def keys(self) -> list[str]:
        """Every name."""


class Request(Protocol):
    """The scope of a request."""

    @property
    def method(self) -> str:
        """In capitals."""

    @property
    def path(self) -> str:
        """Percent-decoded."""

    @property
    def query_string(self) -> str:
        """What follows the question mark, as it was sent."""

    @property
    def headers(self) -> RequestHeaders:
        """The request's header fields."""


class Stream(Protocol):
    """A response that is being sent."""

    async def send_bytes(self, data: bytes) -> None:
        """Send a piece; ProtocolClosed when the other side has gone."""


class Responder(Protocol):
    """What takes the response. Answering a client that has gone is harmless."""

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        """Answer without a body."""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Answer."""

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> Stream:
        """Begin an answer in pieces."""

    def client_disconnect(self) -> Awaitable[None]:
        """Wait for the end of the connection, not of the answer."""
