"""The prompt sketch: what equal, similar and hostile texts give."""

import subprocess
import sys

import msgspec
import numpy as np
import pytest

from stream_detector.detection.sketching import HEAD_WORDS, SHINGLES, Sketcher
from stream_detector.detection.words import MAX_CHARS
from stream_detector.domain.calls import VECTOR_DIMENSIONS, Sketch
from stream_detector.domain.errors import ConfigError

SKETCHER = Sketcher(b"a salt of the tests")
TEXT = "Explain, in three short sentences, why the sky looks blue at noon and red at dusk."


def distance(one: Sketch, other: Sketch) -> int:
    return (int.from_bytes(one.simhash, "little") ^ int.from_bytes(other.simhash, "little")).bit_count()


def vector(sketch: Sketch) -> np.ndarray:
    return np.frombuffer(sketch.vector, np.int8).astype(float)


def test_a_sketch_is_pinned_so_that_sketches_of_two_releases_can_be_compared() -> None:
    sketch = Sketcher(b"pinned").sketch(TEXT)
    assert (sketch.head, sketch.digest) == (7722963983816983, 655609947406697)
    assert sketch.simhash.hex() == "2761082a22ca311f"
    assert sketch.shingles[:2] == (250716473, 874395411)
    assert sketch.vector[:8].hex() == "2b00000000000000"


def test_another_process_gives_the_same_sketch() -> None:
    program = (
        "import sys; from stream_detector.detection.sketching import Sketcher; import msgspec;"
        "sys.stdout.buffer.write(msgspec.json.encode(Sketcher(b'a salt of the tests').sketch(sys.argv[1])))"
    )
    done = subprocess.run([sys.executable, "-c", program, TEXT], capture_output=True, check=True)
    assert msgspec.json.decode(done.stdout, type=Sketch) == SKETCHER.sketch(TEXT)


def test_a_sketch_passes_the_checks_of_the_wire() -> None:
    sketch = SKETCHER.sketch(TEXT)
    assert msgspec.json.decode(msgspec.json.encode(sketch), type=Sketch) == sketch


def test_shape_of_a_plain_sentence() -> None:
    sketch = SKETCHER.sketch("One two, two three!")
    assert (sketch.chars, sketch.words) == (19, 4)
    assert sketch.distinct_ratio == pytest.approx(3 / 4)
    assert sketch.symbol_ratio == pytest.approx(2 / 19)
    assert len(sketch.shingles) == 2
    assert len(sketch.vector) == VECTOR_DIMENSIONS


def test_prompts_from_one_template_share_head_and_differ_in_digest() -> None:
    one, other = (SKETCHER.sketch(f"You are a helpful assistant of the bank. {tail}") for tail in ("Hello", "Bye"))
    assert one.head == other.head
    assert one.digest != other.digest


def test_the_head_ends_after_its_last_word() -> None:
    words = [f"word{index}" for index in range(HEAD_WORDS + 1)]
    changed_after = [*words[:HEAD_WORDS], "another"]
    changed_within = [*words[: HEAD_WORDS - 1], "another", words[HEAD_WORDS]]
    head = SKETCHER.sketch(" ".join(words)).head
    assert SKETCHER.sketch(" ".join(changed_after)).head == head
    assert SKETCHER.sketch(" ".join(changed_within)).head != head


@pytest.mark.parametrize(
    "variant",
    [
        TEXT.upper(),
        TEXT.replace(" ", "\t\n  "),
        TEXT.replace("e", "é"),
        TEXT.replace("e", "e\u0301"),
        TEXT.replace("sky", "s\u200bk\u00ady"),
        TEXT.replace("blue", "\uff42\uff4c\uff55\uff45"),  # full width
        TEXT.replace("red", "\U0001d42b\U0001d41e\U0001d41d"),  # mathematical bold
    ],
)
def test_case_space_accents_and_look_alike_forms_do_not_change_the_words(variant: str) -> None:
    one, other = SKETCHER.sketch(TEXT), SKETCHER.sketch(variant)
    assert other.digest != one.digest
    assert (other.head, other.simhash, other.shingles) == (one.head, one.simhash, one.shingles)
    assert other.vector == one.vector


