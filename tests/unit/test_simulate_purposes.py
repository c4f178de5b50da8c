"""The shipped purpose model: made again to the byte, and good at kinds of campaigns that it never saw."""

from bisect import bisect_left, bisect_right
from importlib.resources import files

import pytest

from stream_detector.detection.purpose_model import PurposeModel, shipped_state
from stream_detector.simulate.purposes import CAMPAIGNS, HONEST, Client, Habit, clients, shipped_bytes, trained

FRESH_SEED = 7
SHIPPED = PurposeModel.from_state(shipped_state())
HELD_OUT = list(clients(FRESH_SEED, HONEST, 15))


def area(suspects: list[float], others: list[float]) -> float:
    """Chance that a suspect scores higher than another client (area under the ROC curve)."""
    ranked = sorted(others)
    wins = sum(bisect_left(ranked, score) + bisect_right(ranked, score) for score in suspects)
    return wins / 2 / len(suspects) / len(ranked)


def test_the_shipped_model_is_what_training_makes() -> None:
    assert files("stream_detector.detection").joinpath("purpose_model.toml").read_bytes() == shipped_bytes()


def test_equal_seeds_make_equal_clients() -> None:
    def made(seed: int) -> list[Client]:
        return list(clients(seed, HONEST[:2], 3))

    assert made(1) == made(1) != made(2)


def test_the_shipped_model_tells_fresh_campaigns_from_fresh_honest_clients() -> None:
    suspects = [SHIPPED.score(client.features) for client in clients(FRESH_SEED, CAMPAIGNS, 15)]
    assert area(suspects, [SHIPPED.score(client.features) for client in HELD_OUT]) > 0.8


@pytest.mark.parametrize("left_out", CAMPAIGNS, ids=lambda habit: habit.name)
def test_a_kind_of_campaign_that_was_never_seen_does_not_look_honest(left_out: Habit) -> None:
    known = (*HONEST, *(habit for habit in CAMPAIGNS if habit is not left_out))
    model = trained(1, known, count=12)
    suspects = [model.score(client.features) for client in clients(FRESH_SEED, [left_out], 15)]
    assert area(suspects, [model.score(client.features) for client in HELD_OUT]) > 0.55
