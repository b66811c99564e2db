"""The commands, their options and exit codes, before they do anything."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import pytest
from botocore.exceptions import EndpointConnectionError

from lambdas.domain.approval.decision import ASK_AGAIN_DAYS
from lambdas.domain.errors import RequestRefused
from ops import backout, cli, decide, history, remediate, uninstall, waiting
from ops.audit.run import PERMISSIONS as AUDIT_PERMISSIONS
from ops.cli import main
from ops.deployment import Deployment, NotDeployed
from ops.doctor.run import PERMISSIONS as DOCTOR_PERMISSIONS
from tests.conftest import ROOT

Capture = pytest.CaptureFixture[str]
SHARED = {"--region", "--stack", "--profile", "--help"}
WITHOUT_AWS = {"init", "settings"}
SELECTING = {"--digest", "--tag", "--limit", "--yes"}
OPTIONS = {
    "init": {"--region", "--channel", "--approver", "--alarm-email"},
    "settings": set[str](),
    "history": {"--format", "--open", "--since", "--until"},
    "open": set[str](),
    "audit": {"--format", "--fail-on", "--share", "--all-regions"},
    "doctor": set[str](),
    "remediate": {"--no-follow"},
    "approve": {"--reason", "--break-glass", *SELECTING},
    "deny": {"--reason", "--ask-again", *SELECTING},
    "backout": {"--reason", "--yes"},
    "guardrail": {"--except", "--key", "--allow-local-nvme"},
    "manifest": set[str](),
    "outputs": set[str](),
    "uninstall": {"--yes"},
}
# One valid use of each.
USES = {
    "history": ["history"],
    "open": ["open"],
    "audit": ["audit"],
    "audit --all-regions": ["audit", "--all-regions"],
    "doctor": ["doctor"],
    "remediate": ["remediate", "fraud"],
    "approve": ["approve", "r-1"],
    "approve --limit": ["approve", "--limit", "1"],
    "deny": ["deny", "r-1", "--reason", "x"],
    "backout": ["backout", "fraud"],
    "guardrail": ["guardrail", "scp"],
    "manifest": ["manifest"],
    "outputs": ["outputs"],
    "uninstall": ["uninstall"],
}


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


@pytest.mark.parametrize("command", OPTIONS)
def test_each_command_has_its_options(command: str, capsys: Capture) -> None:
    assert main([command, "--help"]) == 0
    options = re.findall(r"^│ \*? *(--[a-z-]+)", capsys.readouterr().out, re.MULTILINE)
    assert set(options) == OPTIONS[command] | ({"--help"} if command in WITHOUT_AWS else SHARED)


@pytest.mark.parametrize(
    ("command", "permissions"),
    [
        ("audit", AUDIT_PERMISSIONS),
        ("doctor", DOCTOR_PERMISSIONS),
        ("remediate", remediate.PERMISSIONS),
        ("history", history.PERMISSIONS),
        ("open", waiting.PERMISSIONS),
        ("approve", decide.PERMISSIONS),
        ("deny", decide.PERMISSIONS),
        ("backout", backout.PERMISSIONS),
        ("uninstall", uninstall.PERMISSIONS),
    ],
)
def test_the_help_names_exit_codes_and_permissions(
    command: str, permissions: tuple[str, ...], capsys: Capture
) -> None:
    main([command, "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "Exit codes: 0" in shown
    assert f"Required permissions: {', '.join(permissions)}." in shown


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], ""),
        (["no-such-command"], "No such command 'no-such-command'"),
        (["deny", "r-1"], "Missing option '--reason'"),
        (["deny", "r-1", "--reason", "x", "--ask-again", "8"], "'8' is not one of"),
        (["audit", "--format", "pdf"], "'pdf' is not one of"),
        (["guardrail", "cloudformation"], "'cloudformation' is not one of"),
        (["backout"], "Missing argument 'ENDPOINT'"),
        (["approve", "--tag", "team"], "'team' is not of the form key=value"),
        (["approve", "--limit", "0"], "Invalid value for '--limit'"),
        (["history", "--since", "yesterday"], "'yesterday' is neither a day"),
    ],
)
def test_what_is_not_understood_is_named(arguments: list[str], complaint: str, capsys: Capture) -> None:
    assert main(arguments) == 2
    assert complaint in capsys.readouterr().err


@pytest.fixture
def signed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_REGION", "us-east-1")


@pytest.mark.usefixtures("signed_out")
@pytest.mark.parametrize("use", USES)
def test_without_credentials_every_command_says_the_same(use: str, capsys: Capture) -> None:
    assert main(USES[use]) == 2
    printed = capsys.readouterr()
    assert printed.err == (
        "No AWS credentials were found. Sign in, or choose a profile with --profile or AWS_PROFILE.\n"
    )
    assert printed.out == ""


@pytest.mark.usefixtures("signed_out")
@pytest.mark.parametrize("use", USES)
def test_aws_out_of_reach_is_no_refusal(use: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SAGEMAKER"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    def skip(_seconds: float) -> None:
        """Between two tries."""

    monkeypatch.setattr("time.sleep", skip)
    assert main(USES[use]) in ((1,) if use == "guardrail" else (2,))
    printed = capsys.readouterr()
    assert "AWS could not be reached: Could not connect" in printed.out + printed.err
    assert "refused" not in printed.out + printed.err


@pytest.mark.parametrize("use", USES)
def test_a_region_that_there_is_not_is_named(use: str, capsys: Capture) -> None:
    assert main([*USES[use], "--region", "eu-cental-1"]) == 2
    said = capsys.readouterr().err
    assert "eu-cental-1 is no AWS region that boto3" in said
    assert "eu-central-1" in said


@pytest.mark.usefixtures("signed_out")
def test_a_profile_that_there_is_not_is_named(capsys: Capture) -> None:
    assert main(["history", "--profile", "nobody"]) == 2
    assert "profile (nobody) could not be found" in capsys.readouterr().err


def test_a_profile_comes_before_keys_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = tmp_path / "credentials"
    credentials.write_text("[audit]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = x\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    assert Deployment("us-east-1").credentials().access_key == "AKIAENVIRONMENT"
    assert Deployment("us-east-1", profile="audit").credentials().access_key == "AKIAPROFILE"


def _examples() -> list[str]:
    epilogs = [str(command.epilog) for command in cli.app.registered_commands]
    return [line for epilog in epilogs for line in re.findall(r"^  sealpoint (.+)$", epilog, re.MULTILINE)]


def test_every_command_has_an_example() -> None:
    assert {example.split()[0] for example in _examples()} == set(OPTIONS)


@pytest.mark.parametrize("example", [one for one in _examples() if one.split()[0] not in WITHOUT_AWS])
def test_each_example_is_understood(example: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """It comes as far as the deployment, so that its arguments were fine."""

    def stop(*_: Any, **__: Any) -> None:
        raise NotDeployed("understood")

    monkeypatch.setattr("ops.deployment.Deployment.__init__", stop)
    words = shlex.split(re.split(r" [|>] ", example)[0].replace("\\[", "["))
    assert main(words) == 2
    assert capsys.readouterr().err == "understood\n"


def test_without_colors_on_request(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert main(["history", "--region", "nowhere"]) == 2
    assert "\x1b[31m" in capsys.readouterr().err
    assert main(["--no-color", "history", "--region", "nowhere"]) == 2
    assert "\x1b[31m" not in capsys.readouterr().err
    monkeypatch.delenv("NO_COLOR")


def test_a_denial_offers_the_same_choices_as_the_modal() -> None:
    assert get_args(decide.AskAgain) == tuple(ASK_AGAIN_DAYS)


def test_the_version_is_the_packages(capsys: Capture) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"sealpoint {version('sealpoint')}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete(shell: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    assert main(["--show-completion", shell]) == 0
    assert "_SEALPOINT_COMPLETE" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (NotDeployed("There is no [stack]."), "There is no [stack]."),
        (RequestRefused("KMS refused."), "KMS refused."),
        (EndpointConnectionError(endpoint_url="https://x"), "AWS could not be reached: "),
        (RequestRefused("Ask <@U0ADA>: `sealpoint open`."), "Ask U0ADA: sealpoint open."),
        (RequestRefused("\x1b[2J\u202egone"), "\\x1b[2J\\u202egone"),
        (KeyboardInterrupt(), "Stopped. What was requested continues without this command."),
    ],
)
def test_what_stops_a_command_is_printed_without_a_traceback(
    error: BaseException, message: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(history, "Deployment", fail)
    assert main(["history"]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert "Traceback" not in printed.err
    assert printed.out == ""


def test_nothing_of_the_command_line_needs_what_only_a_checkout_has() -> None:
    """A fresh interpreter imports it all, without CDK, moto and the rest of requirements.txt."""
    program = """
import importlib, pathlib, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"aws_cdk", "constructs", "jsii", "moto", "local", "tests", "pytest"}:
            raise ImportError(f"the command line imports {name}")

sys.meta_path.insert(0, Refuse())
for path in sorted(pathlib.Path("ops").rglob("*.py")):
    importlib.import_module(".".join(path.with_suffix("").parts).removesuffix(".__init__"))
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)  # noqa: S603  # the program above


def test_every_command_is_registered_once() -> None:
    assert [command.name for command in cli.app.registered_commands] == [*OPTIONS]
    assert backout.command in {command.callback for command in cli.app.registered_commands}
