"""The policy: what risk leads to what, for how long. Read from TOML by `settings`; the built-in one is the defaults here."""

import datetime as dt
from collections.abc import Collection, Iterator
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct, field

from stream_detector.domain.decisions import MAX_STREAMS, Limit, Mode

Risk = Annotated[float, Meta(gt=0, le=1)]
DurationSeconds = Annotated[float, Meta(ge=60, le=31_536_000)]


class DetectorMode(StrEnum):
    """What a detector's evidence may do."""

    ENFORCE = "enforce"
    SHADOW = "shadow"
    """Decisions that need its evidence are shadow decisions."""
    OFF = "off"


class DetectorPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One detector's part."""

    mode: DetectorMode = DetectorMode.ENFORCE
    weight: Annotated[float, Meta(ge=0, le=2)] = 1.0
    """Its evidence is multiplied by this."""


class Mark(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Below the first rung: calls pass, and the model layer is told, so that answers can carry a canary or a watermark."""

    risk: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """From this risk on; 0 for never."""
    release: Annotated[float, Meta(ge=0, le=1)] = 0.0
    duration_s: DurationSeconds = 86_400.0


class Throttle(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first rung: a low rate."""

    risk: Risk = 0.4
    """From this risk on."""
    release: Risk = 0.3
    """At expiry it is renewed unless the risk is below this (hysteresis)."""
    duration_s: DurationSeconds = 3600.0
    requests: Annotated[int, Meta(ge=1, le=1_000_000)] = 30
    """Per window: enough for a person, useless for copying a model."""
    window_s: Annotated[float, Meta(ge=1, le=86_400)] = 3600.0
    burst: Annotated[int, Meta(ge=1, le=1_000_000)] = 5
    input_tokens: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 0
    """Per window; 0 for any number."""
    output_tokens: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 0
    """The same."""
    streams: Annotated[int, Meta(ge=0, le=MAX_STREAMS)] = 0
    """Calls that are open at the same time; 0 for any number."""
    mark: bool = False
    """Whether calls that pass are marked, too."""

    def limit(self) -> Limit:
        """As the decision carries it."""
        return Limit(
            self.requests,
            self.window_s,
            self.burst,
            self.input_tokens or None,
            self.output_tokens or None,
            self.streams or None,
        )


class Block(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The second rung: nothing passes. Needs two strong families of evidence, one of them hard, besides the risk (`ladder`)."""

    risk: Risk = 0.6
    release: Risk = 0.4
    duration_s: DurationSeconds = 21_600.0


class Repeat(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Longer on repetition."""

    factor: Annotated[float, Meta(ge=1, le=10)] = 2.0
    """Each further decision on a client lasts this much longer."""
    max_duration_s: DurationSeconds = 604_800.0
    forget_s: DurationSeconds = 2_592_000.0
    """After this time without a decision a client starts afresh."""


class ValvePolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The safety valve: too many clients acted on at once is a fault of ours until proven otherwise."""

    share: Annotated[float, Meta(gt=0, le=1)] = 0.1
    """Of the recently active clients (per partition)."""
    min_clients: Annotated[int, Meta(ge=0, le=1_000_000)] = 20
    """It never opens up to this many clients acted on within ten minutes."""


class FeedbackPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long an analyst's word counts."""

    confirm_s: DurationSeconds = 2_592_000.0
    """A confirmed client stays suspect for so long, whatever it does."""
    dismiss_s: DurationSeconds = 7_776_000.0
    """What was explained is excused for so long."""


class AllowEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A client that is not acted on."""

    client: Annotated[str, Meta(min_length=1, max_length=256)]
    expires: dt.datetime
    """With a time zone; entries without an end are how exceptions become holes."""
    reason: Annotated[str, Meta(min_length=1, max_length=1000)]


class Policy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole policy."""

    version: Annotated[str, Meta(min_length=1, max_length=100)] = "built-in"
    """Stands in every decision."""
    mode: Mode = Mode.ENFORCE
    observe_risk: Risk = 0.25
    """From this risk on a client's baseline does not learn."""
    mark: Mark = field(default_factory=Mark)
    throttle: Throttle = field(default_factory=Throttle)
    block: Block = field(default_factory=Block)
    repeat: Repeat = field(default_factory=Repeat)
    valve: ValvePolicy = field(default_factory=ValvePolicy)
    feedback: FeedbackPolicy = field(default_factory=FeedbackPolicy)
    detectors: dict[str, DetectorPolicy] = field(default_factory=dict)
    allowlist: tuple[AllowEntry, ...] = ()

    def of(self, detector: str) -> DetectorPolicy:
        """A detector's part; detectors that are not named enforce with weight 1."""
        return self.detectors.get(detector, _DEFAULT)


_DEFAULT = DetectorPolicy()


def contradictions(policy: Policy, detectors: Collection[str]) -> Iterator[str]:
    """What the types cannot tell: field, value and allowed range of each; `detectors` are all that there are."""
    for name, rung in (("mark", policy.mark), ("throttle", policy.throttle), ("block", policy.block)):
        if rung.release > rung.risk:
            yield f"{name}.release: {rung.release} is above {name}.risk, must be <= {rung.risk}"
    if policy.mark.risk > policy.throttle.risk:
        yield f"mark.risk: {policy.mark.risk} is above throttle.risk, must be <= {policy.throttle.risk}"
    if policy.block.risk < policy.throttle.risk:
        yield f"block.risk: {policy.block.risk} is below throttle.risk, must be >= {policy.throttle.risk}"
    for name in policy.detectors:
        if name not in detectors:
            yield f"detectors.{name}: no such detector, must be one of {', '.join(sorted(detectors))}"
    named: set[str] = set()
    for index, entry in enumerate(policy.allowlist):
        if entry.client in named:
            yield f"allowlist[{index}].client: {entry.client!r} is named twice, must be named once"
        named.add(entry.client)
        if entry.expires.tzinfo is None:
            yield f"allowlist[{index}].expires: {entry.expires} has no time zone, must end in Z or an offset such as +02:00"
