"""Made-up clients for the purpose model: what their prompts are like, not what they say. `make purposes` trains it anew.

Kinds differ in means; clients of a kind differ from each other. The honest kinds include those who use the same words as a
campaign: applications with an audit trail, judges, graders, moderators, red teams, prompt engineers. A campaign's client
mixes in honest prompts, from none to nine in ten.

No text of the simulated campaigns is used, so that they can test what was learned here. Plain choices, guided by published
drivers (Alpaca, Evol-Instruct, Baize, UltraFeedback, s1) and traffic (ServeGen).
"""

import math
import sys
from collections.abc import Iterable, Iterator
from random import Random

import msgspec
from msgspec import Struct

from stream_detector.detection.cues import Cue
from stream_detector.detection.purpose_model import PurposeModel, vector
from stream_detector.detection.windows.purposes import PurposeWindow
from stream_detector.domain.calls import ApiCall, Params, Sketch

SEED = 20260101
CLIENTS = 60
"""Of each kind."""
PROMPTS = 240
ROUNDS = 6
"""Passes over all clients, in another order each time."""
_DIGITS = 6
"""Of the stored weights: fewer than machines agree on."""


class Habit(Struct, frozen=True, kw_only=True):
    """Means of a kind of client."""

    name: str
    is_extraction: bool = False
    cues: dict[Cue, float] = {}
    """Cue -> share of its prompts."""
    chars: float = 400
    distinct: float = 0.75
    symbols: float = 0.04
    answer: float = 180
    """Median output tokens."""
    cold: float = 0.1
    """Share of clients that ask with temperature 0."""
    bare: float = 1.0
    """Share of prompts that begin unlike the one before."""
    refused: float = 0.006
    edits: float = 0.1
    """Share of refused prompts that are asked again in other words."""


class Client(Struct, frozen=True):
    """A made-up client after its prompts, and the truth about it."""

    kind: str
    is_extraction: bool
    features: dict[str, float]


R, G, F, S, V, D, B = Cue

HONEST = (
    Habit(name="chat"),
    Habit(name="app", chars=1800, distinct=0.6, answer=90, bare=0.0),
    Habit(name="code_agent", chars=6000, distinct=0.35, symbols=0.15, answer=250, bare=0.05),
    Habit(name="retrieval", chars=5000, distinct=0.45, answer=150, cold=0.4, bare=0.0),
    Habit(name="classifier", chars=900, answer=2, cold=0.9, bare=0.0),
    Habit(name="evaluation", cues={B: 0.9}, chars=700, answer=20, cold=0.9, bare=0.5),
    Habit(name="review", chars=7000, distinct=0.3, symbols=0.14, answer=400, cold=0.4, bare=0.0),
    Habit(name="audit_trail", cues={R: 0.9}, chars=2500, distinct=0.55, answer=300, cold=0.5, bare=0.0),
    Habit(name="judge", cues={G: 0.95}, chars=3500, distinct=0.45, answer=60, cold=0.7, bare=0.0),
    Habit(name="essay_grader", cues={G: 0.9}, chars=4500, distinct=0.5, symbols=0.03, answer=300, cold=0.3, bare=0.0),
    Habit(name="moderation", cues={F: 0.15, G: 0.1}, chars=1200, answer=4, cold=0.9, bare=0.0, refused=0.02),
    Habit(name="red_team", cues={F: 0.4, S: 0.1}, chars=300, answer=120, bare=0.9, refused=0.2, edits=0.2),
    Habit(
        name="prompt_engineer", cues={R: 0.08, S: 0.08, D: 0.1, G: 0.05}, chars=1500, distinct=0.5, bare=0.4, edits=0.4
    ),
    Habit(name="tutor", cues={B: 0.4, R: 0.05}, chars=500, answer=250),
    Habit(name="translator", cues={V: 0.2}, chars=1500, answer=350, bare=0.1),
    Habit(name="test_data", cues={D: 0.7}, chars=900, distinct=0.6, answer=450, bare=0.1),
)
CAMPAIGNS = (
    Habit(name="reasoning_bare", is_extraction=True, cues={R: 0.8}, chars=450, answer=1500, bare=0.9),
    Habit(
        name="reasoning_template", is_extraction=True, cues={R: 1.0}, chars=1500, distinct=0.6, answer=1800, bare=0.0
    ),
    Habit(
        name="rubric_judge",
        is_extraction=True,
        cues={G: 1.0},
        chars=3000,
        distinct=0.45,
        answer=150,
        cold=1.0,
        bare=0.2,
    ),
    Habit(
        name="self_instruct",
        is_extraction=True,
        cues={D: 1.0},
        chars=2800,
        distinct=0.5,
        answer=1100,
        cold=0.0,
        bare=0.0,
    ),
    Habit(name="evolved", is_extraction=True, cues={D: 1.0}, chars=1300, distinct=0.6, answer=400, cold=0.0, bare=0.4),
    Habit(
        name="dialogues", is_extraction=True, cues={D: 0.9}, chars=900, distinct=0.6, answer=1400, cold=0.0, bare=0.1
    ),
    Habit(name="boundary", is_extraction=True, cues={F: 0.5}, chars=350, answer=120, bare=0.9, refused=0.4, edits=0.5),
    Habit(
        name="techniques",
        is_extraction=True,
        cues={R: 0.5, V: 0.4, S: 0.2},
        chars=500,
        answer=40,
        refused=0.3,
        edits=0.4,
    ),
    Habit(
        name="system_prompts", is_extraction=True, cues={S: 0.8, V: 0.3}, chars=250, answer=80, refused=0.3, edits=0.4
    ),
    Habit(name="sweep", is_extraction=True, cues={B: 0.9, R: 0.4}, chars=500, answer=500, cold=0.5),
)


