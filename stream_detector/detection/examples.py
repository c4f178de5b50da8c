"""Profiles and surroundings for examples, doctests and the conformance suite."""

import msgspec

from stream_detector.detection.context import Context
from stream_detector.detection.features import extract
from stream_detector.detection.hashing import hash64
from stream_detector.detection.norms import Norms
from stream_detector.detection.profile import Profile
from stream_detector.domain.calls import ApiCall, Params, Sketch
from stream_detector.domain.population import TemplateUse

START_S = 1_767_225_600.0
"""2026-01-01T00:00:00Z."""
_MASK53 = (1 << 53) - 1


def _vector(number: int) -> bytes:
    """Sixty-four numbers of -16 or 16: length 128, nearly that of a sketch's vector."""
    signs = hash64(f"vector {number}")
    return bytes(16 if signs >> bit & 1 else 240 for bit in range(64))


def example_call(
    number: int,
    *,
    gap_s: float,
    same_head: bool = False,
    new_network: bool = False,
    new_bias: bool = False,
    cues: int = 0,
    probing: bool = False,
) -> ApiCall:
    """The `number`-th call of a client with a call every `gap_s` seconds.

    A new prompt each time, unless there is a `new_bias`: that is tried on one prompt. Or, if it is `probing`, every second
    prompt is refused, and the next asks the same in other words.
    """
    text = 0 if new_bias else number
    hashed = hash64(f"prompt {text}")
    sketch = Sketch(
        head=7 if same_head else hash64(f"head {text}") & _MASK53,
        digest=hashed & _MASK53,
        simhash=hashed.to_bytes(8, "little"),
        cues=cues,
        shingles=tuple(hash64(f"shingle {text} {index}") & 0xFFFFFFFF for index in range(4)),
        vector=_vector(7 if same_head else text),
        chars=200,
        words=40,
    )
    if probing:
        simhash = hash64(f"probe {number // 2}") ^ number % 2
        sketch = msgspec.structs.replace(sketch, simhash=simhash.to_bytes(8, "little"))
    refused = probing and number % 2 == 0
    return ApiCall(
        id=f"call-{number}",
        ts=START_S + number * gap_s,
        client="example",
        ip=f"{11 + number % 80}.{number // 80 % 256}.7.1" if new_network else "192.0.2.1",
        input_tokens=50,
        output_tokens=10 if refused else 200,
        finish="refusal" if refused else "stop",
        params=Params(max_tokens=1, top_logprobs=5, logit_bias={str(number): 80.0}) if new_bias else None,
        sketch=sketch,
    )


def example_profile(
    *,
    calls: int,
    gap_s: float,
    same_head: bool = False,
    new_network: bool = False,
    new_bias: bool = False,
    cues: int = 0,
    probing: bool = False,
) -> Profile:
    """A client after `calls` calls."""
    profile = Profile()
    for number in range(calls):
        call = example_call(
            number,
            gap_s=gap_s,
            same_head=same_head,
            new_network=new_network,
            new_bias=new_bias,
            cues=cues,
            probing=probing,
        )
        profile.observe(call)
    return profile


def example_limited() -> Profile:
    """Six weeks with a call every 800 seconds, half a day with the model `new`, and a limit, to which the client keeps."""
    profile = Profile()
    number = 0

    def call(after_s: float, status: int) -> None:
        nonlocal number
        number += 1
        plain = example_call(number, gap_s=0.0)
        model = "old" if number < 4650 else "new"  # noqa: PLR2004 - the evening before
        profile.observe(
            msgspec.structs.replace(
                plain,
                ts=START_S + after_s,
                status=status,
                model=model,
                latency_ms=5e3,
                time_zone="Asia/Tokyo",
                quota=1e3,
            )
        )
        if number % 50 == 0:
            profile.rate.learn()

    for ordinary in range(4700):
        call(ordinary * 800.0, 200)
    for attempt in range(12):
        call(4700 * 800.0 + attempt * 35.0, 429 if attempt > 1 else 200)
    for paced in range(40):
        call(4701 * 800.0 + paced * 300.0, 200)
    profile.standing.strikes = 1
    return profile


def example_two_lanes() -> Profile:
    """Two days of sessions, some in each second or third hour, and beside them other software: a question every ten minutes."""
    hours = (*range(0, 48, 2), *range(0, 48, 3))
    sessions = [hour * 3600.0 + turn * 40.0 * (1 + turn % 3) for hour in hours for turn in range(20)]
    pool = [number * 600.0 + number * 37 % 61 for number in range(288)]
    profile = Profile()
    timed = sorted([(after_s, "browser") for after_s in sessions] + [(after_s, "script") for after_s in pool])
    for number, (after_s, agent) in enumerate(timed):
        plain = example_call(number, gap_s=0.0, same_head=agent == "browser")
        profile.observe(msgspec.structs.replace(plain, ts=START_S + after_s, ua=agent, latency_ms=4e3))
    return profile


def example_hops() -> Profile:
    """Two days with a call every five minutes, from another operator every four hours, with one program."""
    profile = Profile()
    for number in range(576):
        stay = number // 48
        call = msgspec.structs.replace(example_call(number, gap_s=300.0), ip=f"{31 + 2 * stay}.0.7.1", ua="one")
        profile.observe(call)
    return profile


def example_context(profile: Profile, *, members: int = 0, young: int = 0, released: tuple[int, ...] = ()) -> Context:
    """Surroundings of `profile` without a segment norm, in a population where one account in twenty is young."""
    return Context(
        now_s=START_S + 86_400.0,
        features=extract(profile),
        norms=Norms(),
        template=TemplateUse(members, young),
        young_rate=0.05,
        fresh_rate=0.02,
        hot_templates=1,
        released=released,
    )
