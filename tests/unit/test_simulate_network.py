"""Where simulated calls come from."""

import ipaddress
from random import Random

import pytest

from stream_detector.simulate.network import (
    BROWSERS,
    COUNTRIES,
    LIBRARIES,
    Person,
    Residential,
    Servers,
    fingerprint,
    home_address,
    server_address,
)

DAY_S = 86_400.0


@pytest.mark.parametrize("place", COUNTRIES, ids=lambda place: place.time_zone)
def test_homes_have_public_addresses(place) -> None:  # noqa: ANN001
    rng = Random(1)
    assert all(ipaddress.ip_address(home_address(rng, place)).is_global for _ in range(300))


def test_servers_have_public_addresses_in_one_subnet() -> None:
    assert all(ipaddress.ip_address(server_address(Random(seed))).is_global for seed in range(300))
    servers = Servers(Random(1), 5, "okhttp/4.12.0")
    seen = {servers.at(float(second)).ip for second in range(200)}
    assert 2 <= len(seen) <= 5
    assert len({ip.rpartition(".")[0] for ip in seen}) == 1


def test_a_person_has_few_addresses_and_one_browser() -> None:
    person = Person(Random(3), COUNTRIES[0], BROWSERS[0], second_place="192.0.2.1")
    origins = [person.at(hour * 3600.0) for hour in range(14 * 24)]
    assert 2 <= len({origin.ip for origin in origins}) <= 16
    assert len({(origin.ua, origin.ja4) for origin in origins}) == 1


def test_a_person_is_at_the_office_in_local_working_hours_only() -> None:
    tokyo = next(place for place in COUNTRIES if place.code == "JP")
    person = Person(Random(3), tokyo, BROWSERS[0], second_place="192.0.2.1")
    at_office = [person.at(hour * 3600.0).ip == "192.0.2.1" for hour in range(24)]
    assert [hour for hour in range(24) if at_office[hour]] == list(range(9))  # 9 to 18 h in Tokyo


def test_rented_connections_change_and_their_software_does_not() -> None:
    pool = Residential(Random(4), LIBRARIES[0], sticky_s=600)
    origins = [pool.at(minute * 60.0) for minute in range(600)]
    assert len({origin.ip for origin in origins}) == 60
    assert len({(origin.ua, origin.ja4) for origin in origins}) == 1


def test_fingerprints_are_equal_for_equal_software_only() -> None:
    assert fingerprint("OpenAI/Python 1.52.0") == fingerprint("OpenAI/Python 1.52.1")
    assert fingerprint("OpenAI/Python 1.52.0") != fingerprint("OpenAI/JS 4.55.0")
    assert fingerprint(BROWSERS[0]) != fingerprint(BROWSERS[1])
