"""The outside world: Redis, Kafka, Prometheus, address databases, logs; and in memory, as the reference."""
