"""Bad settings and policies stop the start with one line: field, value, allowed range."""

from pathlib import Path

import pytest

from stream_detector.detection.policy import Policy
from stream_detector.domain.errors import ConfigError
from stream_detector.settings import Settings, load_policy

BAD_POLICIES = sorted((Path(__file__).parent / "bad_policies").glob("*.toml"))


@pytest.mark.parametrize("path", BAD_POLICIES, ids=lambda path: path.stem)
def test_bad_policy_is_refused_in_one_line(path: Path) -> None:
    expected = path.read_text("utf-8").splitlines()[0].removeprefix("# expect: ")
    with pytest.raises(ConfigError) as raised:
        load_policy(str(path))
    message = str(raised.value)
    assert message.startswith(f"{path}: ")
    assert expected in message.replace("[", ".").replace("]", "")
    assert "\n" not in message


def test_there_is_a_bad_policy_per_mistake() -> None:
    assert len(BAD_POLICIES) >= 19


def test_missing_policy_file_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file or directory; name a readable TOML file"):
        load_policy("/nowhere/policy.toml")


def test_no_policy_file_is_the_built_in_policy() -> None:
    assert load_policy("") == Policy()


def test_policy_files_override_what_they_name(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text('version = "7"\nmode = "shadow"\n[block]\nrisk = 0.9\n[detectors.coverage]\nweight = 0.5\n')
    policy = load_policy(str(path))
    assert (policy.version, policy.mode, policy.block.risk) == ("7", "shadow", 0.9)
    assert policy.of("coverage").weight == 0.5
    assert policy.of("volume_spike").weight == 1.0


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("HOOK_PORT", "70000", "must be >= 0 and <= 65535, got '70000'"),
        ("HOOK_PORT", "http", "expected `int`, got `str`"),
        ("HOOK_FAILURE", "maybe", "must be one of open, closed, got 'maybe'"),
        ("CHECKPOINT_S", "0", "must be > 0"),
        ("CHECKPOINT_S", "nan", "must be > 0"),
        ("REDIS", "http://redis", "must be of the form ^(redis|rediss|unix)://"),
        ("TOPIC_CALLS", "a topic", "must be of the form"),
        ("CLOCK", "sundial", "must be of the form"),
        ("LOG_LEVEL", "LOUD", "must be of the form"),
        ("PROFILE_TTL_S", "1", "must be >= 3600"),
        ("COLLECTOR_TOKEN", "too short", "must be of the form"),
        ("KAFKA", "one:9092,two:99999", "must be of ports from 1 to 65535, got 'one:9092,two:99999'"),
        ("KAFKA", "one:0", "must be of ports from 1 to 65535"),
        ("COLLECTOR_HOST", "0.0.0.0", "must be an address of this machine alone"),  # noqa: S104 - refused
    ],
)
def test_bad_setting_names_variable_value_and_range(name: str, value: str, expected: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Settings.from_env({f"STREAM_DETECTOR_{name}": value})
    message = str(raised.value)
    assert message.startswith(f"STREAM_DETECTOR_{name}: ")
    assert expected in message
    assert "\n" not in message


@pytest.mark.parametrize("end", ["\n", "\r\n", "\nsecond line"], ids=["line end", "of Windows", "second line"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOOK_FEED_TOKEN", "0123456789abcdef"),
        ("COLLECTOR_TOKEN", "0123456789abcdef"),
        ("HOOK_CLIENT_HEADER", "x-client-id"),
        ("KEY_PREFIX", "sd"),
        ("SKETCH_SALT", "0123456789abcdef"),
        ("POLICY", "/etc/policy.toml"),
    ],
)
def test_a_line_end_as_of_a_secret_in_a_file_is_refused_and_not_shown(name: str, value: str, end: str) -> None:
    with pytest.raises(ConfigError, match=rf"^STREAM_DETECTOR_{name}: must be one line, .*; leave out") as raised:
        Settings.from_env({f"STREAM_DETECTOR_{name}": value + end})
    assert value not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_unknown_setting_is_refused() -> None:
    with pytest.raises(ConfigError, match="STREAM_DETECTOR_HOK_PORT: no such setting"):
        Settings.from_env({"STREAM_DETECTOR_HOK_PORT": "1"})


def test_other_variables_are_left_alone() -> None:
    assert Settings.from_env({"PATH": "/bin", "STREAM_DETECTOR_TEST_KAFKA": "x"}) == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOOK_FEED_TOKEN", "hunter2"),
        ("COLLECTOR_TOKEN", "hunter2"),
        ("SKETCH_SALT", "hunter2" * 200),
        ("SKETCH_SALT", "hunter2"),
        ("IDENTITY_SALT", "hunter2"),
        ("REDIS", "me:hunter2@there"),
        ("HOOK_CALLS_TO", "ftp://me:hunter2@there"),
    ],
)
def test_an_error_does_not_show_a_secret(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=rf"^STREAM_DETECTOR_{name}: .*got '\(hidden\)'$"):
        Settings.from_env({f"STREAM_DETECTOR_{name}": value})


def test_with_a_token_the_collector_may_listen_anywhere() -> None:
    variables = {"COLLECTOR_HOST": "0.0.0.0", "COLLECTOR_TOKEN": "0123456789abcdef"}  # noqa: S104 - what is tested
    settings = Settings.from_env({f"STREAM_DETECTOR_{name}": value for name, value in variables.items()})
    assert settings.collector_host == "0.0.0.0"  # noqa: S104


@pytest.mark.parametrize(
    "name", ["HOOK_TLS_CERTIFICATE", "HOOK_TLS_KEY", "COLLECTOR_TLS_CERTIFICATE", "COLLECTOR_TLS_KEY"]
)
def test_a_certificate_needs_its_key_and_a_key_its_certificate(name: str) -> None:
    with pytest.raises(ConfigError, match="must be set both or neither"):
        Settings.from_env({f"STREAM_DETECTOR_{name}": "/etc/hook.pem"})
