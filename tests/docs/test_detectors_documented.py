"""docs/detectors.md and the catalogue say the same: names, families, ceilings, parameters, evidence."""

import re

import msgspec
import pytest
from documents.reading import page, rows, section

from stream_detector.detection import outlier
from stream_detector.detection.context import Context
from stream_detector.detection.detectors.base import Detector
from stream_detector.detection.detectors.catalogue import build_all, names
from stream_detector.detection.examples import (
    START_S,
    example_context,
    example_limited,
    example_profile,
    example_two_lanes,
)
from stream_detector.detection.fuse import BACKING, CERTAIN, FREE, MOST, PLAIN, POWER, STRONG, fuse
from stream_detector.detection.norms import Norms
from stream_detector.detection.policy import Policy
from stream_detector.detection.profile import (
    EVALUATE_CALLS,
    EVALUATE_CALM,
    EVALUATE_MIN_CALLS,
    EVALUATE_MOST_CALLS,
    Profile,
)
from stream_detector.detection.text_norms import TextNorms
from stream_detector.detection.windows.models import model_hash
from stream_detector.domain.decisions import Reason
from stream_detector.domain.signals import Family, Scored

_PAGE = page("detectors")
_DETECTORS: dict[str, Detector] = {detector.name: detector for detector in build_all()}


def _risk_alone(name: str, family: Family, ceiling: float) -> float:
    return fuse([Reason(name, family, 1.0, ceiling * POWER.get(name, 1.0), {})]).value


_RISK_ALONE = {d.name: _risk_alone(d.name, d.family, d.ceiling) for d in build_all()}


def _part(name: str, label: str) -> str:
    """What follows a bold label under the detector's heading."""
    match = re.search(
        rf"^\* \*\*{label}\*\* (.*?)(?=^\* \*\*|\Z)", section(_PAGE, f"`{name}`"), re.MULTILINE | re.DOTALL
    )
    assert match, f"{name}: no {label}"
    return match[1]


def _numbers(text: str) -> dict[str, float]:
    return {name: float(value) for name, value in re.findall(r"`(\w+)` = ([\d.]+?)(?=[,\s]|\Z)", text)}


def test_every_detector_has_a_heading_and_there_is_no_other() -> None:
    assert sorted(re.findall(r"^### `(\w+)`$", _PAGE, re.MULTILINE)) == sorted(names())


def test_table_gives_family_ceiling_and_what_it_means_alone() -> None:
    table = {row[0].strip("`"): row[1:] for row in rows(section(_PAGE, "All detectors"))[1:]}
    expected = {
        d.name: [d.family.value, f"{d.ceiling}", f"{POWER.get(d.name, 1.0):g}", f"{_RISK_ALONE[d.name]:.2f}"]
        for d in build_all()
    }
    expected[outlier.NAME] = [outlier.FAMILY.value, f"{outlier.CEILING}", f"{POWER[outlier.NAME]:g}", "0.00"]
    assert table == expected


def test_page_says_rightly_who_throttles_alone() -> None:
    sentence = re.search(r"throttles from ([\d.]+): only (.*?) get there alone", " ".join(_PAGE.split()))
    assert sentence
    assert sentence[1] == str(Policy().throttle.risk)
    alone = {name for name, risk in _RISK_ALONE.items() if risk >= Policy().throttle.risk}
    assert set(re.findall(r"`(\w+)`", sentence[2])) == alone


@pytest.mark.parametrize("name", sorted(names()))
def test_every_detector_says_what_it_measures_needs_and_misses(name: str) -> None:
    assert all(len(_part(name, label)) > 20 for label in ("Measures", "Needs", "Misses"))


@pytest.mark.parametrize("name", sorted(_DETECTORS))
def test_parameters_are_those_of_the_code(name: str) -> None:
    assert _numbers(_part(name, "Parameters")) == msgspec.structs.asdict(_DETECTORS[name])  # type: ignore[arg-type]


def test_parameters_of_the_outlier_model_are_those_of_the_code() -> None:
    parameters = _numbers(_part(outlier.NAME, "Parameters"))
    assert parameters == {name: getattr(outlier, name) for name in ("TREES", "HEIGHT", "WINDOW", "RANKS")}


def _settled() -> list[tuple[Profile, Context]]:
    """Clients of several shapes in a partition that has learned norms."""
    norms, texts = Norms(), TextNorms()
    shapes = [
        example_profile(calls=3000, gap_s=20.0, new_bias=True, new_network=True),
        example_profile(calls=3000, gap_s=20.0, same_head=True),
        example_limited(),
        example_profile(calls=100, gap_s=20.0, cues=1, probing=True),
        example_two_lanes(),
    ]
    for number in range(100):
        learned = example_profile(calls=20 + number, gap_s=30.0)
        norms.learn(example_context(learned).features)
        texts.learn(learned.texts)
    for profile in shapes:
        profile.created_ts = START_S
    contexts = [example_context(profile, members=10, young=8, released=(model_hash("new"),)) for profile in shapes]
    return [
        (profile, msgspec.structs.replace(context, norms=norms, texts=texts))
        for profile, context in zip(shapes, contexts, strict=True)
    ]


@pytest.mark.parametrize("name", sorted(_DETECTORS))
def test_evidence_is_what_the_detector_shows(name: str) -> None:
    shown: set[str] = set()
    for profile, context in _settled():
        reading = _DETECTORS[name].score(profile, context)
        if isinstance(reading, Scored):
            shown |= reading.evidence.keys()
    assert shown, "no example makes it speak"
    assert set(re.findall(r"`(\w+)`", _part(name, "Evidence"))) == shown


def test_page_names_the_constants_of_fusion_and_evaluation() -> None:
    text = " ".join(_PAGE.split())
    assert f"evidence of the strongest detector of the family - {FREE}" in text
    assert f"sum over the families / {CERTAIN:g}" in text
    assert f"*strong* from evidence {STRONG + FREE} on" in text
    assert f"*backs* it with {BACKING} after the free part" in text
    assert f"counts at most {MOST}, a little less" in text
    assert f"`content` counts at most {PLAIN}" in text
    assert (
        f"every {EVALUATE_CALLS} calls, or when half an hour has passed and it has made {EVALUATE_MIN_CALLS} calls"
        in text
    )
    assert f"risk was at most {EVALUATE_CALM} the last time" in text
    assert f"a sixteenth more calls, after {EVALUATE_MOST_CALLS} calls" in text


def test_every_family_has_a_detector() -> None:
    assert {detector.family for detector in build_all()} | {outlier.FAMILY, Family.ANALYST} == set(Family)
