"""The commands, their options and exit codes, before they do anything."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from typing import Any, get_args

import pytest
from botocore.exceptions import EndpointConnectionError

from lambdas.domain.approval.decision import ASK_AGAIN_DAYS
from lambdas.domain.errors import RequestRefused
from ops import backout, cli, decide, history, remediate
from ops.audit.run import PERMISSIONS as AUDIT_PERMISSIONS
from ops.cli import main
from ops.deployment import NotDeployed
from ops.doctor.run import PERMISSIONS as DOCTOR_PERMISSIONS
from tests.conftest import ROOT

Capture = pytest.CaptureFixture[str]
OPTIONS = {
    "history": {"--format", "--region", "--stack"},
    "audit": {"--format", "--fail-on", "--share", "--all-regions", "--region", "--stack"},
    "doctor": {"--region", "--stack"},
    "remediate": {"--no-follow", "--region", "--stack"},
    "approve": {"--reason", "--break-glass", "--region", "--stack"},
    "deny": {"--reason", "--ask-again", "--region", "--stack"},
    "backout": {"--reason", "--yes", "--region", "--stack"},
    "guardrail": {"--except", "--key", "--allow-local-nvme", "--region", "--stack"},
    "manifest": {"--region", "--stack"},
}


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


@pytest.mark.parametrize("command", OPTIONS)
def test_each_command_has_its_options(command: str, capsys: Capture) -> None:
    assert main([command, "--help"]) == 0
    options = re.findall(r"^│ \*? *(--[a-z-]+)", capsys.readouterr().out, re.MULTILINE)
    assert set(options) == OPTIONS[command] | {"--help"}


@pytest.mark.parametrize(
    ("command", "permissions"),
    [
        ("audit", AUDIT_PERMISSIONS),
        ("doctor", DOCTOR_PERMISSIONS),
        ("remediate", remediate.PERMISSIONS),
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
    ],
)
def test_what_is_not_understood_is_named(arguments: list[str], complaint: str, capsys: Capture) -> None:
    assert main(arguments) == 2
    assert complaint in capsys.readouterr().err


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
        (EndpointConnectionError(endpoint_url="https://x"), "https://x"),
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
