"""`make playground`: the local world kept alive with a varied fleet, for `sealpoint`, Slack and the runbook.

Every command of `sealpoint` works against it. At the prompt, things can be made to happen or to go wrong, so
that each page of the runbook can be rehearsed.
"""

from __future__ import annotations

import re
import shlex
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local.clock import Clock
from local.people import Loop
from local.world import OPERATORS, World

REGIONS = ("us-east-1", "eu-west-1")
_ROOT = Path(__file__).parents[1]
ENVIRONMENT = Path("build/playground.sh")
_SPEED = 20.0  # simulated seconds per second: an update takes half a minute, a day's deadline over an hour
_KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_DURATION = re.compile(r"(?P<count>\d{1,4})(?P<unit>[mhd])")
_SECONDS = {"m": 60, "h": 3600, "d": 86_400}
_INTERRUPTED = 130  # as shells have it


class Refused(Exception):
    """A command that can't be carried out. The message says why."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command at the prompt; `arguments` is how it is called, for the help."""

    arguments: str
    help: str
    run: Callable[[list[str]], None]


def main() -> int:
    console = Console(highlight=False)
    assembly = Path(sys.argv[1] if len(sys.argv) > 1 else "build/playground")
    console.print("Starting the local AWS and Slack, and a fleet of endpoints: some 20 seconds ...")
    world = World(assembly, Clock(speed=0))
    try:
        playground = Playground(world, console)
        playground.fill()
        playground.introduce(write_environment(world, ENVIRONMENT))
        world.clock.run(_SPEED)
        playground.serve()
    except KeyboardInterrupt:
        return _INTERRUPTED
    finally:
        console.print("Stopped. Nothing is kept.")
        ENVIRONMENT.unlink(missing_ok=True)
        world.stop()
    return 0


def environment(world: World) -> dict[str, str]:
    """The variables with which any AWS client, and `sealpoint`, reaches this world as an operator."""
    access_key = next(iter(OPERATORS))
    return {
        "AWS_ENDPOINT_URL": world.cloud.url,
        "AWS_ENDPOINT_URL_SAGEMAKER": world.sagemaker_url,
        "SLACK_API_URL": world.slack_api_url,
        "AWS_REGION": world.region,
        "AWS_DEFAULT_REGION": world.region,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": OPERATORS[access_key][0],
    }


def exports(world: World, command: Path) -> list[str]:
    """The lines that set a shell up; `command` is the `sealpoint` that it finds."""
    variables = environment(world) | {"PATH": str(command.parent.resolve())}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    return [*lines[:-1], lines[-1] + ':"$PATH"']


def write_environment(world: World, path: Path) -> Path:
    """A file for a shell to source, and the `sealpoint` that such a shell finds, whose path is returned."""
    command = path.with_suffix(".bin") / "sealpoint"
    command.parent.mkdir(parents=True, exist_ok=True)
    run = shlex.join([sys.executable, "-m", "local.playground_shell", world.apis[world.region].url])
    command.write_text(f'#!/bin/sh\ncd {shlex.quote(str(_ROOT))} && exec {run} "$@"\n')
    command.chmod(0o755)
    unset = "unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL_STS"
    path.write_text("\n".join([unset, *exports(world, command)]) + "\n")
    return command


