"""Tries everything that settings name and that needs no network: what would stop a process when it starts."""

import asyncio

from stream_detector.bootstrap.encryption import collector_tls_of, tls_of
from stream_detector.bootstrap.identity import identity_of
from stream_detector.bootstrap.parts import address_book_of, clock_of, stores_of
from stream_detector.detection.policy import Policy
from stream_detector.settings import Settings, load_policy


def check(settings: Settings) -> Policy:
    """The policy that would be in force.

    Raises:
        ConfigError: a file, an address or a secret cannot be used; the first that was found.
        ModuleNotFoundError: the extra is missing that a setting needs.
    """
    policy = load_policy(settings.policy)
    clock_of(settings)
    identity_of(settings)
    tls_of(settings)
    collector_tls_of(settings)
    address_book_of(settings.addresses)
    asyncio.run(_open_unconnected(settings))
    if settings.collector_mapping or settings.collector_topics:
        from stream_detector.bootstrap.collector import routes_of, topics_of  # noqa: PLC0415 - an extra

        topics_of(settings, routes_of(settings))
    return policy


async def _open_unconnected(settings: Settings) -> None:
    """Open what has an address; nothing connects before it is used."""
    async with stores_of(settings):
        pass
    if settings.hook_calls_to.startswith("http") or settings.calls_to.startswith("http"):
        from stream_detector.bootstrap.reporting import channel_of  # noqa: PLC0415 - an extra

        if settings.hook_calls_to:
            await channel_of(settings, "hook_calls_to").aclose()
        await channel_of(settings, "calls_to").aclose()
