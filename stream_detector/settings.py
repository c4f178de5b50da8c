"""Settings of the processes, from the environment, and the policy, from its file: read once, at the start.

Every variable is `STREAM_DETECTOR_` plus the field's name in capitals. An unknown variable with that prefix, a wrong
type or a value out of range stops the start with one line.
"""

import re
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self

import msgspec
from msgspec import Meta, Struct

from stream_detector.adapters.setting_files import read_text
from stream_detector.detection.detectors.catalogue import names as detector_names
from stream_detector.detection.policy import Policy, contradictions
from stream_detector.domain.errors import ConfigError
from stream_detector.domain.identity import Evidence
from stream_detector.domain.validation import explain
from stream_detector.domain.verdicts import Failure

PREFIX = "STREAM_DETECTOR_"
_FOREIGN = frozenset({"STREAM_DETECTOR_DATA", "STREAM_DETECTOR_TEST_KAFKA", "STREAM_DETECTOR_TEST_REDIS"})
"""Variables of the tests and benchmarks, which the processes leave alone."""
_SECRETS = frozenset({"hook_feed_token", "collector_token", "sketch_salt", "identity_salt"})
_HIDDEN = "(hidden)"
"""What an error shows of a secret."""

_LAST_PORT = 65_535
Port = Annotated[int, Meta(ge=0, le=_LAST_PORT)]
PositiveSeconds = Annotated[float, Meta(gt=0, le=31_536_000)]
Salt = Annotated[str, Meta(pattern=r"^(.{16,1024})?\Z")]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,200}\Z")]

_LOOPBACK = re.compile(r"localhost|127(\.[0-9]{1,3}){3}|::1")
_TOPICS = tuple(f"{PREFIX}TOPIC_{name}" for name in ("CALLS", "DECISIONS", "DEAD"))


class Transport(StrEnum):
    """How Faust fetches from Kafka."""

    CHUNKED = "chunked"
    """One message per partition and fetch: 30 times the rate of the stock transport."""
    STOCK = "stock"


