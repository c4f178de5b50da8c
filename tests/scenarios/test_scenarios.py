"""Every folder here is a scenario: `scenario.toml` says which traffic meets which policy, and what must come of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from staged.play import but_for_mode, perform
from staged.script import Script, policy_of, read

from stream_detector.domain.decisions import Action

_HERE = Path(__file__).parent


def _scenarios() -> Iterator[ParameterSet]:
    for path in sorted(_HERE.glob("*/scenario.toml")):
        script = read(path)
        for seed in script.seeds:
            yield pytest.param(script, seed, id=f"{path.parent.name}-{seed}")


@pytest.mark.parametrize(("script", "seed"), list(_scenarios()))
def test_it_comes_to_what_the_scenario_says(script: Script, seed: int) -> None:
    outcome = perform(script, seed)

    for expected in script.expect:
        clients = outcome.clients(expected)
        assert expected.at_least <= len(clients) <= expected.at_most, (
            f"{script.about}\n{expected}\ncounted: {clients}\n{outcome.story()}"
        )
    for wanted in script.calls:
        assert outcome.count_calls(wanted) >= wanted.at_least, wanted
    for at in script.valve:
        assert outcome.valve.is_open_at(at.hour) is at.is_open, f"{at}; it turned {outcome.valve.turns}"
    blocked = {
        client
        for client in outcome.cast.names["honest"]
        for made in outcome.made[client]
        if made.decision.action is Action.BLOCK
    }
    assert blocked == set(), f"honest clients were blocked:\n{outcome.story()}"
    if script.same_as_policy is not None:
        twin = perform(script, seed, policy_of(script.same_as_policy))
        assert outcome.decisions()
        assert but_for_mode(outcome.decisions()) == but_for_mode(twin.decisions())
