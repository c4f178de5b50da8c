"""Who hears what the collector did. `adapters.collector_metrics` counts it for Prometheus."""

from collections.abc import Mapping
from typing import Protocol

from stream_detector.domain.errors import RejectReason


class CollectorObserver(Protocol):
    """Called on the event loop: must be quick and must not wait."""

    def answered(self, source: str, status: int) -> None:
        """One body was answered."""

    def read(self, source: str, *, events: int, skipped: int, left_out: int) -> None:
        """One body was read: its events, the documents that tell of no call, and the fields that were left out."""

    def refused(self, source: str, reasons: Mapping[RejectReason, int]) -> None:
        """Documents that could not be used, once Kafka has their dead letters."""

    def written(self, *, calls: int, duplicates: int, unpaired: int, seconds: float) -> None:
        """Kafka has these; `duplicates` were dropped, `unpaired` of the calls are halves that waited in vain."""

    def failed(self) -> None:
        """Kafka did not take what it was given."""

    def behind(self, waiting: Mapping[str, int]) -> None:
        """Source -> records of its topics that were not read yet."""

    def unread(self) -> None:
        """Topics could not be read."""

    def holding(self, *, buffered: int, waiting: int) -> None:
        """Events that wait for Kafka, and halves that wait for the other half."""
