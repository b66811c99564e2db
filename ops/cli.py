"""The command line `sealpoint`: its commands, and what they share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.domain.errors import RemediationError
from ops import (
    backout,
    decide,
    guardrail,
    history,
    init,
    manifest,
    outputs,
    remediate,
    settings,
    terminal,
    uninstall,
    waiting,
)
from ops.audit import run as audit
from ops.doctor import run as doctor
from ops.errors import CommandFailed, explained
from ops.options import epilog

_FAILED = 2
_INTERRUPTED = 130  # how Typer exits on Ctrl-C


def _exit(code: int, **_: object) -> None:
    """What a command returns is its exit code."""
    raise typer.Exit(code)


app = typer.Typer(
    help="Operate Sealpoint, under your own IAM permissions.",
    epilog=epilog(
        examples=(
            ("doctor", "is everything set up?"),
            ("audit --all-regions", "which endpoints are encrypted, and which are not?"),
            ("open", "what waits for a decision?"),
            ("history patient-risk", "what was done to an endpoint?"),
        ),
        exit_codes="0 when done; 1 if it ended otherwise than requested; 2 if it could not be done",
    )
    + "\n\nTo deploy Sealpoint (`make deploy`) or to try it (`make demo`), you need a checkout of its "
    "repository. In its folder, the commands use the settings in sealpoint.yaml.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # they show local variables, and a token may be in one
    result_callback=_exit,
)
app.command("init", epilog=init.EPILOG)(init.command)
app.command("settings", epilog=settings.EPILOG)(settings.command)
app.command("history", epilog=history.EPILOG)(history.command)
app.command("open", epilog=waiting.EPILOG)(waiting.command)
app.command("audit", epilog=audit.EPILOG)(audit.command)
app.command("doctor", epilog=doctor.EPILOG)(doctor.command)
app.command("remediate", epilog=remediate.EPILOG)(remediate.command)
app.command("approve", epilog=decide.APPROVE_EPILOG)(decide.approve)
app.command("deny", epilog=decide.DENY_EPILOG)(decide.deny)
app.command("backout", epilog=backout.EPILOG)(backout.command)
app.command("guardrail", epilog=guardrail.EPILOG)(guardrail.command)
app.command("manifest", epilog=manifest.EPILOG)(manifest.command)
app.command("outputs", epilog=outputs.EPILOG)(outputs.command)
app.command("uninstall", epilog=uninstall.EPILOG)(uninstall.command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sealpoint {version('sealpoint')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True),
    ] = False,
    no_color: Annotated[
        bool, typer.Option("--no-color", help="Print without colors, as with NO_COLOR in the environment.")
    ] = False,
) -> None:
    if no_color:
        os.environ["NO_COLOR"] = "1"  # which rich and Typer read


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns
    -------
    int
        0: done, 1: it ended otherwise than requested, 2: it could not be done.
    """
    try:
        app(arguments, prog_name="sealpoint")
    except SystemExit as ended:
        if ended.code == _INTERRUPTED:
            return _fail("Stopped. What was requested continues without this command.")
        return ended.code if isinstance(ended.code, int) else 0
    except (CommandFailed, RemediationError, BotoCoreError, ClientError) as error:
        return _fail(explained(error))
    return 0


def _fail(message: str) -> int:
    terminal.notices().print(terminal.shown(message), style="red", soft_wrap=True)
    return _FAILED
