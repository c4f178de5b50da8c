"""Real headers and questions in simulated campaigns."""

from itertools import islice
from pathlib import Path

import pytest

from stream_detector.domain.errors import ConfigError
from stream_detector.simulate.arrivals import Span
from stream_detector.simulate.campaigns import Campaign, Family, campaign_clients
from stream_detector.simulate.campaigns.recorded import read
from stream_detector.simulate.scenario import Scenario, prompt_text, traffic


def texts(directory: Path, family: Family, calls_per_account_day: float) -> list[str]:
    campaign = Campaign(id="c", family=family, calls_per_account_day=calls_per_account_day, accounts=2)
    scenario = Scenario(clients=0, campaigns=(campaign,), duration_s=86_400.0)
    calls = traffic(scenario, prompt_text, material=read(directory))
    return [call.prompt or "" for call in calls if call.status == 200]


def test_a_hot_distiller_sends_the_real_header_and_three_seed_tasks(data_dir: Path) -> None:
    header = (data_dir / "attack_queries/alpaca_prompt.txt").read_text("utf-8")
    for text in texts(data_dir, Family.HOT_DISTILLER, 200):
        assert text.startswith(header.strip())
        assert text.count("Instruction: ") >= 3


def test_bare_questions_are_taken_from_the_list_once_and_then_made_up(data_dir: Path) -> None:
    listed = set(read(data_dir).questions)
    asked = texts(data_dir, Family.BARE_QUESTIONS, 2_000)
    assert len(asked) == len(set(asked))
    assert set(asked[:500]) <= listed
    assert 0.95 * len(listed) < len(set(asked) & listed)
    assert len(asked) > len(listed)


def test_a_sweep_follows_the_order_of_the_file(data_dir: Path) -> None:
    sweep = read(data_dir).sweep
    assert (len(sweep), sum(len(choices) for _, choices in sweep)) == (57, 14_042)
    first, second = (texts_of_account(data_dir, account) for account in (0, 1))
    for asked, (_, choices) in zip((first, second), sweep, strict=False):
        assert len(choices) >= 100
        assert all(choice.question in text for choice, text in zip(choices, asked, strict=False))


def texts_of_account(directory: Path, index: int) -> list[str]:
    """The first prompts of one account, in the order in which they are planned."""
    campaign = Campaign(id="c", family=Family.CAPABILITY_SWEEP, calls_per_account_day=1_000, accounts=2)
    span = Span(0.0, 86_400.0)
    account = list(campaign_clients(1, campaign, span, material=read(directory)))[index]
    return [request.text for request in islice(account.streams[0].requests, 300)]


def test_a_folder_without_material_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="attack_queries"):
        read(tmp_path)
