"""Real databases and lists of addresses, where they are at hand."""

from pathlib import Path

import pytest

from stream_detector.adapters.address_book import FileAddressBook
from stream_detector.domain.addresses import AddressFacts, AddressKind


@pytest.fixture
def published(data_dir: Path) -> Path:
    folder = data_dir / "ip_data"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    return folder


@pytest.mark.parametrize(
    ("file", "ip", "facts"),
    [
        ("maxmind_test/GeoLite2-Country-Test.mmdb", "2.125.160.216", AddressFacts(country="GB")),
        ("maxmind_test/GeoLite2-Country-Test.mmdb", "50.114.0.1", AddressFacts(country="US")),
        ("maxmind_test/GeoLite2-ASN-Test.mmdb", "1.128.0.1", AddressFacts(asn=1221)),
        ("maxmind_test/GeoLite2-ASN-Test.mmdb", "1.0.0.1", AddressFacts(asn=15169)),
        ("maxmind_test/GeoIP2-Anonymous-IP-Test.mmdb", "1.2.0.1", AddressFacts(kind=AddressKind.VPN)),
        ("iptoasn-country.mmdb", "1.0.4.1", AddressFacts(country="AU")),
    ],
)
def test_databases_of_two_publishers_give_their_known_answers(
    published: Path, file: str, ip: str, facts: AddressFacts
) -> None:
    assert FileAddressBook(str(published / file)).look_up(ip) == facts


def test_a_folder_of_published_files_says_everything(published: Path, tmp_path: Path) -> None:
    (tmp_path / "country.mmdb").symlink_to(published / "iptoasn-country.mmdb")
    for version in ("asn-ipv4.csv.gz", "asn-ipv6.csv.gz"):
        (tmp_path / version).symlink_to(published / version)
    for kind, provider in (("hosting", "amazon"), ("hosting", "microsoft"), ("vpn", "protonvpn")):
        (tmp_path / kind).mkdir(exist_ok=True)
        for ranges in (published / "ipranges" / provider).glob("ipv*_merged.txt"):
            (tmp_path / kind / provider).mkdir(exist_ok=True)
            (tmp_path / kind / provider / ranges.name).symlink_to(ranges)
    book = FileAddressBook(str(tmp_path))
    assert book.look_up("52.95.110.1") == AddressFacts("US", 16509, AddressKind.HOSTING, "amazon")
    assert book.look_up("20.40.1.1").provider == "microsoft"
    assert book.look_up("1.0.0.1") == AddressFacts("US", 13335)
    assert book.look_up("2001:470::1").asn == 6939
    first_exit = (published / "ipranges" / "protonvpn" / "ipv4_merged.txt").read_text("utf-8").split("/")[0]
    exit_facts = book.look_up(first_exit)
    assert (exit_facts.kind, exit_facts.provider) == (AddressKind.VPN, "protonvpn")