class Settings(Struct, frozen=True, kw_only=True):
    """All settings, with their defaults."""

    kafka: Annotated[str, Meta(pattern=r"^[^\s,:]+:[0-9]{1,5}(,[^\s,:]+:[0-9]{1,5})*\Z")] = "localhost:9092"
    """Bootstrap servers, `host:port`, comma-separated."""
    redis: Annotated[str, Meta(pattern=r"^(redis|rediss|unix)://.+\Z")] = "redis://localhost:6379/0"
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
    clock: Annotated[str, Meta(pattern=r"^(wall|scaled(:[0-9]+(\.[0-9]+)?){3})\Z")] = "wall"
    """`wall`, or `scaled:EVENT_S:WALL_S:SPEED` for a simulation: EVENT_S at wall time WALL_S, then SPEED s per s."""
    metrics_host: str = "127.0.0.1"
    metrics_port: Port = 9108
    """Prometheus port of the worker; 0 picks a free one."""
    hook_host: str = "127.0.0.1"
    hook_port: Port = 9109
    """Port of the hook: questions, `/metrics`, `/healthz`."""
    hook_client_header: Name = "x-client-id"
    """Request header that says whose call it is, as the gateway sets it after authentication."""
    hook_call_header: Name = "x-request-id"
    """Request header that holds the id of the call, for limits of tokens and open calls."""
    hook_feed_token: Annotated[str, Meta(pattern=r"^([!-~]{16,256})?\Z")] = ""
    """Secret that opens the decision feed of the hook; empty for no feed."""
    hook_calls_to: Annotated[str, Meta(pattern=r"^(kafka|https?://\S+)?\Z")] = ""
    """Where the hook reports the calls that it is asked about: the calls topic, or a collector; empty for nowhere."""
    hook_failure: Failure = Failure.OPEN
    """Answer when neither the table nor Redis can say (the table is older than `hook_stale_after_s`)."""
    hook_stale_after_s: PositiveSeconds = 300.0
    """The table is used this long after Redis went away."""
    hook_unidentified: Failure = Failure.OPEN
    """Answer to a request without a client id."""
    hook_tls_certificate: str = ""
    """Path of the hook's certificate (PEM), for both of its ports; empty for plain text."""
    hook_tls_key: str = ""
    """Path of its key."""
    hook_grpc_port: Port = 0
    """Port where Envoy asks over gRPC; 0 for none."""
    hook_grpc_processes: Annotated[int, Meta(ge=1, le=256)] = 2
    """That share this port. One answers about 2,000 questions a second."""
    calls_to: Annotated[str, Meta(pattern=r"^(kafka|https?://\S+)\Z")] = "kafka"
    """Where a program that enforces by itself reports its calls: the calls topic, or the address of a collector."""
    collector_host: str = "127.0.0.1"
    """Where the collector listens; without a token only on this machine."""
    collector_port: Port = 9110
    """Port of the collector: events, `/metrics`, `/healthz`."""
    collector_grpc_port: Port = 0
    """Where Envoy streams its access logs over gRPC; 0 for nowhere."""
    collector_tls_certificate: str = ""
    """Path of the collector's certificate (PEM), for both of its ports; empty for plain text."""
    collector_tls_key: str = ""
    """Path of its key."""
    collector_token: Annotated[str, Meta(pattern=r"^([!-~]{16,256})?\Z")] = ""
    """Secret that senders show (`Authorization: Bearer`); empty for none."""
    collector_max_body_bytes: Annotated[int, Meta(ge=1024, le=104_857_600)] = 8_388_608
    """Of one body, unpacked."""
    collector_most_events: Annotated[int, Meta(ge=100, le=10_000_000)] = 100_000
    """Events that may wait for Kafka, and as many halves of calls for the other half."""
    collector_kafka_timeout_s: Annotated[float, Meta(gt=0, le=600)] = 5.0
    """Kafka is away when it has not answered for so long; senders hear 503 then."""
    collector_pair_s: PositiveSeconds = 600.0
    """A half of a call waits so long for the other one."""
    collector_client_attribute: Annotated[str, Meta(min_length=1, max_length=200)] = "stream_detector.client"
    """Attribute of OTLP logs, spans or resources that holds the client id."""
    collector_mapping: str = ""
    """Path of the mapping file (TOML) of `/v1/mapped`; empty for no such path."""
    collector_topics: Annotated[str, Meta(max_length=10_000)] = ""
    """Topics of Kafka that hold events, `TOPIC=FORMAT,...`; a format is the end of its path. Empty for none."""
    collector_group: Name = "stream-detector-collector"
    """Kafka consumer group of the collectors that read them."""
    identity: Evidence = Evidence.ID
    """What that header holds, and whatever else names clients: anything but an id is hashed."""
    identity_claim: Name = "sub"
    """Of a token."""
    identity_salt: Salt = ""
    """Secret that keys those hashes; the same everywhere, for ever."""
    identity_names: str = ""
    """Path of a TOML file: id of a key -> client; empty for none."""
    addresses: str = ""
    """Path of a folder of address databases and lists (`adapters.address_book`), or of one database; empty for none."""
    log_level: Annotated[str, Meta(pattern=r"^(DEBUG|INFO|WARNING|ERROR)\Z")] = "INFO"
    sketch_salt: Salt = ""
    """Secret that keys the sketches of prompts; the same at every hop. Empty: a public one, with a warning."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
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
                message = f"{variable}: no such setting; docs/settings.md lists them"
                raise ConfigError(message)
            if "\n" in value or "\r" in value:  # not shown: it may be a secret
                message = f"{variable}: must be one line, and holds a line end; leave out the one that ends its file"
                raise ConfigError(message)
            values[known[variable]] = value
        try:
            settings = msgspec.convert(values, cls, strict=False)
        except msgspec.ValidationError as error:
            shown = {name: _HIDDEN if _is_secret(name, value) else value for name, value in values.items()}
            field, reason = explain(error, shown, cls).split(":", 1)
            message = f"{PREFIX}{field.upper()}:{reason}"
            raise ConfigError(message) from error
        _check_together(settings)
        return settings


def _check_together(settings: Settings) -> None:
    """What the types cannot tell."""
    if len({settings.topic_calls, settings.topic_decisions, settings.topic_dead}) < len(_TOPICS):
        message = f"{', '.join(_TOPICS)}: must be three different names; each process reads one and writes the others"
        raise ConfigError(message)
    if not all(0 < int(each.rpartition(":")[2]) <= _LAST_PORT for each in settings.kafka.split(",")):
        message = f"{PREFIX}KAFKA: must be of ports from 1 to {_LAST_PORT}, got {settings.kafka!r}"
        raise ConfigError(message)
    for whose in ("hook", "collector"):
        names = f"{whose}_tls_certificate", f"{whose}_tls_key"
        if len({bool(getattr(settings, name)) for name in names}) > 1:
            message = (
                f"{', '.join(PREFIX + name.upper() for name in names)}: must be set both or neither; name two PEM files"
            )
            raise ConfigError(message)
        names = f"{whose}_port", f"{whose}_grpc_port"
        port, grpc_port = (getattr(settings, name) for name in names)
        if port == grpc_port != 0:
            message = (
                f"{', '.join(PREFIX + name.upper() for name in names)}: must be two different ports, got {port} twice"
            )
            raise ConfigError(message)
    if not settings.collector_token and not _LOOPBACK.fullmatch(settings.collector_host):
        message = (
            f"{PREFIX}COLLECTOR_HOST: must be an address of this machine alone, such as 127.0.0.1, "
            f"got {settings.collector_host!r}; or set {PREFIX}COLLECTOR_TOKEN"
        )
        raise ConfigError(message)


def _is_secret(name: str, value: str) -> bool:
    return name in _SECRETS or "@" in value  # user and password of a URL


def load_policy(path: str) -> Policy:
    """Read a policy file (TOML); the empty path is the built-in policy.

    Raises:
        ConfigError: no such file, a pipe or device, not TOML, unknown field, wrong type or value out of range, or rungs
            in the wrong order; one line that names file, field, value and allowed range.
    """
    if not path:
        return Policy()
    try:
        content = tomllib.loads(read_text(path))
        policy = msgspec.convert(content, Policy)
    except OSError as error:
        message = f"{PREFIX}POLICY: {path!r} cannot be read: {error.strerror}; name a readable TOML file"
        raise ConfigError(message) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{path}: not valid TOML: {error}"
        raise ConfigError(message) from error
    except msgspec.ValidationError as error:
        message = f"{path}: {explain(error, content, Policy)}"
        raise ConfigError(message) from error
    problem = next(contradictions(policy, detector_names()), None)
    if problem is not None:
        message = f"{path}: {problem}"
        raise ConfigError(message)
    return policy
