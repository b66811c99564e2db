"""`make playground`: its fleet, its prompt, and the command line against it."""

from __future__ import annotations

import io
import os
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console

from local.clock import Clock
from local.playground import REGIONS, Playground, environment, write_environment
from local.world import World
from ops import cli
from tests.assemblies import synthesized
from tests.conftest import ROOT
from tests.workflow.fixtures import Worlds

pytestmark = [pytest.mark.xdist_group("playground"), pytest.mark.usefixtures("alone")]


class _Desk:
    """A filled playground, and what it has printed."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._printed = io.StringIO()
        self.playground = Playground(world, Console(file=self._printed, width=100, highlight=False))

    def type(self, line: str) -> str:
        before = len(self._printed.getvalue())
        self.playground.carry_out(line)
        return self._printed.getvalue()[before:]


@pytest.fixture(scope="module")
def desk(worlds: Worlds, tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Desk]:
    worlds.stop()
    assembly = synthesized(tmp_path_factory.mktemp("playground"), regions=list(REGIONS))
    world = World(assembly, Clock(speed=0))
    filled = _Desk(world)
    filled.playground.fill()
    yield filled
    world.stop()


@pytest.fixture
def operator(desk: _Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(desk.world).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "160")


def _outcome(desk: _Desk, endpoint: str) -> str:
    [execution, *_] = reversed(desk.world.executions_of(endpoint))
    return str(desk.world.record(execution.name).get("outcome", "open"))


def test_the_fleet_is_varied(desk: _Desk) -> None:
    found = {
        name: _outcome(desk, name)
        for name in (
            "claims-triage", "lab-results", "readmission-30d", "sandbox-embeddings", "note-summarizer",
            "fraud-score", "bed-forecast",
        )
    }  # fmt: skip

    assert found == {
        "claims-triage": "ENCRYPTED",
        "lab-results": "ALREADY_ENCRYPTED",
        "readmission-30d": "DENIED",
        "sandbox-embeddings": "EXEMPT",
        "note-summarizer": "ROLLED_BACK",
        "fraud-score": "open",
        "bed-forecast": "open",
    }
    assert "triage-eu" in desk.type("list")


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize(
    ("command", "code", "expected"),
    [
        ("history", 0, "readmission-30d"),
        ("history claims-triage --format json", 0, '"ENCRYPTED"'),
        ("audit", 0, "fraud-score"),
        ("audit --region eu-west-1", 0, "triage-eu"),
        ("doctor --region us-east-1", 1, "behind AWS's"),  # its time runs ahead
        ("doctor --region eu-west-1", 1, "behind AWS's"),
        ("open", 0, "fraud-score"),
        ("guardrail scp", 0, "sagemaker:VolumeKmsKey"),
        ("remediate fraud-score --no-follow", 0, "has started"),
        ("remediate no-such --no-follow", 2, ""),
    ],
)
def test_commands_work_against_it(
    command: str, code: int, expected: str, capfd: pytest.CaptureFixture[str]
) -> None:
    found = cli.main(command.split())

    printed = capfd.readouterr()
    assert (found, expected in printed.out) == (code, True), printed


def test_a_shell_takes_its_environment_over(desk: _Desk, tmp_path: Path) -> None:
    write_environment(desk.world, tmp_path / "playground.sh")

    shell = subprocess.run(  # noqa: S603  # our own file
        ["/bin/sh", "-c", f". {tmp_path}/playground.sh; sealpoint doctor && sealpoint history --format csv"],
        cwd=ROOT, env={**os.environ, "AWS_PROFILE": "no-such"}, check=False, capture_output=True, text=True,
    )  # fmt: skip

    # doctor checks signatures, which hold for five minutes: it goes by the playground's clock
    assert shell.returncode == 0, shell.stdout + shell.stderr
    assert "claims-triage" in shell.stdout


def test_the_prompt_makes_things_happen(desk: _Desk) -> None:
    world = desk.world
    assert "creating" in desk.type("new heart-rate")
    world.settle()
    assert len(world.executions_of("heart-rate")) == 1
    assert "Stopped" in desk.type("stop heart-rate")
    world.settle()
    assert _outcome(desk, "heart-rate") == "FAILED"

    before = world.clock.now()
    assert "It is now" in desk.type("later 8h")
    assert world.clock.now() - before >= timedelta(hours=8).total_seconds()
    for line in (
        "slack down", "slack up", "trail off", "trail on", "region down eu-west-1", "region up eu-west-1",
        "secret empty", "secret filled", "sweep", "sweep eu-west-1", "rollback fraud-score",
    ):  # fmt: skip
        assert "Use:" not in desk.type(line), line


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("dance", "'dance' is none of the commands"),
        ("later", "Use: later 8h"),
        ("later soon", "'soon' is no duration"),
        ("slack sideways", "Say 'down' or 'up'"),
        ("region down mars-1", "The regions are us-east-1, eu-west-1"),
        ("sweep mars-1", "There is no deployment in mars-1"),
        ("stop nothing-here", "No execution of nothing-here is running"),
        ("new claims-triage", "already existing"),
        ("", ""),
    ],
)
def test_what_it_does_not_understand_is_said(desk: _Desk, line: str, expected: str) -> None:
    assert expected in desk.type(line)
