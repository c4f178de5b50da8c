"""What a client's window of networks remembers."""

import pytest

from stream_detector.detection.examples import START_S
from stream_detector.detection.windows.network import DAY_S, JUMP_S, LEADERS, MEMORY, NetworkWindow
from stream_detector.domain.addresses import AddressKind, block_of, network_of
from stream_detector.domain.calls import ApiCall


def observed(*calls: dict[str, object]) -> NetworkWindow:
    window = NetworkWindow()
    for number, fields in enumerate(calls):
        window.observe(ApiCall(**({"id": "1", "ts": START_S + number, "client": "c", "ip": "192.0.2.1"} | fields)))  # type: ignore[arg-type]
    return window


@pytest.mark.parametrize(
    ("ip", "network", "block"),
    [
        ("192.0.2.1", "192.0.2.0/24", "192"),
        ("::ffff:192.0.2.1", "192.0.2.0/24", "192"),
        ("2001:db8:1:2::3", "2001:db8:1::/48", "2001"),
        ("::1", "::/48", ""),
    ],
)
def test_networks_and_blocks_of_addresses(ip: str, network: str, block: str) -> None:
    assert (network_of(ip), block_of(ip)) == (network, block)


def test_an_operator_is_the_provider_else_the_system_else_a_block() -> None:
    window = observed(
        {"ip": "192.0.2.1", "ip_asn": 1, "ip_provider": "cloud"},
        {"ip": "198.51.100.1", "ip_asn": 2, "ip_provider": "cloud"},
        {"ip": "203.0.113.1", "ip_asn": 3},
        {"ip": "203.1.113.1", "ip_asn": 3},
        {"ip": "203.2.113.1"},
        {"ip": "203.3.113.1"},
    )
    assert window.operators.count(START_S) == pytest.approx(3, abs=0.3)
    assert window.networks.count(START_S) == pytest.approx(6, abs=1)
    assert window.share(window.named) == pytest.approx(4 / 6)


def test_a_country_change_is_a_jump_only_if_it_is_fast() -> None:
    slow = [{"ip": f"192.0.{n}.1", "ip_country": f"{n % 2:02d}", "ts": START_S + n * JUMP_S} for n in range(20)]
    fast = [fields | {"ts": START_S + n * 60.0} for n, fields in enumerate(slow)]
    same = [fields | {"ip_country": "NO"} for fields in fast]
    assert [observed(*calls).jumps for calls in (slow, fast, same)] == [0, 19, 0]


def test_kinds_are_counted_and_fade() -> None:
    window = observed(*[{"ip_kind": AddressKind.VPN}] * MEMORY, *[{"ip_kind": AddressKind.HOSTING}] * MEMORY)
    assert 0.2 < window.share(window.vpn) < 0.4
    assert 0.6 < window.share(window.hosting) < 0.8
    assert window.share(window.proxy) == 0.0
    assert window.seen <= MEMORY


def test_leading_operator_is_known_among_few_and_among_many() -> None:
    half = [{"ip": f"192.0.{n}.1" if n % 2 else "198.51.100.1", "ip_asn": n if n % 2 else 64_500} for n in range(200)]
    spread = [{"ip": f"192.0.{n}.1", "ip_asn": n + 1} for n in range(200)]
    assert observed({}).leading() == 1.0
    assert 0.3 < observed(*half).leading() <= 0.5
    assert observed(*spread).leading() < 0.1
    assert len(observed(*spread).leaders) == LEADERS


def test_moves_cover_the_same_days_as_the_distinct_networks() -> None:
    window = observed(*[{"ip": f"192.0.{n}.1", "ts": START_S + n * DAY_S / 10} for n in range(30)])
    end_s = START_S + 2.9 * DAY_S
    assert window.moved(end_s) == 20
    assert window.networks.count(end_s) == pytest.approx(20, rel=0.3)
    assert [window.moved(end_s + days * DAY_S) for days in (1, 2)] == [10, 0]
    assert window.networks.count(end_s + 2 * DAY_S) == 0


def test_a_client_that_stays_has_one_operator_on_the_second_day_too() -> None:
    window = observed({"ip_asn": 1}, {"ip_asn": 1, "ts": START_S + DAY_S}, {"ip_asn": 1, "ts": START_S + 2 * DAY_S})
    assert window.operators.count(START_S + 2 * DAY_S) == pytest.approx(1, abs=0.1)
    assert len(window.leaders) == 1
    assert window.moved(START_S + 2 * DAY_S) == 0
    assert window.leading() == 1.0
