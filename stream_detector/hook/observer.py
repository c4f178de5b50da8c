"""Who hears what the hook did. `adapters.hook_metrics` counts it for Prometheus."""

from collections.abc import Mapping
from typing import Protocol

from stream_detector.domain.decisions import Action, Mode
from stream_detector.domain.verdicts import Settlement, Verdict


class HookObserver(Protocol):
    """Called on the event loop, once per question: must be quick and must not wait."""

    def answered(self, verdict: Verdict, seconds: float) -> None:
        """One question was answered; `seconds` is the time inside the process, waiting for the limiter included."""

    def limiter_failed(self) -> None:
        """The limiter did not answer in time."""

    def settled(self, settlement: Settlement) -> None:
        """A call has ended, and somebody has said what it used."""

    def feed_answered(self, status: int) -> None:
        """A question for the decision feed was answered; 410, too, where a stream said that everything is to be read again."""

    def feed_followed(self, streams: int) -> None:
        """So many streams of the decision feed are open."""

    def table(self, subjects: Mapping[tuple[Action, Mode], int], age_s: float) -> None:
        """The decisions in the table, and the time since it was last proven fresh (infinite: never).

        Called ten times a second. What `subjects` does not name is not in the table.
        """