class Playground:
    """The fleet, and the prompt."""

    def __init__(self, world: World, console: Console) -> None:
        self._world = world
        self._console = console
        self.commands: Mapping[str, Command] = {
            "new": Command("new NAME", "Ana creates an endpoint without a KMS key.", self._new),
            "sweep": Command("sweep [REGION]", "Start a sweep, as the schedule does.", self._sweep),
            "later": Command(
                "later 8h", "Move the clock: minutes, hours or days (30m, 8h, 2d).", self._later
            ),
            "slack": Command(
                "slack down|up", "Let Slack's API stop answering, or answer again.", self._slack
            ),
            "secret": Command(
                "secret empty|filled", "Empty Slack's secrets, or fill them again.", self._secret
            ),
            "trail": Command("trail off|on", "Let CloudTrail stop logging, or log again.", self._trail),
            "region": Command("region down|up NAME", "Cut off SageMaker in a region.", self._region),
            "rollback": Command(
                "rollback NAME", "The endpoint's next update is rolled back.", self._rollback
            ),
            "stop": Command("stop NAME", "Stop the endpoint's running execution.", self._stop),
            "list": Command("list", "What is where.", self._list),
            "help": Command("help", "These commands.", self._help),
        }

    # -- the fleet

    def fill(self) -> None:
        """Endpoints in every state that a newcomer should see."""
        encrypted = Loop(self._world, "claims-triage")
        encrypted.encrypt()
        born_encrypted = Loop(self._world, "lab-results")
        born_encrypted.make_endpoint(KmsKeyId=_KEY)
        denied = Loop(self._world, "readmission-30d")
        denied.make_endpoint(tags={"team": "clinical-ml"})
        denied.deny("It is replaced next week, encrypted.")
        denied.outcome()
        exempt = Loop(self._world, "sandbox-embeddings")
        until = datetime.fromtimestamp(self._world.clock.now() + 30 * 86_400, UTC).date().isoformat()
        reason = {"sealpoint:exempt-until": until, "sealpoint:exempt-reason": "synthetic data alone"}
        exempt.make_endpoint(tags=reason)
        rolled_back = Loop(self._world, "note-summarizer")
        rolled_back.make_endpoint()
        reason = (
            "One or more configured alarm for automatic rollback deployment is in ALARM state: [p99-latency]."
        )
        self._world.sagemaker.faults.roll_back_next_update(reason, endpoint=rolled_back.name)
        rolled_back.click("approve")
        rolled_back.outcome()
        for region in REGIONS[1:]:
            _begin(Loop(self._world, "triage-eu", region))
        self._world.clock.advance(700)
        self._world.settle()
        for name in ("fraud-score", "patient-risk"):
            Loop(self._world, name).make_endpoint(tags={"team": "risk"})
        moving = Loop(self._world, "bed-forecast")
        moving.make_endpoint()
        self._world.sagemaker.faults.roll_back_next_update(endpoint=moving.name)
        moving.click("approve")
        self._world.settle()

    # -- the prompt

    def introduce(self, command: Path) -> None:
        console = self._console
        console.print(f"\nSlack, in your browser: [bold]{self._world.slack_url}[/]\n")
        self._list([])
        console.print("\nIn another terminal, in this folder:\n")
        console.print(f"  source {ENVIRONMENT}", style="bold")
        console.print("\nor, one by one:\n", style="dim")
        for line in exports(self._world, command):
            console.print(f"  {line}", soft_wrap=True, style="dim")
        console.print(
            "\nThen, for example: sealpoint doctor, sealpoint audit, sealpoint open, sealpoint history. "
            f"Time runs {_SPEED:.0f} times as fast as outside.",
            soft_wrap=True,
        )
        console.print("Type [bold]help[/] for what can be made to happen here; Ctrl-D ends it.\n")

    def serve(self) -> None:
        """Carry out what is typed. Without a terminal, stay until a signal ends it."""
        interactive = sys.stdin.isatty()
        while line := self._next_line(interactive=interactive):
            self.carry_out(line.strip())
        if not interactive:
            signal.pause()

    def carry_out(self, line: str) -> None:
        """One line of the prompt; what can't be done is said."""
        words = line.split()
        if not words:
            return
        command = self.commands.get(words[0])
        if command is None:
            self._say(f"'{words[0]}' is none of the commands: {', '.join(self.commands)}.", "red")
            return
        try:
            command.run(words[1:])
        except Refused as error:
            self._say(f"{error} Use: {command.arguments}", "red")
        except (ClientError, BotoCoreError, TimeoutError) as error:
            self._say(str(error), "red")

    def _next_line(self, *, interactive: bool) -> str:
        if interactive:
            self._console.print("playground> ", end="")
        return sys.stdin.readline()

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(escape(text), style=style, soft_wrap=True)

    def _new(self, words: list[str]) -> None:
        _begin(Loop(self._world, _only(words)))
        self._say(f"Ana is creating {words[0]}. Its card comes in a moment.")

    def _sweep(self, words: list[str]) -> None:
        region = words[0] if words else self._world.region
        for deployment in self._world.deployments:
            if deployment.region == region:
                self._world.start_with({}, "SweepStateMachineArn", deployment)
                self._say(f"A sweep of {region} has started.")
                return
        raise Refused(f"There is no deployment in {region}.")

    def _later(self, words: list[str]) -> None:
        found = _DURATION.fullmatch(_only(words))
        if found is None:
            raise Refused(f"'{words[0]}' is no duration.")
        self._world.settle()  # a function that is running would time out
        self._world.clock.advance(int(found["count"]) * _SECONDS[found["unit"]])
        self._say(f"It is now {self._now()}.")

    def _slack(self, words: list[str]) -> None:
        faults = self._world.slack.faults
        _either(words, "down", "up", faults.take_down, faults.bring_up)
        self._say(f"Slack's API is {words[0]}.")

    def _secret(self, words: list[str]) -> None:
        def fill() -> None:
            for deployment in self._world.deployments:
                self._world.fill_secrets(deployment)

        def empty() -> None:
            for deployment in self._world.deployments:
                for output in ("SlackTokenSecretArn", "SlackSigningSecretArn"):
                    self._world.store_secret(deployment, output, {})

        _either(words, "empty", "filled", empty, fill)
        self._say(f"Slack's secrets are {words[0]}.")

    def _trail(self, words: list[str]) -> None:
        def log(logging: bool) -> None:
            self._world.trail_is_logging = logging

        _either(words, "off", "on", lambda: log(False), lambda: log(True))
        self._say(f"CloudTrail's logging is {words[0]}.")

    def _region(self, words: list[str]) -> None:
        if len(words) != 2 or words[1] not in REGIONS:  # noqa: PLR2004  # the two words of its usage
            raise Refused(f"The regions are {', '.join(REGIONS)}.")
        faults = self._world.sagemaker.faults
        name = words[1]
        _either(
            words[:1],
            "down",
            "up",
            lambda: faults.take_region_down(name),
            lambda: faults.bring_region_up(name),
        )
        self._say(f"SageMaker in {name} is {words[0]}.")

    def _rollback(self, words: list[str]) -> None:
        self._world.sagemaker.faults.roll_back_next_update(
            "One or more configured alarm for automatic rollback deployment is in ALARM state.",
            endpoint=_only(words),
        )
        self._say(f"The next update of {words[0]} is rolled back.")

    def _stop(self, words: list[str]) -> None:
        running = [
            execution
            for execution in self._world.executions_of(_only(words))
            if execution.exec_status is not None and execution.exec_status.value == "RUNNING"
        ]
        if not running:
            raise Refused(f"No execution of {words[0]} is running.")
        for execution in running:
            client = self._world.client("stepfunctions", execution.region_name)
            client.stop_execution(executionArn=execution.exec_arn, cause="stopped in the playground")
        self._say(f"Stopped the execution of {words[0]}.")

    def _list(self, _words: list[str]) -> None:
        table = Table("Endpoint", "Region", "Status", "Config", "KMS key", box=None, pad_edge=False)
        for region in REGIONS:
            people = self._world.client("sagemaker", region)
            for listed in people.list_endpoints(SortBy="Name", SortOrder="Ascending")["Endpoints"]:
                endpoint = people.describe_endpoint(EndpointName=listed["EndpointName"])
                config = people.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
                key = "yes" if config.get("KmsKeyId") else "no"
                name, status = endpoint["EndpointName"], endpoint["EndpointStatus"]
                table.add_row(name, region, status, endpoint["EndpointConfigName"], key)
        self._console.print(table)

    def _help(self, _words: list[str]) -> None:
        table = Table(box=None, show_header=False, pad_edge=False)
        for command in self.commands.values():
            table.add_row(escape(command.arguments), escape(command.help))
        self._console.print(table)

    def _now(self) -> str:
        return datetime.fromtimestamp(self._world.clock.now(), UTC).strftime("%a %d %b, %H:%M UTC")


def _begin(endpoint: Loop) -> None:
    """Create an endpoint without waiting for it."""
    endpoint.people.create_endpoint(EndpointName=endpoint.name, EndpointConfigName=endpoint.make_config())


def _only(words: list[str]) -> str:
    if len(words) != 1:
        raise Refused("One word is missing, or too many are given.")
    return words[0]


def _either(
    words: list[str], one: str, other: str, do_one: Callable[[], object], do_other: Callable[[], object]
) -> None:
    match words:
        case [word] if word == one:
            do_one()
        case [word] if word == other:
            do_other()
        case _:
            raise Refused(f"Say '{one}' or '{other}'.")


if __name__ == "__main__":
    sys.exit(main())
