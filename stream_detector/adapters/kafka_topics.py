"""Makes the topics that are missing; those that exist are left as they are."""

import logging
from collections.abc import Mapping, Sequence

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError, TopicAlreadyExistsError
from msgspec import Struct, field

from stream_detector.domain.errors import ConfigError, StoreUnavailable

_log = logging.getLogger(__name__)
_CLEANUP = "cleanup.policy"
_NO_ANSWER = (KafkaConnectionError, KafkaTimeoutError)


class TopicSpec(Struct, frozen=True, kw_only=True):
    """A topic as it is made when it is missing."""

    name: str
    partitions: int
    configs: Mapping[str, str] = field(default_factory=dict)


def calls_topic(name: str, partitions: int) -> TopicSpec:
    """The calls: kept as long as the broker's default says."""
    return TopicSpec(name=name, partitions=partitions)


def decisions_topic(name: str) -> TopicSpec:
    """The newest decision of each subject."""
    return TopicSpec(name=name, partitions=1, configs={_CLEANUP: "compact"})


def dead_letters_topic(name: str) -> TopicSpec:
    """Calls that could not be used."""
    return TopicSpec(name=name, partitions=1)


def ensure_topics(bootstrap_servers: str, specs: Sequence[TopicSpec], *, timeout_s: float = 10.0) -> list[str]:
    """Make what is missing, with the broker's default replication. Blocks: call it before the event loop runs.

    Returns:
        The names of the topics that were made.

    Raises:
        StoreUnavailable: no broker answers.
        ConfigError: the broker refuses to make a topic.
    """
    timeout_ms = int(timeout_s * 1000)
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=bootstrap_servers, bootstrap_timeout_ms=timeout_ms, request_timeout_ms=timeout_ms
        )
        try:
            return _ensure(admin, specs)
        finally:
            admin.close()
    except _NO_ANSWER as error:
        message = f"kafka: no broker answers at {bootstrap_servers}; start it, or set STREAM_DETECTOR_KAFKA"
        raise StoreUnavailable(message) from error
    except KafkaError as error:
        message = f"kafka: the broker refuses to make the topics ({error}); make them by hand, or give the right to"
        raise ConfigError(message) from error


def _ensure(admin: KafkaAdminClient, specs: Sequence[TopicSpec]) -> list[str]:
    existing = frozenset(admin.list_topics())
    made: list[str] = []
    for spec in specs:
        if spec.name in existing:
            _warn_of_cleanup(admin, spec)
            continue
        options = {"num_partitions": spec.partitions, "replication_factor": -1, "configs": dict(spec.configs)}
        try:
            admin.create_topics({spec.name: options}, wait_for_metadata=True)
        except TopicAlreadyExistsError:  # another worker was faster
            continue
        made.append(spec.name)
    return made


def _warn_of_cleanup(admin: KafkaAdminClient, spec: TopicSpec) -> None:
    """Say so when a topic that should be compacted is not."""
    wanted = spec.configs.get(_CLEANUP)
    if wanted is None:
        return
    resource = ConfigResource(ConfigResourceType.TOPIC, spec.name)
    answer = admin.describe_configs([resource], config_filter="all")
    found = answer.get("topic", {}).get(spec.name, {}).get(_CLEANUP, {}).get("value", wanted)
    if wanted not in found.split(","):
        _log.warning(
            "topic %s: %s is %s, and standing decisions will be lost; set it to %s", spec.name, _CLEANUP, found, wanted
        )
