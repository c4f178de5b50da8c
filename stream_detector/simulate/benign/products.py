"""Products whose prompts or answers look like an extraction: graders, record keepers, filters, generators, translators."""

import msgspec

from stream_detector.domain.calls import Params
from stream_detector.simulate import products, prompts
from stream_detector.simulate.benign.load import program, servers
from stream_detector.simulate.benign.seat import Seat
from stream_detector.simulate.client import Stream
from stream_detector.simulate.crowds import Crowd
from stream_detector.simulate.grammar import english, languages
from stream_detector.simulate.schedules import metronome

_MINUTE_S = 60.0
_REGULARS = 60
"""Users of a chat site who ask about what interests them."""
_EDITORS = tuple(f"vscode-{name}/1.{minor}.0" for name in ("assist", "pair") for minor in (88, 92, 97))


def llm_judge(seat: Seat) -> tuple[Stream, ...]:
    """A product that grades the answers of its customers' assistants."""
    rng = seat.rng
    own = prompts.style(rng, answer_tokens=rng.choice((4.0, 40.0, 150.0)))
    own = msgspec.structs.replace(own, params=Params(temperature=0.0, max_tokens=rng.choice((16, 512, 1024))))
    return (program(seat, products.judge(rng, own), day_swing=rng.uniform(0.0, 0.6)),)


def audit_trail(seat: Seat) -> tuple[Stream, ...]:
    """A product that decides about people, and must be able to say why."""
    rng = seat.rng
    own = prompts.style(rng, answer_tokens=rng.uniform(250, 700))
    return (program(seat, products.audited(rng, own), day_swing=0.8, weekend=rng.uniform(0.1, 0.8)),)


def content_moderation(seat: Seat) -> tuple[Stream, ...]:
    """A safety check in front of a forum."""
    rng = seat.rng
    own = prompts.style(rng, answer_tokens=12.0)
    return (program(seat, products.moderated(rng, own), day_swing=rng.uniform(0.4, 0.9), weekend=1.1),)


def synthetic_data(seat: Seat) -> tuple[Stream, ...]:
    """Descriptions, test data and sample dialogues for the customer's own use."""
    rng = seat.rng
    own = prompts.style(rng, answer_tokens=rng.uniform(700, 2500))
    own = msgspec.structs.replace(own, params=Params(temperature=rng.choice((0.7, 0.9, 1.0)), max_tokens=4096))
    return (program(seat, products.synthetic(rng, own), day_swing=rng.uniform(0.0, 0.5)),)


def translation(seat: Seat) -> tuple[Stream, ...]:
    """Documents of a customer in its own language, into those of its markets."""
    rng = seat.rng
    requests = products.translated(rng, prompts.style(rng, answer_tokens=200.0), seat.place.language)
    return (program(seat, requests, day_swing=rng.uniform(0.2, 0.9), weekend=0.4),)


def mobile_app(seat: Seat) -> tuple[Stream, ...]:
    """A key inside an application: it calls from the homes of its users, all over a country."""
    rng, place = seat.rng, seat.place
    name = english().line(rng, "name")
    agents = [f"{name}/{rng.randint(1, 9)}.{rng.randint(0, 9)} okhttp/4.{minor}.0" for minor in (12, 11, 9)]
    crowd = Crowd(rng, place, rng.choice((300, 2_000, 20_000)), agents, seat.sources.addresses)
    requests = products.pocket(rng, prompts.style(rng, answer_tokens=90.0), rng.choice(("english", place.language)))
    return (program(seat, requests, day_swing=rng.uniform(0.5, 0.95), weekend=1.1, origins=crowd),)


def chat_product(seat: Seat) -> tuple[Stream, ...]:
    """Long conversations behind a very short constant beginning."""
    rng = seat.rng
    requests = products.talks(rng, prompts.style(rng, answer_tokens=80.0))
    return (program(seat, requests, day_swing=rng.uniform(0.5, 0.95), weekend=1.1),)


def voice_assistant(seat: Seat) -> tuple[Stream, ...]:
    """A device that sends what its users say as it is, and reads short answers out."""
    rng = seat.rng
    own = prompts.style(rng, answer_tokens=rng.uniform(20, 80))
    requests = products.spoken(rng, own, rng.choice(("english", seat.place.language)))
    return (program(seat, requests, day_swing=rng.uniform(0.5, 0.95), weekend=1.1),)


def chat_site(seat: Seat) -> tuple[Stream, ...]:
    """A chat for everybody that passes its users' messages on as they are."""
    rng = seat.rng
    own = prompts.style(rng, answer_tokens=rng.uniform(120, 400))
    language = rng.choice(("english", seat.place.language))
    people = [seat.sources.questions(rng, own, language) for _ in range(_REGULARS)]
    return (program(seat, products.relayed(rng, people), day_swing=rng.uniform(0.4, 0.9), weekend=1.1),)


def tutoring(seat: Seat) -> tuple[Stream, ...]:
    """A tutor for pupils of a country, in its language."""
    rng = seat.rng
    requests = products.tutored(rng, prompts.style(rng, answer_tokens=250.0), _spoken(seat))
    return (program(seat, requests, day_swing=0.95, weekend=0.5),)


def coding_assistant(seat: Seat) -> tuple[Stream, ...]:
    """Editors of the programmers of a company, each from home; they ask in their language."""
    rng = seat.rng
    crowd = Crowd(rng, seat.place, rng.choice((20, 60, 250)), _EDITORS, seat.sources.addresses)
    requests = products.assisted(rng, prompts.style(rng, answer_tokens=350.0), _spoken(seat))
    return (program(seat, requests, day_swing=0.9, weekend=0.2, origins=crowd),)


def cron(seat: Seat) -> tuple[Stream, ...]:
    """Scheduled jobs: the same question about other numbers, to the second."""
    rng = seat.rng
    machines = servers(seat, 1)
    jobs: list[Stream] = []
    for _ in range(rng.choice((1, 1, 2, 4))):
        usual_s = rng.choice((60.0, 60.0, 300.0, 300.0, 900.0, 3600.0))
        every_s = max(1.0, round(usual_s / seat.scale / _MINUTE_S)) * _MINUTE_S
        requests = products.watching(rng, prompts.style(rng, answer_tokens=rng.choice((8.0, 40.0))))
        jobs.append(Stream(metronome(rng, seat.span, every_s, rng.choice((0.2, 2.0, 10.0))), requests, machines))
    return tuple(jobs)


def _spoken(seat: Seat) -> str:
    """The language of the place, or any other than English where that is spoken."""
    language = seat.place.language
    return language if language in languages() else seat.rng.choice(list(languages()))
