"""Calls that a program reports while it has other work to do: gathered, and sent in batches by a task of their own.

1. `put` never waits and never fails. What does not fit any more pushes the oldest out, and is counted.
2. What could not be sent is sent again, in order, so the receiver may see a call twice.
3. A batch that cannot be sent for a reason nobody has named is sent in ever smaller parts: the call at fault alone is lost.
4. It lives on the event loop of the first `put`. What was put when the program ends is lost, unless it calls `aclose`.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Never, Protocol

from msgspec import Struct

from stream_detector.domain.calls import ApiCall
from stream_detector.domain.errors import ConfigError, StoreUnavailable

_log = logging.getLogger(__name__)


class Channel(Protocol):
    """Where calls go."""

    async def send(self, calls: Sequence[ApiCall]) -> None:
        """Return once the calls are safe.

        Raises:
            StoreUnavailable: they may not be; send them again.
            ConfigError: they never will be.
            Exception: one of them cannot be encoded; the others are sent without it.
        """

    async def aclose(self) -> None:
        """Close the connections."""


class OutboxObserver(Protocol):
    """Hears what became of the calls; must be quick and must not wait."""

    def reported(self, calls: int) -> None:
        """The receiver has them."""

    def unreported(self, calls: int) -> None:
        """They are lost."""

    def unsent(self, calls: int) -> None:
        """So many wait."""


class _Nobody:
    def reported(self, calls: int) -> None:
        pass

    def unreported(self, calls: int) -> None:
        pass

    def unsent(self, calls: int) -> None:
        pass


class OutboxOptions(Struct, frozen=True, kw_only=True):
    """Bounds and delays."""

    most_waiting: int = 50_000
    """Calls kept while the receiver is away; about 1 KB each."""
    batch: int = 500
    """Calls sent at once."""
    linger_s: float = 0.2
    """How long a call waits for company."""
    first_delay_s: float = 0.5
    """Before sending again; doubled after each time that it fails."""
    max_delay_s: float = 10.0


class Outbox:
    """Sends what is put into it.

    Args:
        channel: where calls go; closed with the outbox.
        options: bounds and delays.
        observer: hears what became of the calls; None for nobody.
    """

    def __init__(
        self, channel: Channel, options: OutboxOptions | None = None, observer: OutboxObserver | None = None
    ) -> None:
        self._channel = channel
        self._options = options or OutboxOptions()
        self._observer = observer or _Nobody()
        self._waiting: deque[ApiCall] = deque()
        self._at_once = self._options.batch
        """Fewer while a call is searched that cannot be sent."""
        self._causes: set[str] = set()
        """Why calls were lost so far."""
        self._sender: asyncio.Task[Never] | None = None
        self.lost = 0
        """Calls that were pushed out, that nobody would ever take, or that cannot be encoded."""

    def put(self, call: ApiCall) -> None:
        """Have a call sent."""
        self._waiting.append(call)
        if len(self._waiting) > self._options.most_waiting:
            self._waiting.popleft()
            self._lose(1, "away", "the receiver is away for too long")
        self._observer.unsent(len(self._waiting))
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._run())

    async def aclose(self) -> None:
        """Send what waits, once, and end.

        Raises:
            StoreUnavailable: not everything could be sent.
        """
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.wait({self._sender})
            self._sender = None
        try:
            while self._waiting:
                await self._send_some()
        finally:
            await self._channel.aclose()

    async def _run(self) -> Never:
        delay_s = self._options.first_delay_s
        while True:
            await asyncio.sleep(self._options.linger_s)
            try:
                while self._waiting:
                    await self._send_some()
                delay_s = self._options.first_delay_s
            except StoreUnavailable as error:
                _log.warning("%d calls wait to be sent: %s; next try in %.1f s", len(self._waiting), error, delay_s)
                await asyncio.sleep(delay_s)
                delay_s = min(2 * delay_s, self._options.max_delay_s)

    async def _send_some(self) -> None:
        """Take a batch out, and put it back if it may be sent later."""
        batch = [self._waiting.popleft() for _ in range(min(self._at_once, len(self._waiting)))]
        try:
            await self._channel.send(batch)
        except ConfigError as error:
            self._lose(len(batch), "refused", str(error))
        except (StoreUnavailable, asyncio.CancelledError):
            self._put_back(batch)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends in `lost`
            await self._search(batch, error)
        else:
            self._at_once = min(2 * self._at_once, self._options.batch)
            self._observer.reported(len(batch))
        finally:
            self._observer.unsent(len(self._waiting))

    async def _search(self, batch: list[ApiCall], error: Exception) -> None:
        if len(batch) > 1:
            self._at_once = len(batch) // 2
            self._put_back(batch)
        else:
            kind = type(error).__name__
            self._lose(1, kind, f"a call cannot be sent ({kind}); all others are; please report this")
        await asyncio.sleep(0)  # a channel that fails at once has let nobody else run

    def _put_back(self, batch: list[ApiCall]) -> None:
        self._waiting.extendleft(reversed(batch))

    def _lose(self, calls: int, cause: str, why: str) -> None:
        before, self.lost = self.lost, self.lost + calls
        self._observer.unreported(calls)
        if cause not in self._causes or before // 1000 != self.lost // 1000:
            self._causes.add(cause)
            _log.error("calls were not reported, %d so far: %s", self.lost, why)
