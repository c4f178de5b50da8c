"""Every folder here is a scenario: `scenario.toml` says which traffic meets which policy, and what must come of it."""

from pathlib import Path

import pytest
from staged.play import Made, but_for_mode, perform
from staged.script import policy_of, read

from stream_detector.domain.decisions import Action

_SCRIPTS = {path.parent.name: read(path) for path in sorted(Path(__file__).parent.glob("*/scenario.toml"))}
_PERFORMANCES = [(folder, seed) for folder, script in _SCRIPTS.items() for seed in script.seeds]


@pytest.mark.parametrize(("folder", "seed"), _PERFORMANCES)
def test_scenario_comes_to_what_it_says(folder: str, seed: int) -> None:
    script = _SCRIPTS[folder]
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
    blocked = [client for client in outcome.cast.names["honest"] if _is_blocked(outcome.made[client])]
    assert blocked == [], f"honest clients were blocked:\n{outcome.story()}"
    if script.same_as_policy is not None:
        twin = perform(script, seed, policy_of(script.same_as_policy))
        assert outcome.decisions()
        assert but_for_mode(outcome.decisions()) == but_for_mode(twin.decisions())


def _is_blocked(made: list[Made]) -> bool:
    return any(each.decision.action is Action.BLOCK for each in made)
