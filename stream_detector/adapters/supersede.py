"""Decisions from one record about one subject: the last one counts.

A record may hold many calls of a client, and so lead to several decisions with the same source. The source is what makes
a decision idempotent, so only one of them can be stored.
"""

from collections.abc import Sequence

from stream_detector.domain.decisions import Decision


def successors(decisions: Sequence[Decision]) -> list[int]:
    """For every decision the position of the last one with the same subject and source; its own, where it is the last.

    An operator's decision has no source and is never superseded.
    """
    last = {(decision.subject, decision.source): position for position, decision in enumerate(decisions)}
    return [
        position if decision.source is None else last[decision.subject, decision.source]
        for position, decision in enumerate(decisions)
    ]
