"""Calls to a collector, over HTTP: JSON lines to `/v1/calls`."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus

import aiohttp
from yarl import URL

from stream_detector.domain.calls import ApiCall
from stream_detector.domain.errors import ConfigError, StoreUnavailable
from stream_detector.wire import calls as calls_wire

_PATH = "/v1/calls"
_BEYOND_A_PLACE = frozenset("@?#")
"""What stands before or after the place in an address, and may be a secret."""
_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


class CollectorCalls:
    """A collector. Nothing connects before the first operation; close it in the same event loop.

    Args:
        address: such as `http://collector:9110`.
        token: what it wants to hear; empty for nothing.
        half: which half of calls this is, `request` or `completion`; empty for whole calls.
        setting: where the address comes from, for the operator.
        timeout_s: a collector that does not answer within it is away.

    Raises:
        ConfigError: from the constructor, when the address is none, or may hold a secret.
    """

    def __init__(self, address: str, *, token: str, half: str = "", setting: str, timeout_s: float = 10.0) -> None:
        url = _url_of(address, setting)
        self._url = url.with_query(event=half) if half else url
        self._headers = {"content-type": "application/x-ndjson"}
        if token:
            self._headers["authorization"] = f"Bearer {token}"
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, calls: Sequence[ApiCall]) -> None:
        """Return once the collector has them all.

        Raises:
            StoreUnavailable: it has not; send them again.
            ConfigError: it never will.
        """
        body = b"\n".join(map(calls_wire.encode, calls))
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        try:
            async with self._session.post(self._url, data=body, headers=self._headers) as response:
                status = response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            message = (
                f"{self._url.raw_authority}: no answer ({type(error).__name__}); "
                "start the collector, or change its address"
            )
            raise StoreUnavailable(message) from error
        _check(self._url, status)

    async def aclose(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
            await asyncio.sleep(0)  # aiohttp closes the sockets with the loop's next turn


def _url_of(address: str, setting: str) -> URL:
    """Where calls go: of a place alone, so that host and port can be shown."""
    try:
        url = URL(address.rstrip("/") + _PATH)
        is_place = bool(url.raw_host and url.raw_host.encode("idna") and url.port)
    except ValueError:
        is_place = False
    if is_place and _BEYOND_A_PLACE.isdisjoint(address):
        return url
    shown = repr(address) if _BEYOND_A_PLACE.isdisjoint(address) else "one with @, ? or # (hidden)"
    message = (
        f"{setting}: must be the address of a collector such as http://collector:9110, without user, password or query, "
        f"got {shown}; its secret belongs into STREAM_DETECTOR_COLLECTOR_TOKEN"
    )
    raise ConfigError(message)


def _check(url: URL, status: int) -> None:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _LATER:
        message = f"{url.raw_authority}: answers {status}; it will be asked again"
        raise StoreUnavailable(message)
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        message = f"{url.raw_authority}: answers {status}; check address and token of the collector"
        raise ConfigError(message)
