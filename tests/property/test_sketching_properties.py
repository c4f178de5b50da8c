"""What holds for the sketch of any text."""

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream_detector.detection.cues import Rules
from stream_detector.detection.sketching import SHINGLES, Sketcher
from stream_detector.domain.calls import Sketch

SALTED, OTHER = Sketcher(b"one salt", Rules()), Sketcher(b"another salt", Rules())
FULL = Sketcher(b"one salt")
ANY_TEXT = st.text(st.characters(), max_size=300)
WORDS = st.lists(st.integers(0, 10**9).map("w{}".format), min_size=40, max_size=120, unique=True)


def distance(one: Sketch, other: Sketch) -> int:
    return (int.from_bytes(one.simhash, "little") ^ int.from_bytes(other.simhash, "little")).bit_count()


def vector(sketch: Sketch) -> np.ndarray:
    return np.frombuffer(sketch.vector, np.int8).astype(float)


@given(ANY_TEXT)
def test_any_text_has_a_sketch_within_the_ranges_of_the_contract(text: str) -> None:
    sketch = FULL.sketch(text)
    assert msgspec.json.decode(msgspec.json.encode(sketch), type=Sketch) == sketch
    assert list(sketch.shingles) == sorted(set(sketch.shingles))[:SHINGLES]
    assert bool(sketch.shingles) == bool(sketch.words)


@given(ANY_TEXT)
def test_sketching_twice_gives_the_same(text: str) -> None:
    assert SALTED.sketch(text) == SALTED.sketch(text)


@given(ANY_TEXT.filter(str.strip))
def test_another_salt_changes_every_hash_and_no_statistic(text: str) -> None:
    one, other = SALTED.sketch(text), OTHER.sketch(text)
    assert one.head != other.head
    assert one.digest != other.digest
    assert not set(one.shingles) & set(other.shingles)
    assert (one.chars, one.words, one.symbol_ratio) == (other.chars, other.words, other.symbol_ratio)


def test_simhashes_under_two_salts_are_as_far_apart_as_unrelated_texts() -> None:
    rng = np.random.default_rng(3)
    texts = [" ".join(f"w{n}" for n in rng.integers(0, 10**9, 60)) for _ in range(200)]
    assert 30 < np.mean([distance(SALTED.sketch(text), OTHER.sketch(text)) for text in texts]) < 34


@given(WORDS, st.data())
def test_one_changed_word_moves_few_simhash_bits(words: list[str], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(words) - 1))
    changed = [*words[:place], "changed", *words[place + 1 :]]
    near = distance(SALTED.sketch(" ".join(words)), SALTED.sketch(" ".join(changed)))
    assert near <= 20  # of 64; unrelated texts: 32 on average


@given(WORDS)
def test_dropping_the_last_word_keeps_most_shingles(words: list[str]) -> None:
    whole, shorter = SALTED.sketch(" ".join(words)), SALTED.sketch(" ".join(words[:-1]))
    assert len(set(whole.shingles) & set(shorter.shingles)) >= SHINGLES - 1


@given(WORDS, WORDS)
def test_the_vector_of_two_texts_together_points_where_their_sum_points(one: list[str], other: list[str]) -> None:
    def lengths(words: list[str]) -> float:
        return np.sqrt(len(words))

    both = [*one, *other]
    together = vector(SALTED.sketch(" ".join(both)))
    # a vector is scaled to length 127; what was lost is its text's length in the 64 dimensions, near sqrt(words)
    total = lengths(one) * vector(SALTED.sketch(" ".join(one))) + lengths(other) * vector(
        SALTED.sketch(" ".join(other))
    )
    cosine = together @ total / np.linalg.norm(together) / np.linalg.norm(total)
    assert cosine > 0.8


@given(WORDS)
def test_repeating_a_text_changes_neither_vector_nor_simhash(words: list[str]) -> None:
    once, twice = SALTED.sketch(" ".join(words)), SALTED.sketch(" ".join([*words, *words]))
    assert once.vector == twice.vector
    assert once.simhash == twice.simhash


def test_scalar_products_of_vectors_estimate_those_of_the_word_counts() -> None:
    rng = np.random.default_rng(7)
    errors = []
    for _ in range(200):
        shared, own, foreign = (rng.integers(0, 10**9, 30) for _ in range(3))
        one = vector(SALTED.sketch(" ".join(f"w{n}" for n in (*shared, *own))))
        other = vector(SALTED.sketch(" ".join(f"w{n}" for n in (*shared, *foreign))))
        errors.append(one @ other / np.linalg.norm(one) / np.linalg.norm(other) - 0.5)
    assert abs(np.mean(errors)) < 0.03
