"""Whose call is it? What a gateway passes on after authentication → the client id under which everything is kept.

1. Ids are opaque. A secret or a person's name becomes a keyed hash at the first hop, and goes no further.
2. The same salt gives the same ids everywhere: in the hook, in the collector, in front of several gateways.
3. Nothing is verified here. The gateway has checked the token or the certificate, and overwrites what a client sends.
4. Several keys of one customer can be one client: a list maps their ids to a name.

Sources: RFC 7519 (JSON Web Token); Envoy, "x-forwarded-client-cert".
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache

import msgspec
from msgspec import Struct

from stream_detector.domain.errors import ConfigError

MAX_CLIENT_CHARS = 256
_MAX_VALUE_CHARS = 16_384
_SCHEME = re.compile(r"^([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]+")
_KEY = re.compile(r"[!-+\--~]+")
"""One credential: no spaces, and no comma, which would join several headers."""
_FORWARDED = re.compile(r'(?:^|;)(URI|Subject|Hash)=("(?:[^"\\]|\\.)*"|[^;"]*)', re.IGNORECASE)
_DIGEST_BYTES = 16
_MIN_SALT_BYTES = 16


class Evidence(StrEnum):
    """What the header holds."""

    ID = "id"
    """An id that the gateway has made opaque: taken as it is."""
    KEY = "key"
    """An API key, with `Bearer` or another scheme before it, or without."""
    JWT = "jwt"
    """A token; one of its claims, and its issuer, say whose."""
    CERTIFICATE = "certificate"
    """The client's certificate: `x-forwarded-client-cert` (its URI, else subject, else hash), or a subject alone."""


class Identity(Struct, frozen=True):
    """How a client is known.

    Raises:
        ConfigError: from the constructor, when there is something to hash and no salt, or one that can be guessed.
    """

    evidence: Evidence = Evidence.ID
    claim: str = "sub"
    """Of a token."""
    salt: bytes = b""
    names: Mapping[str, str] = {}
    """Id -> the client that it belongs to."""

    def __post_init__(self) -> None:
        if self.evidence is not Evidence.ID and len(self.salt) < _MIN_SALT_BYTES:
            message = (
                f"identity: {self.evidence} needs a salt of at least {_MIN_SALT_BYTES} bytes, got {len(self.salt)}; "
                "set STREAM_DETECTOR_IDENTITY_SALT to a long random text, such as of `openssl rand -hex 16`, "
                "the same everywhere"
            )
            raise ConfigError(message)

    def of(self, value: str | None) -> str | None:
        """The client id, None where the value names nobody.

        >>> identity = Identity(Evidence.KEY, salt=b"16 bytes or more")
        >>> identity.of("Bearer sk-123") == identity.of("sk-123")
        True
        """
        if value is None or not 0 < len(value) <= _MAX_VALUE_CHARS:
            return None
        found = self._found(value)
        if found is None:
            return None
        client = self.names.get(found, found)
        return client if 0 < len(client) <= MAX_CLIENT_CHARS and client.isprintable() else None

    def _found(self, value: str) -> str | None:
        match self.evidence:
            case Evidence.ID:
                return value
            case Evidence.KEY:
                return self._of_key(value.lstrip())
            case Evidence.JWT:
                return self._of_token(_SCHEME.sub("", value).strip())
            case Evidence.CERTIFICATE:
                return self._hashed("certificate", _bearer_of(value))

    def _of_key(self, value: str) -> str | None:
        """However a credential is written, it is one: any scheme before it, and any spelling of Base64 in Basic."""
        scheme = _SCHEME.match(value)
        key = (value[scheme.end() :] if scheme else value).rstrip()
        if not _KEY.fullmatch(key):
            return None
        if scheme and scheme[1].lower() == "basic":
            try:
                key = base64.b64decode(key + "=" * (-len(key) % 4)).decode("utf-8", "surrogateescape")
            except (binascii.Error, ValueError):
                return None
        return self._hashed("key", key)

    def _of_token(self, token: str) -> str | None:
        claims = _claims(token)
        who = claims.get(self.claim)
        if not isinstance(who, str | int) or isinstance(who, bool) or who == "":
            return None
        return self._hashed("jwt", msgspec.json.encode([claims.get("iss"), self.claim, who]).decode())

    def _hashed(self, kind: str, text: str) -> str | None:
        if not text:
            return None
        digest = hashlib.blake2b(
            text.encode("utf-8", "surrogatepass"),
            digest_size=_DIGEST_BYTES,
            key=_key_of(self.salt),
            person=kind[:16].encode(),
        )
        return f"{kind[0]}_{digest.hexdigest()}"


@lru_cache(maxsize=16)
def _key_of(salt: bytes) -> bytes:
    """A salt may be longer than a key may be."""
    return hashlib.blake2b(salt, digest_size=32, person=b"identity").digest()


def _claims(token: str) -> dict[str, object]:
    """Claims of a compact token; empty for anything else."""
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, claims, signature
        return {}
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _bearer_of(value: str) -> str:
    """Whom a forwarded certificate was issued to, by the proxy next to us; a bare subject as it is."""
    fields = {name.lower(): text.strip('"') for name, text in _FORWARDED.findall(_nearest(value))}
    for name in ("uri", "subject", "hash"):
        if fields.get(name):
            return f"{name}={fields[name]}"
    return value.strip()


def _nearest(value: str) -> str:
    """The last element of a list with quoted parts. Read from its end: what came before may be anybody's."""
    outside, end = True, len(value.replace(r"\"", "__"))
    for part in reversed(value.replace(r"\"", "__").split('"')):
        comma = part.rfind(",") if outside else -1
        if comma >= 0:
            return value[end - len(part) + comma + 1 :].strip()
        outside, end = not outside, end - len(part) - 1
    return value.strip()