def test_languages_without_spaces_give_pairs_of_characters_as_words() -> None:
    assert SKETCHER.sketch("机器学习").words == 3
    assert SKETCHER.sketch("机").words == 1
    assert SKETCHER.sketch("用 Python 写代码").words == 4
    long, changed = (
        "请用中文详细解释一下机器学习中的过拟合问题并给出三个例子。",
        "请用中文详细解释一下机器学习中的欠拟合问题并给出三个例子。",
    )
    assert len(set(SKETCHER.sketch(long).shingles) & set(SKETCHER.sketch(changed).shingles)) >= SHINGLES // 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\0",
        "\0" * 100,
        "\ud800",
        "a\udfff b",
        "\U0001f600\U0001f468\u200d\U0001f469",
        "!!!",
        "שלום עולם",
        "\u202eabc",
        "ﷺ" * 50,
    ],
)
def test_odd_texts_have_a_sketch_that_the_wire_accepts(text: str) -> None:
    sketch = SKETCHER.sketch(text)
    assert msgspec.json.decode(msgspec.json.encode(sketch), type=Sketch) == sketch
    assert sketch.chars == len(text)


def test_an_empty_text_has_no_words_and_a_zero_vector() -> None:
    sketch = SKETCHER.sketch("")
    assert (sketch.words, sketch.distinct_ratio, sketch.symbol_ratio, sketch.shingles) == (0, 0.0, 0.0, ())
    assert not any(sketch.vector)


def test_only_the_two_ends_of_a_huge_text_are_looked_at_but_its_digest_is_of_all() -> None:
    half = MAX_CHARS // 2
    start, end = "begin " * (half // 6 + 1), " finish" * (half // 7 + 1)
    one = SKETCHER.sketch(start[:half] + " x" * 1000 + end[-half:])
    other = SKETCHER.sketch(start[:half] + " y" * 1000 + end[-half:])
    assert one.digest != other.digest
    assert (one.words, one.simhash, one.vector) == (other.words, other.simhash, other.vector)


def test_the_vector_separates_topics_and_ignores_word_order() -> None:
    cooking = vector(SKETCHER.sketch("boil the potatoes with salt and add butter, cream and pepper to the pan"))
    shuffled = vector(SKETCHER.sketch("pepper and cream, butter to the pan add salt with the potatoes and boil"))
    law = vector(SKETCHER.sketch("whether a tenant may terminate this lease early depends on its notice clause"))
    assert np.array_equal(cooking, shuffled)
    assert np.linalg.norm(cooking - law) > 0.5 * np.linalg.norm(cooking)


def test_unrelated_texts_differ_in_about_half_of_the_simhash_bits() -> None:
    rng = np.random.default_rng(1)
    sketches = [SKETCHER.sketch(" ".join(f"w{n}" for n in rng.integers(0, 10**6, 60))) for _ in range(200)]
    distances = [distance(*pair) for pair in zip(sketches[::2], sketches[1::2], strict=True)]
    assert 29 < np.mean(distances) < 35


def test_an_empty_salt_is_refused_with_what_to_do() -> None:
    with pytest.raises(ConfigError, match="16 random bytes"):
        Sketcher(b"")


def test_opening_is_shared_behind_a_prefix_that_is_too_short_for_the_head() -> None:
    short = [Sketcher(b"salt").sketch(f"Translate to German: {text}") for text in ("one small cat", "the other house")]
    assert short[0].opening == short[1].opening
    assert short[0].head != short[1].head
    assert Sketcher(b"salt").sketch("Translate to French: one small cat").opening != short[0].opening
