"""A service with everything in memory, for replays."""

import math
import time

from stream_detector.adapters.clocks import WallClock
from stream_detector.adapters.memory import MemoryDecisionStore, MemoryPopulationStore, MemoryProfileStore
from stream_detector.bootstrap.parts import PUBLIC_SALT
from stream_detector.detection.detectors.catalogue import build_all
from stream_detector.detection.engine import Engine
from stream_detector.detection.policy import Policy
from stream_detector.detection.sketching import Sketcher
from stream_detector.ports import AddressBook, DeadLetterLog, DecisionLog, Observer
from stream_detector.service.handler import Outside, Pace, Service
from stream_detector.service.intake import Limits, Reader
from stream_detector.settings import Settings

_NEVER = 1 << 62


def offline_service(
    policy: Policy,
    decisions: DecisionLog,
    dead_letters: DeadLetterLog,
    observer: Observer,
    book: AddressBook | None = None,
) -> Service:
    """Any time is as good as any other, nothing is saved, everything else is as live."""
    limits = Limits(max_record_bytes=Settings().max_record_bytes, max_future_s=math.inf, max_past_s=math.inf)
    outside = Outside(
        profiles=MemoryProfileStore(),
        population=MemoryPopulationStore(),
        decisions=MemoryDecisionStore(),
        decision_log=decisions,
        dead_letter_log=dead_letters,
        observer=observer,
        clock=WallClock(),
        wall_s=time.time,
        monotonic_s=time.monotonic,
    )
    return Service(
        Engine(build_all(), policy),
        Reader("replay", limits, Sketcher(PUBLIC_SALT), book),
        Pace(checkpoint_s=math.inf, checkpoint_calls=_NEVER, max_profiles=_NEVER),
        outside,
        allowed_until={entry.client: entry.expires.timestamp() for entry in policy.allowlist},
    )
