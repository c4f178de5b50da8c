"""The topics of an installation."""

from stream_detector.adapters import kafka_topics
from stream_detector.settings import Settings

CALLS_PARTITIONS = 12
"""Of the calls topic when a worker makes it: the most workers that can share the work."""


def make_topics(settings: Settings, calls_partitions: int = CALLS_PARTITIONS) -> list[str]:
    """Make the topics that are missing; returns their names.

    Raises:
        StoreUnavailable: no broker answers.
        ConfigError: the broker refuses.
    """
    specs = [
        kafka_topics.calls_topic(settings.topic_calls, calls_partitions),
        kafka_topics.decisions_topic(settings.topic_decisions),
        kafka_topics.dead_letters_topic(settings.topic_dead),
    ]
    return kafka_topics.ensure_topics(settings.kafka, specs)
