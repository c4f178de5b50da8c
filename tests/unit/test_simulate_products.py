"""What the simulated products send."""

from collections.abc import Callable, Iterator
from itertools import islice
from random import Random

import pytest

from stream_detector.simulate import occasions, products
from stream_detector.simulate.grammar import english, languages
from stream_detector.simulate.outcome import Request
from stream_detector.simulate.prompts import Style

OWN = Style(model="large-3", answer_tokens=100.0)
ASKING: dict[str, Callable[[Random], Iterator[Request]]] = {
    "judge": lambda rng: products.judge(rng, OWN),
    "audited": lambda rng: products.audited(rng, OWN),
    "moderated": lambda rng: products.moderated(rng, OWN),
    "synthetic": lambda rng: products.synthetic(rng, OWN),
    "translated": lambda rng: products.translated(rng, OWN, "english"),
    "pocket": lambda rng: products.pocket(rng, OWN, "english"),
    "watching": lambda rng: products.watching(rng, OWN),
    "talks": lambda rng: products.talks(rng, OWN),
    "tutored": lambda rng: products.tutored(rng, OWN, "russian"),
    "assisted": lambda rng: products.assisted(rng, OWN, "chinese"),
    "studied": lambda rng: occasions.studied(rng, OWN),
    "attempts": lambda rng: occasions.attempts(rng, OWN, occasions.Boundary(0.4, 0.1), "german"),
}


def texts(requests: Iterator[Request], count: int) -> list[str]:
    return [request.text for request in islice(requests, count)]


@pytest.mark.parametrize("name", ASKING)
def test_two_customers_hardly_ever_send_the_same_and_one_hardly_repeats_itself(name: str) -> None:
    one, again, other = (texts(ASKING[name](Random(seed)), 200) for seed in (1, 1, 2))
    assert one == again
    assert len(set(one) & set(other)) < 10
    assert len(set(one)) > 150


@pytest.mark.parametrize("name", ASKING)
def test_every_slot_is_filled(name: str) -> None:
    for text in texts(ASKING[name](Random(3)), 100):
        assert "%s" not in text
        assert not any(f"{{{slot}}}" in text for slot in ("int", "small", "name", "word", "note", "han", "cyrillic"))


def test_no_rule_of_the_large_grammar_is_defined_twice() -> None:
    for grammar in (english(), *languages().values()):
        rules = [rule for table in grammar.groups.values() for rule in table]
        assert len(rules) == len(set(rules))


@pytest.mark.parametrize("language", languages())
def test_tutors_and_assistants_speak_every_language(language: str) -> None:
    for asking in (products.tutored, products.assisted, products.pocket, products.translated):
        assert len(set(texts(asking(Random(1), OWN, language), 30))) >= 15


def test_a_conversation_grows_and_its_oldest_turns_become_context() -> None:
    asked = list(islice(products.talks(Random(1), OWN), 800))
    assert max(len(request.text.splitlines()) for request in asked) <= 10
    assert max(request.context_tokens for request in asked) > 200


def test_a_class_shares_its_starter() -> None:
    text = occasions.starter(Random(1))
    firsts = [next(occasions.pupil(Random(seed), OWN, text)).text for seed in range(30)]
    assert 15 <= firsts.count(text) < 30
    assert all(first.startswith(text) for first in firsts)


def test_a_benchmark_asks_each_model_the_same_as_often_as_planned() -> None:
    styles = tuple(Style(model=model, answer_tokens=10.0) for model in ("large-4", "large-3"))
    asked = list(occasions.benchmarked(Random(1), styles, 240, 3))
    assert 200 <= len(asked) <= 240
    by_model = {style.model: [request.text for request in asked if request.model == style.model] for style in styles}
    third = len(asked) // 6
    assert by_model["large-4"] == by_model["large-3"] == by_model["large-3"][:third] * 3


def test_a_stopped_answer_is_short_and_the_rest_is_as_it_was() -> None:
    rng = Random(1)
    request = OWN.ask(rng, "text")
    found = [products.stopped(rng, request, 0.3, 0.2) for _ in range(2_000)]
    assert sum(one.finish == "refusal" for one in found) == pytest.approx(600, rel=0.15)
    assert sum(one.finish == "filter" for one in found) == pytest.approx(400, rel=0.15)
    assert all(one.answer_tokens == 1 for one in found if one.finish == "filter")
    assert all(one == request for one in found if one.finish == "stop")


def test_a_test_suite_runs_through_and_starts_again() -> None:
    asked = texts(occasions.suite(Random(1), OWN, occasions.Boundary(0.5, 0.1), 20), 60)
    assert asked[:20] == asked[20:40] == asked[40:]
