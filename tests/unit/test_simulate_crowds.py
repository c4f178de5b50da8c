"""Many people behind one key, one line, or one tunnel."""

from itertools import pairwise
from random import Random

from stream_detector.simulate.crowds import Crowd, Desk, Tunnel
from stream_detector.simulate.network import BROWSERS, COUNTRIES, MADE_UP, fingerprint


def test_a_desk_has_its_addresses_and_one_kind_of_software() -> None:
    desk = Desk(Random(1), ["192.0.2.1", "192.0.2.2"], BROWSERS[0])
    origins = {desk.at(float(second)) for second in range(50)}
    assert {origin.ip for origin in origins} == {"192.0.2.1", "192.0.2.2"}
    assert {(origin.ua, origin.ja4) for origin in origins} == {(BROWSERS[0], fingerprint(BROWSERS[0]))}


def test_a_crowd_has_some_who_come_again_and_hundreds_who_do_not() -> None:
    crowd = Crowd(Random(1), COUNTRIES[3], 2_000, ["app/1.1", "app/1.2"], MADE_UP)
    found = [crowd.at(float(second)).ip for second in range(3_000)]
    assert 800 < len(set(found)) < 2_500
    assert max(found.count(ip) for ip in found[:200]) >= 5


def test_a_small_crowd_keeps_its_software_when_addresses_change() -> None:
    crowd = Crowd(Random(1), COUNTRIES[3], 1, ["app/1.1", "app/1.2", "app/1.3"], MADE_UP)
    origins = [crowd.at(float(second)) for second in range(200)]
    assert len({origin.ua for origin in origins}) == 1
    assert 5 < len({origin.ip for origin in origins}) < 50


def test_a_tunnel_keeps_its_exit_for_a_while() -> None:
    tunnel = Tunnel(Random(1), ["192.0.2.1", "198.51.100.1", "203.0.113.1"], BROWSERS[0], 3600.0)
    found = [tunnel.at(minute * 60.0).ip for minute in range(2_000)]
    changes = sum(one != other for one, other in pairwise(found))
    assert 10 <= changes <= 50
    assert len(set(found)) == 3
