"""Sameness: the commonest prompt heads, and near-duplicates by simhash."""

from msgspec import Struct, field

from stream_detector.domain.calls import Sketch

HEADS = 8
MEMORY = 512
"""At this many prompts all counts are halved."""
RING = 12
NEAR_BITS = 6
RECURRING = 4
"""From so many prompts on a head is a template, and the bodies behind it are counted."""
_BODY_BITS = 20
_LAST_BODY = (1 << _BODY_BITS) - 1


class TemplateWindow(Struct, array_like=True, gc=False):
    """Space-saving counts of prompt heads (Metwally et al. 2005), and a ring of simhashes of prompts with rare heads."""

    seen: int = 0
    heads: dict[int, int] = field(default_factory=dict)
    ring: list[int] = field(default_factory=list)
    cursor: int = 0
    near: int = 0
    bodies: dict[int, int] = field(default_factory=dict)
    """Recurring head -> prompts whose text is not that of the one before, and below `_BODY_BITS` some bits of the last text.

    A greeting has no such prompts, a template has many."""

    def observe(self, sketch: Sketch) -> None:
        """Count one prompt."""
        if self.seen >= MEMORY:
            self._halve()
        self.seen += 1
        heads = self.heads
        head = sketch.head
        count = heads.get(head)
        if count is not None:
            heads[head] = count + 1
            if count >= RECURRING:
                self._recur(head, sketch.digest & _LAST_BODY)
            if count > 1:
                self.near += 1
                return
        elif len(heads) < HEADS:
            heads[head] = 1
        else:
            rarest = min(heads, key=heads.__getitem__)
            heads[head] = heads.pop(rarest) + 1
            self.bodies.pop(rarest, None)
        self._compare(int.from_bytes(sketch.simhash, "little"))

    def _recur(self, head: int, body: int) -> None:
        known = self.bodies.get(head, -1)
        if known & _LAST_BODY != body or known < 0:
            self.bodies[head] = (max(0, known >> _BODY_BITS) + 1) << _BODY_BITS | body

    def _compare(self, simhash: int) -> None:
        for other in self.ring:
            if (simhash ^ other).bit_count() <= NEAR_BITS:
                self.near += 1
                break
        if len(self.ring) < RING:
            self.ring.append(simhash)
        else:
            self.ring[self.cursor] = simhash
            self.cursor = (self.cursor + 1) % RING

    def _halve(self) -> None:
        self.seen >>= 1
        self.near >>= 1
        self.heads = {head: count >> 1 for head, count in self.heads.items() if count > 1}
        self.bodies = {
            head: known >> _BODY_BITS + 1 << _BODY_BITS | known & _LAST_BODY
            for head, known in self.bodies.items()
            if head in self.heads
        }

    def top(self) -> tuple[int, float]:
        """The commonest head and its share of the last prompts, 0 to 1; (0, 0.0) before the first."""
        if not self.heads:
            return 0, 0.0
        head = max(self.heads, key=self.heads.__getitem__)
        return head, min(1.0, self.heads[head] / self.seen)

    def filled(self) -> list[int]:
        """Prompts with ever new bodies behind each recurring head, most first."""
        return sorted((known >> _BODY_BITS for known in self.bodies.values()), reverse=True)

    def near_share(self) -> float:
        """Share of prompts that have a near-duplicate among the last ones, 0 to 1."""
        return min(1.0, self.near / self.seen) if self.seen else 0.0
