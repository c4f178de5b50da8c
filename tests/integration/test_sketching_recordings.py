"""Sketches of real prompts and real extraction queries show what they are for."""

import gzip
import json
from collections import Counter
from pathlib import Path
from random import Random

import numpy as np
import pytest

from stream_detector.detection.sketching import Sketcher
from stream_detector.domain.calls import Sketch

SKETCHER = Sketcher(b"a salt of the tests")


@pytest.fixture(scope="module")
def honest(data_dir: Path) -> list[Sketch]:
    lines = (data_dir / "benign_prompts" / "arena_hard_v0.1_question.jsonl").read_bytes().splitlines()
    return [SKETCHER.sketch(json.loads(line)["prompt"]) for line in lines]


@pytest.fixture(scope="module")
def templated(data_dir: Path) -> list[Sketch]:
    """The query of the Alpaca campaign: its header and three seed tasks, 500 times."""
    rng = Random(1)
    folder = data_dir / "attack_queries"
    header = (folder / "alpaca_prompt.txt").read_text("utf-8")
    seeds = [json.loads(line) for line in (folder / "alpaca_seed_tasks.jsonl").read_bytes().splitlines()]
    tasks = [
        f"{seed['instruction']}\n{seed['instances'][0]['input']}\n{seed['instances'][0]['output']}" for seed in seeds
    ]
    return [SKETCHER.sketch(header + "\n".join(rng.sample(tasks, 3))) for _ in range(500)]


@pytest.fixture(scope="module")
def bare(data_dir: Path) -> list[Sketch]:
    with gzip.open(data_dir / "attack_queries" / "mmlu_test.jsonl.gz", "rt", encoding="utf-8") as file:
        return [SKETCHER.sketch(json.loads(line)["question"]) for line, _ in zip(file, range(500), strict=False)]


def commonest_head(sketches: list[Sketch]) -> float:
    return Counter(sketch.head for sketch in sketches).most_common(1)[0][1] / len(sketches)


def near_duplicates(sketches: list[Sketch]) -> float:
    bits = [int.from_bytes(sketch.simhash, "little") for sketch in sketches]
    near = sum(any((bits[i] ^ other).bit_count() <= 6 for other in bits[max(0, i - 32) : i]) for i in range(len(bits)))
    return near / len(bits)


def test_one_template_gives_one_head_and_near_simhashes(templated: list[Sketch]) -> None:
    assert commonest_head(templated) == 1.0
    assert near_duplicates(templated) > 0.5
    assert len({sketch.digest for sketch in templated}) == 500


def test_real_users_share_neither_head_nor_simhash(honest: list[Sketch], bare: list[Sketch]) -> None:
    for sketches in (honest, bare):
        assert commonest_head(sketches) < 0.02
        assert near_duplicates(sketches) < 0.05


def test_honest_prompts_rarely_have_cues(honest: list[Sketch]) -> None:
    assert sum(sketch.cues != 0 for sketch in honest) < 0.02 * len(honest)


def test_a_hundred_vectors_tell_a_campaign_from_honest_users(
    honest: list[Sketch], templated: list[Sketch], bare: list[Sketch]
) -> None:
    # the window test of docs: squared length of the mean, standardised on honest prompts
    reference = np.array([np.frombuffer(sketch.vector, np.int8) for sketch in honest[:250]], float)
    mean, spread = reference.mean(axis=0), reference.std(axis=0)

    def statistic(sketches: list[Sketch]) -> float:
        vectors = np.array([np.frombuffer(sketch.vector, np.int8) for sketch in sketches], float)
        return float((((vectors - mean) / spread).mean(axis=0) ** 2).sum())

    rng = Random(2)
    usual = sorted(statistic(rng.sample(honest[250:], 100)) for _ in range(200))
    assert statistic(templated[:100]) > 3 * usual[-1]
    assert statistic(bare[:100]) > usual[-1]
