"""Countries of addresses."""

from pathlib import Path

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from stream_detector.adapters.address_book import MmdbAddressBook
from stream_detector.detection.sketching import Sketcher
from stream_detector.domain.errors import ConfigError
from stream_detector.ports import Record
from stream_detector.service.intake import Limits, Reader


def write_database(path: Path) -> None:
    writer = MMDBWriter(ip_version=4, database_type="test")
    writer.insert_network(IPSet(["192.0.2.0/24"]), {"country": {"iso_code": "NO"}})
    writer.insert_network(IPSet(["198.51.100.0/24"]), {"country_code": "JP"})
    writer.insert_network(IPSet(["203.0.113.0/24"]), {"country_code": "nonsense"})
    writer.to_db_file(str(path))


@pytest.fixture
def book(tmp_path: Path) -> MmdbAddressBook:
    path = tmp_path / "country.mmdb"
    write_database(path)
    return MmdbAddressBook(str(path))


@pytest.mark.parametrize(
    ("ip", "country"),
    [("192.0.2.7", "NO"), ("198.51.100.1", "JP"), ("203.0.113.1", None), ("10.0.0.1", None), ("2001:db8::1", None)],
)
def test_both_kinds_of_records_are_understood(book: MmdbAddressBook, ip: str, country: str | None) -> None:
    assert book.country(ip) == country


def test_a_missing_database_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="STREAM_DETECTOR_COUNTRY_MMDB: "):
        MmdbAddressBook(str(tmp_path / "nowhere.mmdb"))


def test_another_file_is_a_configuration_error(tmp_path: Path) -> None:
    path = tmp_path / "text.mmdb"
    path.write_text("hello")
    with pytest.raises(ConfigError, match="name a country database"):
        MmdbAddressBook(str(path))


def test_calls_learn_their_country_unless_the_gateway_knows_it(book: MmdbAddressBook) -> None:
    limits = Limits(max_record_bytes=1 << 20, max_future_s=60, max_past_s=60)
    reader = Reader("calls", limits, Sketcher(b"0123456789abcdef"), book)
    values = [
        b'{"id":"1","ts":1,"client":"c","ip":"192.0.2.7"}',
        b'{"id":"2","ts":1,"client":"c","ip":"192.0.2.7","ip_country":"SE"}',
        b'{"id":"3","ts":1,"client":"c"}',
    ]
    intake = reader.read(0, [Record(offset, 0, None, value) for offset, value in enumerate(values)], now_s=1.0)
    assert [taken.call.ip_country for taken in intake.taken] == ["NO", "SE", None]
