"""What a throttled subject has used: calls, input and output tokens, and calls that are open at the same time.

1. Calls and tokens are cell rates (`gcra`), each with its own arrival time. A call passes if every part has room for it;
   otherwise it changes nothing.
2. What a call will need is not known when it begins. It is reserved: what the gateway expects, else what this subject's
   calls needed lately. When the call ends it is settled: what it used too much is a debt that later calls wait for, what it
   did not use comes back. So the error is that of the open calls, and never adds up.
3. A call that is never settled ends by its lease; what it reserved stays used.
4. A call that needs more than a whole window passes when nothing of the window is used.

`lua/admit.lua` and `lua/settle.lua` do the same inside Redis; a property test holds them together.
"""

from msgspec import Struct, field

from stream_detector.adapters.gcra import LONGEST_US, US_PER_S, Rate, rate_of
from stream_detector.domain.decisions import MAX_STREAMS, Limit
from stream_detector.domain.limits import LEASE_S, Admission, Ask, Use

LEASE_US = int(LEASE_S) * US_PER_S
"""A call that was not settled for so long counts as ended."""
MAX_OPEN = MAX_STREAMS
"""Open calls that are remembered; further ones have used what they reserved."""
UNKNOWN_TOKENS = 500
"""Reserved where nothing is known."""
USUAL_OF = 8
"""Calls over which the usual need is averaged."""
STREAMS_RETRY_US = US_PER_S
"""Nobody knows when an open call will end."""


class Meter(Struct, frozen=True):
    """A limit as it is metered. Parts that have none are free."""

    calls: Rate
    input_tokens: Rate | None = None
    output_tokens: Rate | None = None
    streams: int | None = None

    @property
    def rates(self) -> tuple[Rate | None, Rate | None, Rate | None]:
        """In the order in which everything here is kept."""
        return self.calls, self.input_tokens, self.output_tokens

    @property
    def remembers(self) -> bool:
        """Whether open calls matter."""
        return self.input_tokens is not None or self.output_tokens is not None or self.streams is not None


class Reservation(Struct, frozen=True):
    """Of a call that was let through and not settled yet."""

    ends_us: int
    input_us: int
    output_us: int


class Usage(Struct):
    """State of one subject under one limit."""

    tats_us: list[int] = field(default_factory=lambda: [0, 0, 0])
    usual: list[int] = field(default_factory=lambda: [UNKNOWN_TOKENS, UNKNOWN_TOKENS])
    """Input and output tokens of a call."""
    open: dict[int, tuple[str, Reservation]] = field(default_factory=dict)
    """Calls by a number, because an id may come twice."""
    number: int = 0


def meter_of(limit: Limit) -> Meter:
    """Rates of a limit. Tokens may be used as they come: their burst is the whole window's."""

    def tokens(units: int | None) -> Rate | None:
        return None if units is None else rate_of(units, limit.window_s, units)

    return Meter(
        calls=rate_of(limit.requests, limit.window_s, limit.burst),
        input_tokens=tokens(limit.input_tokens),
        output_tokens=tokens(limit.output_tokens),
        streams=limit.streams,
    )


def admit(meter: Meter, usage: Usage, now_us: int, ask: Ask) -> Admission:
    """Let a call through and reserve what it needs, or refuse it at no cost."""
    usage.open = {number: call for number, call in usage.open.items() if call[1].ends_us > now_us}
    needs = (
        ask.requests,
        usage.usual[0] if ask.input_tokens is None else ask.input_tokens,
        usage.usual[1] if ask.output_tokens is None else ask.output_tokens,
    )
    ahead_us, costs_us, wait_us = [0, 0, 0], [0, 0, 0], 0
    for part, (rate, need) in enumerate(zip(meter.rates, needs, strict=True)):
        if rate is not None:
            ahead_us[part], costs_us[part] = max(usage.tats_us[part] - now_us, 0), rate.cost_us(need)
            wait_us = max(wait_us, ahead_us[part] + costs_us[part] - rate.tolerance_us)
    if wait_us == 0 and meter.streams is not None and len(usage.open) >= meter.streams:
        wait_us = STREAMS_RETRY_US
    if wait_us > 0:
        return admission(0, wait_us, ahead_us[0])
    for part, rate in enumerate(meter.rates):
        if rate is not None:
            usage.tats_us[part] = now_us + ahead_us[part] + costs_us[part]
    if meter.remembers and ask.call and len(usage.open) < MAX_OPEN:
        usage.number += 1
        usage.open[usage.number] = ask.call, Reservation(now_us + LEASE_US, costs_us[1], costs_us[2])
    after_us = ahead_us[0] + costs_us[0]
    return admission((meter.calls.tolerance_us - after_us) // meter.calls.interval_us, 0, after_us)


def settle(meter: Meter, usage: Usage, now_us: int, use: Use) -> bool:
    """Count what a call has used instead of what it reserved.

    Returns:
        False where the call is not open: it was settled before, or its lease is over. Nothing changes then. A use without a
        call is counted as it is.
    """
    number = min((number for number, (call, _) in usage.open.items() if call == use.call), default=None)
    if number is None and use.call:
        return False
    reserved = usage.open.pop(number)[1] if number is not None else None
    reserved_us = (0, 0) if reserved is None else (reserved.input_us, reserved.output_us)
    for place, (rate, used) in enumerate(
        ((meter.input_tokens, use.input_tokens), (meter.output_tokens, use.output_tokens))
    ):
        if rate is None or used is None:
            continue
        tat_us = usage.tats_us[place + 1]
        base_us = max(tat_us, now_us) if reserved is None else tat_us
        used_us = min(used * rate.interval_us, LONGEST_US)
        usage.tats_us[place + 1] = min(base_us + used_us - reserved_us[place], now_us + LONGEST_US)
        usage.usual[place] += (used - usage.usual[place]) // USUAL_OF
    return True


def admission(remaining: int, retry_after_us: int, reset_after_us: int) -> Admission:
    """The answer in seconds. A call was allowed exactly if nothing has to be waited for."""
    return Admission(
        allowed=retry_after_us == 0,
        remaining=remaining,
        retry_after_s=retry_after_us / US_PER_S,
        reset_after_s=reset_after_us / US_PER_S,
    )
