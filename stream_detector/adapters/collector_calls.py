"""Calls to a collector, over HTTP: JSON lines to `/v1/calls`."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus

import aiohttp

from stream_detector.domain.calls import ApiCall
from stream_detector.domain.errors import ConfigError, StoreUnavailable
from stream_detector.wire import calls as calls_wire

_PATH = "/v1/calls"
_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


class CollectorCalls:
    """A collector. Nothing connects before the first operation; close it in the same event loop.

    Args:
        address: such as `http://collector:9110`.
        token: what it wants to hear; empty for nothing.
        half: which half of calls this is, `request` or `completion`; empty for whole calls.
        timeout_s: a collector that does not answer within it is away.
    """

    def __init__(self, address: str, *, token: str, half: str = "", timeout_s: float = 10.0) -> None:
        self._url = address.rstrip("/") + _PATH + (f"?event={half}" if half else "")
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
            message = f"{self._url}: no answer ({type(error).__name__}); start the collector, or change its address"
            raise StoreUnavailable(message) from error
        _check(self._url, status)

    async def aclose(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
            await asyncio.sleep(0)  # aiohttp closes the sockets with the loop's next turn


def _check(url: str, status: int) -> None:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _LATER:
        message = f"{url}: answers {status}; it will be asked again"
        raise StoreUnavailable(message)
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        message = f"{url}: answers {status}; check address and token of the collector"
        raise ConfigError(message)
