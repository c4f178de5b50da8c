"""Countries of addresses from a database in MaxMind's format (MMDB), such as iptoasn, DB-IP or GeoLite2 publish."""

from functools import lru_cache

import maxminddb

from stream_detector.domain.errors import ConfigError

_KNOWN = 1 << 16


class MmdbAddressBook:
    """Implements `ports.AddressBook`. Understands `{"country": {"iso_code": ..}}` and `{"country_code": ..}` records.

    Raises:
        ConfigError: the file is missing or no such database.
    """

    def __init__(self, path: str) -> None:
        try:
            self._reader = maxminddb.open_database(path, maxminddb.MODE_AUTO)
        except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
            message = f"STREAM_DETECTOR_COUNTRY_MMDB: {path!r} cannot be read: {error}; name a country database (MMDB)"
            raise ConfigError(message) from error
        self.country = lru_cache(maxsize=_KNOWN)(self._country)

    def _country(self, ip: str) -> str | None:
        """ISO 3166-1 alpha-2 code, or None where the database has nothing."""
        try:
            record = self._reader.get(ip)
        except ValueError:  # an IPv6 address in a database of IPv4 addresses
            return None
        if not isinstance(record, dict):
            return None
        country = record.get("country")
        code = country.get("iso_code") if isinstance(country, dict) else record.get("country_code")
        return code if isinstance(code, str) and len(code) == 2 else None  # noqa: PLR2004 - alpha-2
