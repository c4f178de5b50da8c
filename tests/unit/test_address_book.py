"""What files say about addresses."""

import gzip
import os
from pathlib import Path

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from stream_detector.adapters.address_book import FileAddressBook
from stream_detector.adapters.address_databases import facts_of
from stream_detector.detection.sketching import Sketcher
from stream_detector.domain.addresses import UNKNOWN, AddressFacts, AddressKind
from stream_detector.domain.calls import ApiCall
from stream_detector.domain.errors import ConfigError
from stream_detector.ports import Record
from stream_detector.service.intake import Limits, Reader

SYSTEMS = "192.0.2.0,192.0.2.127,64496,Example\n192.0.2.128,192.0.2.255,0,Nobody\n2001:db8::,2001:db8::ffff,AS64497\n"


def write_database(path: Path, records: dict[str, object]) -> None:
    writer = MMDBWriter(ip_version=4, database_type="test")
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A database of countries, a table of systems, lists of two kinds that overlap, and a licence."""
    write_database(
        tmp_path / "country.mmdb",
        {
            "192.0.2.0/24": {"country": {"iso_code": "NO"}},
            "198.51.100.0/24": {"country_code": "JP"},
            "203.0.113.0/24": {"country_code": "nonsense"},
        },
    )
    (tmp_path / "asn.csv.gz").write_bytes(gzip.compress(SYSTEMS.encode()))
    put(tmp_path / "hosting" / "cloud.txt", "# ranges\n192.0.2.0/24  # all\n\n2001:db8::/32\n")
    put(tmp_path / "hosting" / "reseller" / "ipv4.txt", "192.0.2.64/26\n")
    put(tmp_path / "vpn" / "tunnel.txt", "192.0.2.7\n")
    put(tmp_path / "LICENSE.txt", "as you like\n")
    return tmp_path


@pytest.mark.parametrize(
    ("ip", "facts"),
    [
        ("192.0.2.1", AddressFacts("NO", 64496, AddressKind.HOSTING, "cloud")),
        ("::ffff:192.0.2.1", AddressFacts("NO", 64496, AddressKind.HOSTING, "cloud")),
        ("192.0.2.7", AddressFacts("NO", 64496, AddressKind.VPN, "tunnel")),
        ("192.0.2.64", AddressFacts("NO", 64496, AddressKind.HOSTING, "reseller")),
        ("192.0.2.127", AddressFacts("NO", 64496, AddressKind.HOSTING, "reseller")),
        ("192.0.2.128", AddressFacts("NO", None, AddressKind.HOSTING, "cloud")),
        ("198.51.100.1", AddressFacts("JP")),
        ("203.0.113.1", UNKNOWN),
        ("10.0.0.1", UNKNOWN),
        ("2001:db8::ffff", AddressFacts(None, 64497, AddressKind.HOSTING, "cloud")),
        ("2001:db8::1:0", AddressFacts(None, None, AddressKind.HOSTING, "cloud")),
        ("2001:db9::", UNKNOWN),
    ],
)
def test_all_files_of_a_folder_speak_of_an_address(folder: Path, ip: str, facts: AddressFacts) -> None:
    book = FileAddressBook(str(folder))
    assert book.look_up(ip) == facts
    assert book.look_up(ip) == facts, "the second time, from memory"


def test_one_database_is_enough(folder: Path) -> None:
    assert FileAddressBook(str(folder / "country.mmdb")).look_up("192.0.2.7") == AddressFacts("NO")


@pytest.mark.parametrize(
    ("record", "facts"),
    [
        ({"country": {"iso_code": "NO"}, "registered_country": {"iso_code": "SE"}}, AddressFacts("NO")),
        ({"country": "NO", "asn": "AS64496", "as_name": "Example"}, AddressFacts("NO", 64496)),
        ({"country_code": "NO", "country": "Norway"}, AddressFacts("NO")),
        ({"autonomous_system_number": 64496, "autonomous_system_organization": "x"}, AddressFacts(asn=64496)),
        ({"autonomous_system_number": 0}, UNKNOWN),
        ({"asn": "none"}, UNKNOWN),
        (
            {"is_anonymous": True, "is_anonymous_vpn": True, "is_hosting_provider": True},
            AddressFacts(kind=AddressKind.VPN),
        ),
        ({"is_tor_exit_node": True, "is_anonymous_vpn": True}, AddressFacts(kind=AddressKind.PROXY)),
        ({"vpn": "", "hosting": "true"}, AddressFacts(kind=AddressKind.HOSTING)),
        ({"is_residential_proxy": False}, UNKNOWN),
        (None, UNKNOWN),
        ("text", UNKNOWN),
    ],
)
def test_records_of_all_publishers_are_understood(record: object, facts: AddressFacts) -> None:
    assert facts_of(record) == facts


def _damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        (
            "hosting/a.txt",
            "192.0.2.0/24\nhello\n",
            "line 2: must be an address or a range such as 192.0.2.0/24, got 'hello'",
        ),
        (
            "clouds/a.txt",
            "192.0.2.0/24\n",
            "a list must lie in one of the folders proxy, vpn, hosting, mobile, residential",
        ),
        ("a.txt", "192.0.2.0/24\n", "a list must lie in one of the folders"),
        ("a.csv", "192.0.2.0,192.0.2.255\n", "line 1: must be start,end,asn such as"),
        ("a.csv", "192.0.2.0,192.0.2.255,64496\n192.0.2,,x\n", "line 2: must be start,end,asn such as"),
        ("a.csv", "192.0.2.0,2001:db8::,64496\n", "line 1: must be start,end,asn such as"),
        ("a.csv", "192.0.2.255,192.0.2.0,64496\n", "line 1: must be start,end,asn such as"),
        ("hosting/a.txt", "", "it holds no address"),
        ("a.csv", "192.0.2.0,192.0.2.255,0\n", "it holds no address"),
        ("a.csv.gz", "192.0.2.0,192.0.2.255,64496\n", "Not a gzipped file"),
        ("a.mmdb", "hello", "not an MMDB file, or damaged"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_line(
    tmp_path: Path, name: str, content: str, expected: str
) -> None:
    put(tmp_path / name, content)
    with pytest.raises(ConfigError) as raised:
        FileAddressBook(str(tmp_path))
    message = str(raised.value)
    assert message.startswith(f"STREAM_DETECTOR_ADDRESSES: '{tmp_path / name}' cannot be used: ")
    assert expected in message
    assert message.endswith("; correct, replace or remove it")
    assert "\n" not in message


def test_a_database_of_another_subject_is_refused(tmp_path: Path) -> None:
    write_database(tmp_path / "a.mmdb", {"192.0.2.0/24": {"domain": "example.org"}})
    with pytest.raises(ConfigError, match="a database of test, which says nothing about country, AS or kind"):
        FileAddressBook(str(tmp_path))


def test_a_damaged_database_is_refused(folder: Path) -> None:
    _damage(folder / "country.mmdb")
    with pytest.raises(ConfigError, match="not an MMDB file, or damaged"):
        FileAddressBook(str(folder))


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "README.txt", "nothing here")
    with pytest.raises(
        ConfigError, match=r"has no \.mmdb, \.csv or \.txt file; put some in, or leave the setting empty"
    ):
        FileAddressBook(str(tmp_path))


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file or directory"):
        FileAddressBook(str(tmp_path / "nowhere"))


def test_changed_new_and_removed_files_are_taken_in(folder: Path) -> None:
    book = FileAddressBook(str(folder))
    assert book.look_up("192.0.2.7").provider == "tunnel"
    assert not book.refresh()
    put(folder / "vpn" / "tunnel.txt", "192.0.2.8/32\n")
    assert book.refresh()
    assert not book.refresh()
    assert [book.look_up(f"192.0.2.{last}").provider for last in (7, 8)] == ["cloud", "tunnel"]
    put(folder / "proxy" / "exits.txt", "192.0.2.8/32\n")
    assert book.refresh()
    assert book.look_up("192.0.2.8").provider == "exits"
    (folder / "proxy" / "exits.txt").unlink()
    assert book.refresh()
    assert book.look_up("192.0.2.8").provider == "tunnel"


def test_a_database_may_be_overwritten_in_place(folder: Path) -> None:
    """A reader that maps the file itself dies or answers nonsense here."""
    book = FileAddressBook(str(folder))
    (folder / "country.mmdb").write_bytes(b"")
    assert book.look_up("192.0.2.1").country == "NO"
    assert book.look_up("198.51.100.9").country == "JP"


def test_a_broken_change_leaves_the_old_data_and_is_told_once(folder: Path) -> None:
    book = FileAddressBook(str(folder))
    _damage(folder / "country.mmdb")
    put(folder / "vpn" / "tunnel.txt", "192.0.2.8/32\n")
    with pytest.raises(ConfigError, match=r"country\.mmdb"):
        book.refresh()
    assert not book.refresh()
    assert book.look_up("192.0.2.7") == AddressFacts("NO", 64496, AddressKind.VPN, "tunnel")
    (folder / "country.mmdb").unlink()
    assert book.refresh()
    assert book.look_up("192.0.2.7") == AddressFacts(None, 64496, AddressKind.HOSTING, "cloud")


def test_age_is_that_of_the_oldest_file(folder: Path) -> None:
    built_s = FileAddressBook(str(folder / "country.mmdb")).made_s
    os.utime(folder / "country.mmdb", (1.0, 1.0))
    assert FileAddressBook(str(folder)).made_s == built_s, "a database says itself when it was built"
    os.utime(folder / "vpn" / "tunnel.txt", (1000.0, 1000.0))
    assert FileAddressBook(str(folder)).made_s == 1000.0


def _read(book: FileAddressBook, value: bytes) -> ApiCall:
    limits = Limits(max_record_bytes=1 << 20, max_future_s=60, max_past_s=60)
    reader = Reader("calls", limits, Sketcher(b"0123456789abcdef"), book)
    (taken,) = reader.read(0, [Record(0, 0, None, value)], now_s=1.0).taken
    assert isinstance(taken.call, ApiCall)
    return taken.call


def test_calls_learn_what_the_gateway_does_not_know(folder: Path) -> None:
    book = FileAddressBook(str(folder))
    call = _read(book, b'{"id":"1","ts":1,"client":"c","ip":"192.0.2.7"}')
    assert (call.ip_country, call.ip_asn, call.ip_kind, call.ip_provider) == ("NO", 64496, AddressKind.VPN, "tunnel")
    call = _read(book, b'{"id":"2","ts":1,"client":"c","ip":"192.0.2.7","ip_country":"SE","ip_kind":"mobile"}')
    assert (call.ip_country, call.ip_asn, call.ip_kind, call.ip_provider) == ("SE", 64496, AddressKind.MOBILE, "tunnel")
    call = _read(book, b'{"id":"3","ts":1,"client":"c","ip":"10.0.0.1","prompt":"hello"}')
    assert (call.ip_country, call.ip_asn, call.prompt) == (None, None, None)
    assert _read(book, b'{"id":"4","ts":1,"client":"c"}').ip_asn is None
