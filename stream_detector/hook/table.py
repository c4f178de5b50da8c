"""The standing decisions in memory: what the hook must know of a subject, and no more.

1. The newest decision for a subject counts; at `expires_at` it is over, whether swept or not.
2. Subjects are looked up by (kind, key). A further kind in the question is one more `find`.
3. A subject costs its key, one `Standing` and one place in the calendar: about 200 bytes with a key of 36
   characters. What decisions have in common is one shared `Ruling`.
4. Nothing here takes longer than the caller allows: `sweep` looks at a bounded number of subjects.
"""

import heapq
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache

from msgspec import Struct

from stream_detector.domain.decisions import Action, Decision, Limit, Mode, SubjectKind

_PAGE_S = 60.0
"""Width of a page of the calendar: how late, at most, an expired subject becomes due for sweeping."""
_FOREVER_S = 1e15


class Ruling(Struct, frozen=True):
    """What a decision orders; equal ones are one object."""

    action: Action
    mode: Mode
    limit: Limit | None


class Standing(Struct, frozen=True, gc=False):
    """A ruling and its end."""

    ruling: Ruling
    expires_at: float
    """Event time, seconds since 1970."""
    mark: str = ""


class DecisionTable:
    """Subjects with a standing decision."""

    def __init__(self) -> None:
        self._shelves = {kind: _Shelf() for kind in SubjectKind}

    def find(self, kind: SubjectKind, key: str, now_s: float) -> Standing | None:
        """What stands for the subject at `now_s`; None for nothing."""
        standing = self._shelves[kind].standings.get(key)
        if standing is None or standing.expires_at <= now_s:
            return None
        return standing

    def keys(self, kind: SubjectKind) -> list[str]:
        """Subjects of a kind, those expired but not yet swept included."""
        return list(self._shelves[kind].standings)

    def put(self, decision: Decision) -> None:
        """Take a decision; it replaces the subject's earlier one."""
        ruling = _ruling(decision.action, decision.mode, decision.limit)
        self._shelves[decision.subject.kind].put(
            decision.subject.key, Standing(ruling, decision.expires_at, decision.mark)
        )

    def sweep(self, now_s: float, *, at_most: int) -> int:
        """Forget expired subjects.

        Returns:
            How many subjects were looked at; fewer than `at_most` when nothing is left to do.
        """
        looked = 0
        for shelf in self._shelves.values():
            looked += shelf.sweep(now_s, at_most - looked)
        return looked

    def exchange(self, other: "DecisionTable") -> None:
        """Swap contents with `other`, at once."""
        self._shelves, other._shelves = other._shelves, self._shelves  # noqa: SLF001  same class

    def counts(self) -> Mapping[tuple[Action, Mode], int]:
        """Subjects per (action, mode), those expired but not yet swept included."""
        return sum((shelf.counts for shelf in self._shelves.values()), Counter())

    def __len__(self) -> int:
        return sum(len(shelf.standings) for shelf in self._shelves.values())


class _Shelf:
    """The subjects of one kind, and a calendar of when to look at which of them again.

    A subject is in the calendar at its expiry or earlier, so a renewed decision costs no new place in it.
    """

    def __init__(self) -> None:
        self.standings: dict[str, Standing] = {}
        self.counts: Counter[tuple[Action, Mode]] = Counter()
        self._pages: dict[int, list[str]] = {}
        self._order: list[int] = []

    def put(self, key: str, standing: Standing) -> None:
        old = self.standings.get(key)
        self.standings[key] = standing
        self.counts[standing.ruling.action, standing.ruling.mode] += 1
        if old is not None:
            self.counts[old.ruling.action, old.ruling.mode] -= 1
        if old is None or _page(standing.expires_at) < _page(old.expires_at):
            self._note(key, standing)

    def sweep(self, now_s: float, at_most: int) -> int:
        looked = 0
        while looked < at_most and self._order and (self._order[0] + 1) * _PAGE_S <= now_s:
            due = self._pages[self._order[0]]
            while due and looked < at_most:
                looked += 1
                self._settle(due.pop(), now_s)
            if not due:
                del self._pages[heapq.heappop(self._order)]
        return looked

    def _settle(self, key: str, now_s: float) -> None:
        standing = self.standings.get(key)
        if standing is None:
            return
        if standing.expires_at > now_s:
            self._note(key, standing)
            return
        del self.standings[key]
        self.counts[standing.ruling.action, standing.ruling.mode] -= 1

    def _note(self, key: str, standing: Standing) -> None:
        page = _page(standing.expires_at)
        if page not in self._pages:
            self._pages[page] = []
            heapq.heappush(self._order, page)
        self._pages[page].append(key)


def _page(expires_at: float) -> int:
    return int(min(expires_at, _FOREVER_S) // _PAGE_S)


@lru_cache(maxsize=4096)
def _ruling(action: Action, mode: Mode, limit: Limit | None) -> Ruling:
    """The shared ruling. A throttle without a limit cannot be enforced, so it only counts as shadow."""
    if action is Action.THROTTLE and limit is None:
        mode = Mode.SHADOW
    return Ruling(action, mode, limit)