def clients(seed: int, habits: Iterable[Habit], count: int = CLIENTS) -> Iterator[Client]:
    """`count` clients of each kind."""
    for habit in habits:
        for number in range(count):
            rng = Random(f"{seed}/{habit.name}/{number}")
            yield Client(habit.name, habit.is_extraction, vector(_window(rng, habit)))


def trained(seed: int, habits: Iterable[Habit], count: int = CLIENTS) -> PurposeModel:
    """A model that has learned `count` clients of each kind."""
    model, known = PurposeModel(), list(clients(seed, habits, count))
    extraction = sum(client.is_extraction for client in known)
    weights = {True: len(known) / 2 / max(1, extraction), False: len(known) / 2 / max(1, len(known) - extraction)}
    rng = Random(seed)
    for _ in range(ROUNDS):
        for client in sorted(known, key=lambda _: rng.random()):
            model.learn(client.features, client.is_extraction, weights[client.is_extraction])
    return model


def shipped_bytes() -> bytes:
    """The file `detection/purpose_model.toml`."""
    state = trained(SEED, (*HONEST, *CAMPAIGNS)).state()
    lines = [
        "# Made by `make purposes` from made-up clients (simulate/purposes.py); do not edit.",
        f"intercept = {state.intercept:.{_DIGITS}f}",
        "",
        "[weights]",
        *(f"{name} = {weight:.{_DIGITS}f}" for name, weight in state.weights.items()),
    ]
    return ("\n".join(lines) + "\n").encode()


def _window(rng: Random, mean: Habit) -> PurposeWindow:
    """What is remembered of one client."""
    own = _personal(rng, mean)
    chat = _personal(rng, HONEST[0])
    honest = rng.choice((0.0, 0.0, 0.5, 0.75, 0.9)) if mean.is_extraction else 0.0
    window, refused = PurposeWindow(), 0
    for number in range(PROMPTS):
        habit = chat if rng.random() < honest else own
        if refused and rng.random() < own.edits:
            call = _call(rng, habit, number, refused)
            refused = 0
        else:
            call = _call(rng, habit, number, 0)
        if call.finish == "refusal" and call.sketch is not None:
            refused = int.from_bytes(call.sketch.simhash, "little")
        window.observe(call)
    return window


def _personal(rng: Random, mean: Habit) -> Habit:
    """A client of this kind: its own means."""

    def share(of: float) -> float:
        odds = of / (1.0 - of) * math.exp(rng.gauss(0.0, 0.7)) if 0.0 < of < 1.0 else of
        return odds / (1.0 + odds) if 0.0 < of < 1.0 else of

    cues = {cue: 0.004 * math.exp(rng.gauss(0.0, 1.0)) for cue in Cue} | {cue: share(s) for cue, s in mean.cues.items()}
    return msgspec.structs.replace(
        mean,
        cues=cues,
        chars=mean.chars * math.exp(rng.gauss(0.0, 0.7)),
        distinct=share(mean.distinct),
        symbols=share(mean.symbols),
        answer=mean.answer * math.exp(rng.gauss(0.0, 0.8)),
        cold=float(rng.random() < mean.cold),
        bare=share(mean.bare),
        refused=share(mean.refused),
        edits=share(mean.edits),
    )


def _call(rng: Random, habit: Habit, number: int, near: int) -> ApiCall:
    """One prompt; `near` is the simhash of the one that it repeats in other words, 0 for none."""
    refused = rng.random() < habit.refused
    answer = int(12 * math.exp(rng.gauss(0.0, 0.5)) if refused else habit.answer * math.exp(rng.gauss(0.0, 0.6)))
    cues = sum(int(cue) for cue, share in habit.cues.items() if rng.random() < share)
    simhash = near ^ 1 << rng.randrange(64) if near else rng.getrandbits(64)
    sketch = Sketch(
        head=number if rng.random() < habit.bare else 0,
        digest=rng.getrandbits(53),
        simhash=simhash.to_bytes(8, "little"),
        chars=int(habit.chars * math.exp(rng.gauss(0.0, 0.5))),
        distinct_ratio=min(1.0, habit.distinct),
        symbol_ratio=min(1.0, habit.symbols),
        cues=cues,
    )
    params = Params(temperature=0.0) if habit.cold else None
    finish = "refusal" if refused else "stop"
    return ApiCall(
        id=str(number), ts=60.0 * number, client="c", output_tokens=answer, finish=finish, params=params, sketch=sketch
    )


if __name__ == "__main__":
    sys.stdout.buffer.write(shipped_bytes())
