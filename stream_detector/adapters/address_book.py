"""What files say about addresses: country, autonomous system, kind and provider.

    addresses/                    the folder that the setting names
    ├── country.mmdb              MMDB of any subject in `address_databases`, under any name
    ├── asn-ipv4.csv.gz           start,end,asn[,name]
    ├── hosting/amazon.txt        a list: the folder is the kind, the file the provider
    └── vpn/somebody/ipv4.txt     or a folder is the provider

Rules:
1. Lists say the kind and the provider; tables, then databases, the AS; databases the country. The first that knows counts.
2. A file that does not fit is refused with its name: nothing in the folder is left out silently, save what only describes it.
3. A refused change leaves everything as it was.
"""

import csv
import ipaddress
import zlib
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from stream_detector.adapters.address_databases import AddressDatabase
from stream_detector.adapters.address_ranges import Address, Range, RangeTable, Value, read_list, read_systems
from stream_detector.domain.addresses import AddressFacts, AddressKind
from stream_detector.domain.errors import ConfigError

_SETTING = "STREAM_DETECTOR_ADDRESSES"
_KNOWN = 1 << 16
"""Addresses whose facts are kept at hand."""
_DATABASES, _SYSTEMS, _LISTS = ".mmdb", (".csv", ".csv.gz"), (".txt", ".txt.gz")
_ABOUT = ("license", "licence", "copyright", "readme", "notice")
"""Texts that publishers pack beside their data."""
_UNREADABLE = (OSError, EOFError, ValueError, zlib.error, csv.Error)

_State = tuple[tuple[str, int, int], ...]
"""Path, time of change (ns) and size (bytes) of every file."""


class _Contents:
    """All files at one moment; never changes."""

    def __init__(self, root: Path, paths: list[Path]) -> None:
        databases: list[AddressDatabase] = []
        systems: list[Range[int]] = []
        lists: defaultdict[AddressKind, list[Range[str]]] = defaultdict(list)
        made_s: list[float] = []
        for path in paths:
            try:
                made = path.stat().st_mtime
                name = path.name.lower()
                if name.endswith(_DATABASES):
                    database = AddressDatabase(path)
                    databases.append(database)
                    made = database.built_s
                elif name.endswith(_SYSTEMS):
                    systems.extend(_filled(read_systems(path)))
                else:
                    kind, provider = _meaning(path, root)
                    lists[kind].extend(_filled(read_list(path, provider)))
            except _UNREADABLE as error:
                raise _refused(path, error) from error
            made_s.append(made)
        self.made_s = min(made_s)
        self._databases = databases
        self._systems = RangeTable(systems)
        self._lists = [(kind, RangeTable(lists[kind])) for kind in AddressKind if kind in lists]
        self.look_up = lru_cache(maxsize=_KNOWN)(self._look_up)

    def _look_up(self, ip: str) -> AddressFacts:
        address: Address = ipaddress.ip_address(ip)
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        country, asn, kind, provider = None, self._systems.get(address), None, None
        for listed, table in self._lists:
            provider = table.get(address)
            if provider is not None:
                kind = listed
                break
        for database in self._databases:
            facts = database.get(address)
            country, asn, kind = country or facts.country, asn or facts.asn, kind or facts.kind
        return AddressFacts(country, asn, kind, provider)


class FileAddressBook:
    """Implements `ports.AddressBook` with the files of a folder, or with one file.

    A look-up takes 0.1 us for an address seen lately, else a few us.

    Raises:
        ConfigError: nothing is there, or a file does not fit; names the file and says what to do.
    """

    def __init__(self, path: str) -> None:
        self._root = Path(path)
        self._state, paths = self._found()
        self._contents = _Contents(self._root, paths)

    def look_up(self, ip: str) -> AddressFacts:
        """See `ports.AddressBook`."""
        return self._contents.look_up(ip)

    @property
    def made_s(self) -> float:
        """When the oldest file was made, seconds since 1970: as a database says itself, else when it was last changed."""
        return self._contents.made_s

    def refresh(self) -> bool:
        """Read the files again if one has changed, come or gone; returns whether they were. May run in another thread.

        Raises:
            ConfigError: they do not fit; what was read before stays. Raised once per change, or while nothing is there.
        """
        state, paths = self._found()
        if state == self._state:
            return False
        self._state = state
        self._contents = _Contents(self._root, paths)
        return True

    def _found(self) -> tuple[_State, list[Path]]:
        """What the files look like now, and those that are to be read, in order of their names."""
        root = self._root
        try:
            root.stat()  # `rglob` finds nothing in a folder that is not there
            every = sorted(root.rglob("*")) if root.is_dir() else [root]
            paths = [path for path in every if _is_data(path) and path.is_file()]
            state = tuple((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in paths)
        except OSError as error:
            raise _refused(root, error) from error
        if not paths:
            message = (
                f"{_SETTING}: {str(root)!r} has no .mmdb, .csv or .txt file; put some in, or leave the setting empty"
            )
            raise ConfigError(message)
        return state, paths


def _is_data(path: Path) -> bool:
    name = path.name.lower()
    return name.endswith((_DATABASES, *_SYSTEMS, *_LISTS)) and not name.startswith((".", *_ABOUT))


def _meaning(path: Path, root: Path) -> tuple[AddressKind, str]:
    """Kind and provider of a list, from where it lies."""
    kind, *provider = path.relative_to(root).parts[:-1] or ("",)
    if kind not in list(AddressKind):
        message = f"a list must lie in one of the folders {', '.join(AddressKind)}"
        raise ValueError(message)
    return AddressKind(kind), provider[0] if provider else path.name.partition(".")[0]


def _filled(ranges: Iterable[Range[Value]]) -> list[Range[Value]]:
    """All of them; an empty file is a download that failed."""
    every = list(ranges)
    if not every:
        message = "it holds no address"
        raise ValueError(message)
    return every


def _refused(path: Path, error: Exception) -> ConfigError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return ConfigError(f"{_SETTING}: {str(path)!r} cannot be used: {reason}; correct, replace or remove it")
