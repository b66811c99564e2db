"""`sealpoint init` and `sealpoint settings`: from nothing to settings that can be deployed."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.cli import main
from stacks.settings_file import EXAMPLE, NAME, read
from tests.conftest import ROOT

Run = Callable[..., tuple[int, str, str]]

_ANSWERS = ("--region", "us-east-1", "--channel", "C0123456789", "--approver", "U0123456789")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the example alone."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    shutil.copy(ROOT / EXAMPLE, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    assert not (folder / NAME).exists()

    def run(*arguments: str, typed: str | None = None) -> tuple[int, str, str]:
        """Run a command, at a terminal if something is typed."""
        stdin = io.StringIO(typed)
        monkeypatch.setattr(stdin, "isatty", lambda: typed is not None)
        monkeypatch.setattr("sys.stdin", stdin)
        capsys.readouterr()
        code = main(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_options_make_settings_that_can_be_deployed(run: Run, folder: Path) -> None:
    code, said, _ = run(
        "init", *_ANSWERS, "--region", "eu-west-1", "--approver", "*", "--alarm-email", "a@b.example"
    )
    assert code == 0
    assert "`make deploy`" in said
    settings = read(folder / NAME, deploying=True)
    assert settings.regions == ("us-east-1", "eu-west-1")
    assert (settings.decisions.default.channel, settings.approvers) == ("C0123456789", ("U0123456789", "*"))
    assert settings.alarm_emails == ("a@b.example",)
    # four lines are the user's; the rest is the example's, with its comments
    before, after = ((folder / name).read_text().splitlines() for name in (EXAMPLE, NAME))
    assert len(before) == len(after)
    assert sum(old != new for old, new in zip(before, after, strict=True)) == 4
    code, said, _ = run("settings")
    assert code == 0
    warning, summary = said.splitlines()
    assert warning.startswith("Warning: approvers has '*'")
    assert summary == "sealpoint.yaml can be deployed, as Sealpoint-us-east-1, Sealpoint-eu-west-1."


def test_at_a_terminal_each_question_is_asked_until_its_answer_can_be_used(run: Run, folder: Path) -> None:
    typed = "Virginia\nus-east-1, eu-west-1\n#ml\nC0SEALPOINT\nC0123456789\nU0123456789 S0123456789\n\n"
    code, said, errors = run("init", typed=typed)
    assert code == 0
    assert said.count("The AWS regions to deploy to") == 2
    assert said.count("The Slack channel's id") == 3
    assert "regions: 'Virginia' is not allowed" in errors
    assert "slackChannel: '#ml' is not allowed" in errors
    assert "slackChannel: 'C0SEALPOINT' is the example's" in errors
    settings = read(folder / NAME, deploying=True)
    assert settings.regions == ("us-east-1", "eu-west-1")
    assert settings.approvers == ("U0123456789", "S0123456789")
    assert settings.alarm_emails == ()


def test_what_an_option_gives_is_not_asked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    options = ("--channel", "C0123456789", "--approver", "U0123456789", "--alarm-email", "a@b.example")
    code, said, _ = run("init", *options, typed="\n")  # Enter takes the environment's region
    assert code == 0
    assert "[eu-west-1]" in said
    assert "Slack channel" not in said


def test_without_a_terminal_the_missing_options_are_named(run: Run, folder: Path) -> None:
    code, _, errors = run("init", "--channel", "C0123456789")
    assert code == 2
    assert "--region, --approver" in errors
    assert not (folder / NAME).exists()


def test_wrong_options_are_all_named_and_nothing_is_written(run: Run, folder: Path) -> None:
    code, _, errors = run("init", "--region", "mars-1", "--channel", "#ml", "--approver", "U0APPROVER1")
    assert code == 2
    for key in ("regions: 'mars-1'", "slackChannel: '#ml'", "approvers: 'U0APPROVER1' is the example's"):
        assert key in errors
    assert not (folder / NAME).exists()


def test_nothing_is_overwritten(run: Run, folder: Path) -> None:
    (folder / NAME).write_text("mine")
    code, _, errors = run("init", *_ANSWERS)
    assert code == 2
    assert "sealpoint.yaml exists already" in errors
    assert (folder / NAME).read_text() == "mine"


def test_outside_the_repository_there_is_nothing_to_begin_with(run: Run, folder: Path) -> None:
    (folder / EXAMPLE).unlink()
    code, _, errors = run("init", *_ANSWERS)
    assert code == 2
    assert "in the folder of Sealpoint's repository" in errors


def test_settings_that_can_not_be_deployed_are_reported_with_their_lines(run: Run, folder: Path) -> None:
    code, _, errors = run("settings")
    assert (code, errors) == (
        1,
        "There is no sealpoint.yaml in this folder. Make it with `sealpoint init`.\n",
    )
    shutil.copy(folder / EXAMPLE, folder / NAME)
    code, said, errors = run("settings")
    assert (code, said) == (1, "")
    line = 1 + (folder / NAME).read_text().splitlines().index('slackChannel: "C0SEALPOINT"')
    assert f"line {line}: slackChannel: 'C0SEALPOINT' is the example's." in errors


def test_git_ignores_the_settings() -> None:
    assert NAME in (ROOT / ".gitignore").read_text().splitlines()
