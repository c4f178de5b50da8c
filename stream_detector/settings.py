"""Settings of the processes: read once, from the environment, at the start. The policy file is `detection.policy`'s.

Every variable is `STREAM_DETECTOR_` plus the field's name in capitals. An unknown variable with that prefix, a wrong
type or a value out of range stops the start with one line.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from stream_detector.domain.errors import ConfigError
from stream_detector.domain.verdicts import Failure

PREFIX = "STREAM_DETECTOR_"
_FOREIGN = frozenset({"STREAM_DETECTOR_DATA", "STREAM_DETECTOR_TEST_KAFKA", "STREAM_DETECTOR_TEST_REDIS"})
"""Variables of the tests and benchmarks, which the processes leave alone."""

Port = Annotated[int, Meta(ge=0, le=65535)]
PositiveSeconds = Annotated[float, Meta(gt=0, le=31_536_000)]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,200}$")]


class Transport(StrEnum):
    """How Faust fetches from Kafka."""

    CHUNKED = "chunked"
    """One message per partition and fetch: 30 times the rate of the stock transport."""
    STOCK = "stock"


class Settings(Struct, frozen=True, kw_only=True):
    """All settings, with their defaults."""

    kafka: str = "localhost:9092"
    """Bootstrap servers, `host:port`, comma-separated."""
    redis: Annotated[str, Meta(pattern=r"^(redis|rediss|unix)://")] = "redis://localhost:6379/0"
    key_prefix: Name = "sd"
    """Start of every Redis key; two installations may share one Redis."""
    topic_calls: Name = "api-calls"
    topic_decisions: Name = "decisions"
    topic_dead: Name = "api-calls.dead"
    group: Name = "stream-detector"
    """Kafka consumer group of the workers."""
    transport: Transport = Transport.CHUNKED
    rebalance_timeout_s: PositiveSeconds = 30.0
    """How long the broker waits for workers to rejoin; 3 with the embedded broker, which waits it out."""
    policy: str = ""
    """Path of the policy file (TOML); empty for the built-in policy."""
    checkpoint_s: PositiveSeconds = 2.0
    """At most this long between handling a call and saving it."""
    checkpoint_calls: Annotated[int, Meta(ge=1, le=10_000_000)] = 50_000
    """At most this many unsaved calls of a partition."""
    max_profiles: Annotated[int, Meta(ge=100, le=100_000_000)] = 200_000
    """Profiles kept in memory per partition; the idlest leave first, they stay in Redis."""
    profile_ttl_s: Annotated[float, Meta(ge=3600, le=315_360_000)] = 7_776_000.0
    """Idle clients are forgotten after this time (90 days)."""
    max_record_bytes: Annotated[int, Meta(ge=1024, le=104_857_600)] = 1_048_576
    max_future_s: PositiveSeconds = 300.0
    """Calls with a `ts` further ahead of the clock are dead-lettered."""
    max_past_s: PositiveSeconds = 604_800.0
    """Calls with a `ts` further behind the clock are dead-lettered."""
    clock: Annotated[str, Meta(pattern=r"^(wall|scaled:[0-9.]+:[0-9.]+:[0-9.]+)$")] = "wall"
    """`wall`, or `scaled:EVENT_S:WALL_S:SPEED` for a simulation: EVENT_S at wall time WALL_S, then SPEED s per s."""
    metrics_host: str = "127.0.0.1"
    metrics_port: Port = 9108
    """Prometheus port of the worker; 0 picks a free one."""
    hook_host: str = "127.0.0.1"
    hook_port: Port = 9109
    """Port of the hook: questions, `/metrics`, `/healthz`."""
    hook_client_header: Name = "x-client-id"
    """Request header that holds the client id, as the gateway sets it after authentication."""
    hook_failure: Failure = Failure.OPEN
    """Answer when neither the table nor Redis can say (the table is older than `hook_stale_after_s`)."""
    hook_stale_after_s: PositiveSeconds = 300.0
    """The table is used this long after Redis went away."""
    hook_unidentified: Failure = Failure.OPEN
    """Answer to a request without a client id."""
    country_mmdb: str = ""
    """Path of an address -> country database (MMDB); empty for none."""
    log_level: Annotated[str, Meta(pattern=r"^(DEBUG|INFO|WARNING|ERROR)$")] = "INFO"

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings.

        Raises:
            ConfigError: unknown variable, wrong type or value out of range; names variable, value and allowed range.
        """
        known = {PREFIX + field.upper(): field for field in cls.__struct_fields__}
        values: dict[str, str] = {}
        for variable, value in environ.items():
            if not variable.startswith(PREFIX) or variable in _FOREIGN:
                continue
            if variable not in known:
                message = f"{variable}: no such setting; the settings are listed in docs/settings.md"
                raise ConfigError(message)
            values[known[variable]] = value
        for field, value in values.items():
            try:
                msgspec.convert({field: value}, cls, strict=False)
            except msgspec.ValidationError as error:
                reason = str(error).split(" - at ")[0]
                message = f"{PREFIX}{field.upper()}: {reason}, got {value[:200]!r}"
                raise ConfigError(message) from error
        return msgspec.convert(values, cls, strict=False)
