"""The guard with everything real behind it, wherever it lives: in the hook, a gRPC process or somebody else's program."""

import random

from stream_detector.adapters.redis_stores import RedisStores
from stream_detector.bootstrap.parts import clock_of
from stream_detector.hook.guard import Guard
from stream_detector.hook.judge import Doubt
from stream_detector.hook.observer import HookObserver
from stream_detector.settings import Settings

_LIMITER_TIMEOUT_S = 0.05


def guard_of(settings: Settings, stores: RedisStores, observer: HookObserver) -> Guard:
    """A guard as the settings of the hook say, for the event loop on which this is called."""
    stores.limiter.prepare()
    return Guard(
        store=stores.decisions,
        limiter=stores.limiter,
        clock=clock_of(settings),
        observer=observer,
        random=random.Random().random,  # noqa: S311 - spreads reconnects
        doubt=Doubt(
            failure=settings.hook_failure,
            unidentified=settings.hook_unidentified,
            limiter_timeout_s=_LIMITER_TIMEOUT_S,
        ),
        stale_after_s=settings.hook_stale_after_s,
    )
