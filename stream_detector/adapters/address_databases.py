"""Databases of addresses in MaxMind's format (MMDB), whoever publishes them: the fields of a record tell what it says.

Understood: country (GeoLite2, DB-IP, iptoasn, IPinfo), autonomous system (GeoLite2, DB-IP, iptoasn, IPinfo) and
anonymity (GeoIP2 Anonymous IP, IPinfo Privacy).
"""

import shutil
import tempfile
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import maxminddb

from stream_detector.adapters.address_ranges import Address
from stream_detector.domain.addresses import UNKNOWN, AddressFacts, AddressKind

_SAMPLE = 2_000
"""So many records are read at the start; one of them must say something."""
_FLAGS = {
    "is_tor_exit_node": AddressKind.PROXY,
    "is_public_proxy": AddressKind.PROXY,
    "is_residential_proxy": AddressKind.PROXY,
    "tor": AddressKind.PROXY,
    "proxy": AddressKind.PROXY,
    "is_anonymous_vpn": AddressKind.VPN,
    "vpn": AddressKind.VPN,
    "relay": AddressKind.VPN,
    "is_hosting_provider": AddressKind.HOSTING,
    "hosting": AddressKind.HOSTING,
}
_TRUE = (True, "true", "1")
_ALPHA_2 = 2


class AddressDatabase:
    """One MMDB file, as it was when it was opened. About 1 us a look-up with the C extension of `maxminddb`.

    Raises:
        ValueError: not such a database, damaged, or of another subject; the message says which.
        OSError: it cannot be read, or the temporary folder is full.
    """

    def __init__(self, path: Path) -> None:
        # A private copy, because whoever overwrites a mapped file in place takes the ground from under the reader.
        with tempfile.NamedTemporaryFile(suffix=".mmdb") as copy:
            with path.open("rb") as original:
                shutil.copyfileobj(original, copy)
            copy.flush()
            try:
                self._reader = maxminddb.open_database(copy.name, maxminddb.MODE_AUTO)
                sample = [facts_of(record) for _, record in islice(self._reader, _SAMPLE)]
            except maxminddb.InvalidDatabaseError:
                message = "not an MMDB file, or damaged"
                raise ValueError(message) from None
        about = self._reader.metadata()
        if all(facts == UNKNOWN for facts in sample):
            message = f"a database of {about.database_type}, which says nothing about country, AS or kind"
            raise ValueError(message)
        self._version = about.ip_version
        self.built_s = float(about.build_epoch)
        """When its publisher made it, seconds since 1970."""

    def get(self, address: Address) -> AddressFacts:
        """What it says about an address."""
        if address.version > self._version:
            return UNKNOWN
        try:
            return facts_of(self._reader.get(address))
        except maxminddb.InvalidDatabaseError:  # damaged in one place: as if it were not listed
            return UNKNOWN


def facts_of(record: object) -> AddressFacts:
    """Read one record of any of the publishers.

    >>> facts_of({"country": {"iso_code": "NO"}}).country, facts_of({"asn": "AS64496"}).asn
    ('NO', 64496)
    """
    if not isinstance(record, dict):
        return UNKNOWN
    country = record.get("country_code", record.get("country"))
    if isinstance(country, dict):
        country = country.get("iso_code")
    return AddressFacts(
        country=country if isinstance(country, str) and len(country) == _ALPHA_2 else None,
        asn=_asn(record.get("autonomous_system_number", record.get("asn"))),
        kind=_kind(record),
    )


def _asn(value: object) -> int | None:
    if isinstance(value, str):
        digits = value.upper().removeprefix("AS")
        value = int(digits) if digits.isdecimal() else None
    return value if isinstance(value, int) and value > 0 else None


def _kind(record: Mapping[str, object]) -> AddressKind | None:
    return next((kind for flag, kind in _FLAGS.items() if record.get(flag) in _TRUE), None)
