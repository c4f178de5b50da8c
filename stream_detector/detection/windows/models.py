"""Which models a client calls, today and on the day before."""

from msgspec import Struct, field

from stream_detector.detection.hashing import hash64
from stream_detector.domain.calls import ApiCall

DAY_S = 86_400.0
MODELS = 4
"""Remembered per day."""
MIN_CALLS = 3
"""A model that was called so often on a day is one that the client uses."""
_MASK = 0xFFFFFFFF


def model_hash(name: str) -> int:
    """32 bits of a model's name."""
    return hash64(name) & _MASK


class ModelWindow(Struct, array_like=True, gc=False):
    """Space-saving counts of the models (Metwally et al. 2005), per UTC day."""

    day: int = -1
    today: dict[int, int] = field(default_factory=dict)
    yesterday: dict[int, int] = field(default_factory=dict)
    """Of the day before; empty if the client was silent then."""
    taken_up: list[int] = field(default_factory=list)
    """Models that the client did not use before and the population has not counted it for."""

    def observe(self, call: ApiCall) -> None:
        """Count one call; one that names no model is not counted."""
        if call.model is None:
            return
        day = int(call.ts // DAY_S)
        if day > self.day:
            self.yesterday = self.today if day == self.day + 1 else {}
            self.today = {}
            self.day = day
        model = hash64(call.model) & _MASK
        today = self.today
        count = today.get(model, 0)
        if not count and len(today) >= MODELS:
            count = today.pop(min(today, key=today.__getitem__))
        today[model] = count = count + 1
        if count == MIN_CALLS and model not in self.yesterday and len(self.taken_up) < MODELS:
            self.taken_up.append(model)

    def share(self, model: int) -> float:
        """Share of the calls that go to the model, of today or yesterday, whichever is greater."""
        return max(_share(self.today, model), _share(self.yesterday, model))

    def share_gained(self, model: int) -> float:
        """Share of today's calls that go to the model, less yesterday's share."""
        return _share(self.today, model) - _share(self.yesterday, model)

    def share_dropped(self) -> float:
        """Share of yesterday's calls that went to yesterday's first model, less today's share of it."""
        if not self.yesterday:
            return 0.0
        first = max(self.yesterday, key=self.yesterday.__getitem__)
        return _share(self.yesterday, first) - _share(self.today, first)


def _share(counts: dict[int, int], model: int) -> float:
    total = sum(counts.values())
    return counts.get(model, 0) / total if total else 0.0
