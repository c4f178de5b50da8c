"""How clients are known, as the settings say."""

import tomllib

import msgspec

from stream_detector.adapters.setting_files import read_text
from stream_detector.domain.errors import ConfigError
from stream_detector.domain.identity import Identity
from stream_detector.settings import PREFIX, Settings


def identity_of(settings: Settings) -> Identity:
    """Identity with its list of names.

    Raises:
        ConfigError: a salt is missing, or the list is no readable TOML of texts.
    """
    return Identity(
        settings.identity,
        settings.identity_claim,
        settings.identity_salt.encode(),
        _names(settings.identity_names) if settings.identity_names else {},
    )


def _names(path: str) -> dict[str, str]:
    try:
        return msgspec.convert(tomllib.loads(read_text(path)), dict[str, str])
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        message = f'{PREFIX}IDENTITY_NAMES: {path!r}: {error}; name a TOML file with lines such as k_0123 = "acme"'
        raise ConfigError(message) from error
