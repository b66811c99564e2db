"""`sealpoint init`: make sealpoint.yaml, with what only its user knows."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ops import terminal
from ops.errors import CommandFailed
from ops.options import epilog
from stacks.settings import Settings
from stacks.settings_file import EXAMPLE, NAME
from stacks.strict_yaml import parse

# What is asked, and the option that answers. A list's members are separated by commas or spaces.
_QUESTIONS: Mapping[str, tuple[str, str]] = {
    "regions": ("The AWS regions to deploy to, such as us-east-1 eu-west-1", "--region"),
    "slackChannel": (
        "The Slack channel's id (in Slack: the channel's name, About, at the bottom)",
        "--channel",
    ),
    "approvers": (
        "Who may approve: Slack ids of users and user groups (in Slack: profile, …, Copy member ID)",
        "--approver",
    ),
    "alarmEmails": ("Who hears the alarms: email addresses, or Enter for nobody", "--alarm-email"),
}
EPILOG = epilog(
    examples=(
        ("init", "asks for what it needs"),
        ("init --region us-east-1 --channel C0123456789 --approver S0CLINICAL", "asks nothing"),
    ),
    exit_codes="0 when the file is made; 2 if it exists already, or a value is not allowed",
)
_OPTIONAL = "alarmEmails"
_TEXT = "slackChannel"


def command(
    *,
    regions: Annotated[
        list[str] | None,
        typer.Option("--region", metavar="REGION", help="An AWS region to deploy to; repeatable."),
    ] = None,
    channel: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The id of the Slack channel where approvals are requested."),
    ] = None,
    approvers: Annotated[
        list[str] | None,
        typer.Option("--approver", metavar="ID", help="The Slack id of a user or user group; repeatable."),
    ] = None,
    alarm_emails: Annotated[
        list[str] | None,
        typer.Option("--alarm-email", metavar="EMAIL", help="An address that gets the alarms; repeatable."),
    ] = None,
) -> int:
    """Make sealpoint.yaml, the settings of a deployment. Asks for what no option gives."""
    example = _example()
    options = {"regions": regions, "slackChannel": channel, "approvers": approvers, _OPTIONAL: alarm_emails}
    given: dict[str, Any] = {key: value for key, value in options.items() if value}
    if missing := [key for key in _QUESTIONS if key not in given and key != _OPTIONAL]:
        if not sys.stdin.isatty():
            names = ", ".join(_QUESTIONS[key][1] for key in missing)
            raise CommandFailed(f"There is no terminal to ask on. Give these options as well: {names}.")
        given |= {key: _asked(key, example) for key in _QUESTIONS if key not in given}
    if problems := [problem for key, value in given.items() for problem in _problems(key, value, example)]:
        raise CommandFailed("\n  ".join([f"{NAME} was not made:", *problems]))
    _write(given)
    terminal.output().print(
        f"\n{NAME} is made. Git ignores it, so that no upgrade touches it.\n\n"
        f"  1. Look through {NAME}: it explains every setting. `sealpoint settings` checks it.\n"
        "  2. `make bootstrap`, once per account and region.\n"
        "  3. `make deploy`.",
        markup=False,
        soft_wrap=True,
    )
    return 0


def _example() -> dict[str, Any]:
    if Path(NAME).exists():
        raise CommandFailed(f"{NAME} exists already. Edit it, or move it away first.")
    try:
        return parse(Path(EXAMPLE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CommandFailed(
            f"{EXAMPLE} isn't here. Run `sealpoint init` in the folder of Sealpoint's repository."
        ) from None


def _asked(key: str, example: Mapping[str, Any]) -> Any:
    """A value that can be used: a question is repeated until there is one."""
    question, _ = _QUESTIONS[key]
    suggested = {"regions": os.environ.get("AWS_REGION"), _OPTIONAL: ""}.get(key)
    while True:
        answer = typer.prompt(question, default=suggested, show_default=bool(suggested)).strip()
        value = answer if key == _TEXT else [part for part in re.split(r"[,\s]+", answer) if part]
        problems = _problems(key, value, example)
        if not problems:
            return value
        terminal.notices().print("\n".join(problems), markup=False, style="red", soft_wrap=True)


def _problems(key: str, value: Any, example: Mapping[str, Any]) -> list[str]:
    """What is wrong with one setting, as `make deploy` would see it."""
    _, problems = Settings.check({**example, key: value}, deploying=True)
    return [problem.text for problem in problems if problem.path[:1] == (key,)]


def _write(given: Mapping[str, Any]) -> None:
    """Copy the example with some of its lines replaced, whether or not they are commented out there."""
    text = Path(EXAMPLE).read_text(encoding="utf-8")
    for key, value in given.items():
        line = f"{key}: {json.dumps(value, ensure_ascii=False)}"
        text = re.sub(rf"^#?{key}: .*$", lambda _, line=line: line, text, flags=re.MULTILINE)
    try:
        with Path(NAME).open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise CommandFailed(f"{NAME} can't be written: {error.strerror}.") from None
