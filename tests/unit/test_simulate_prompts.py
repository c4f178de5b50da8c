"""What simulated clients ask."""

from itertools import islice
from random import Random

import pytest

from stream_detector.simulate import prompts
from stream_detector.simulate.grammar import Grammar, english, header, languages
from stream_detector.simulate.prompts import Style

OWN = Style(model="large-3", answer_tokens=100.0)


def texts(requests, count: int) -> list[str]:  # noqa: ANN001
    return [request.text for request in islice(requests, count)]


def test_honest_questions_come_in_more_than_a_million_forms_beyond_code_and_mail() -> None:
    grammar = english()
    assert (
        sum(grammar.size(topic) for topic in grammar.groups["topics"] if topic not in {"code", "mail", "writing"})
        > 10**9
    )
    for other in languages().values():
        assert sum(other.size(topic) for topic in other.groups["topics"]) > 10**5


def test_every_rule_of_every_language_can_be_expanded() -> None:
    rng = Random(1)
    for grammar in (english(), *languages().values()):
        for rules in grammar.groups.values():
            for rule in rules:
                for _ in range(5):
                    line = grammar.line(rng, rule)
                    assert "{int}" not in line
                    assert "{small}" not in line


def test_a_slot_that_no_table_defines_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'oops'"):
        Grammar({"topics": {"greeting": ["Hello {oops}"]}})


def test_the_size_of_a_rule_counts_its_combinations() -> None:
    grammar = Grammar({"t": {"start": ["{a} and {a}", "{b}"], "a": ["x", "y", "z"], "b": ["one", "{a}"]}})
    assert grammar.size("start") == 9 + 4


def test_ten_people_ask_mostly_different_questions() -> None:
    asked = [text for seed in range(10) for text in texts(prompts.chat(Random(seed), OWN, "english"), 500)]
    assert len(set(asked)) > 0.9 * len(asked)


@pytest.mark.parametrize("language", ["english", *languages()])
def test_a_person_asks_in_a_language_of_the_grammar(language: str) -> None:
    asked = texts(prompts.chat(Random(1), OWN, language), 200)
    assert len(set(asked)) > 150


def test_an_app_has_one_system_prompt_of_its_own() -> None:
    starts = {text.split("\n\n")[0] for text in texts(prompts.app(Random(1), OWN), 50)}
    other = {text.split("\n\n")[0] for text in texts(prompts.app(Random(2), OWN), 50)}
    assert len(starts) == len(other) == 1
    assert starts != other


@pytest.mark.parametrize("name", ["tool_loop", "code_agent", "context_answer"])
def test_unrelated_clients_of_a_framework_share_its_header_and_not_their_tasks(name: str) -> None:
    one, other = (texts(prompts.harness(Random(seed), OWN, name), 30) for seed in (1, 2))
    assert all(text.startswith(header("harness", name)) for text in (*one, *other))
    assert not set(one) & set(other)


def test_an_evaluation_asks_the_same_questions_again_every_night() -> None:
    asked = texts(prompts.evaluation(Random(1), OWN, 20), 60)
    assert asked[:20] == asked[20:40] == asked[40:]
    assert len(set(asked[:20])) == 20


def test_a_backfill_asks_about_every_document_once() -> None:
    asked = texts(prompts.backfill(Random(1), OWN), 300)
    assert len(set(asked)) == 300
    assert len({text[:100] for text in asked}) == 1


def test_a_classifier_keeps_its_few_labels() -> None:
    requests = list(islice(prompts.classification(Random(1), "small-3"), 50))
    biases = {tuple(sorted(request.params.logit_bias)) for request in requests if request.params}
    assert len(biases) == 1
    assert 2 <= len(biases.pop()) <= 6
    assert {request.params.max_tokens for request in requests if request.params} == {1}


def test_a_constant_prompt_takes_its_share() -> None:
    asked = texts(prompts.with_constant(Random(1), prompts.backfill(Random(2), OWN), 0.4), 2000)
    commonest = max(asked.count(text) for text in asked[:20])
    assert commonest / 2000 == pytest.approx(0.4, abs=0.05)


def test_answers_of_a_client_spread_as_published() -> None:
    lengths = sorted(request.answer_tokens for request in islice(prompts.backfill(Random(3), OWN), 4000))
    assert lengths[3800] / lengths[2000] == pytest.approx(2.4, rel=0.1)
