"""`sealpoint uninstall`, and a new deployment that goes on with what it left."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from local.people import Loop
from local.world import World
from ops import follow, terminal, uninstall
from tests.conftest import SPECIAL_SETTINGS, synthesized
from tests.workflow import sweeps
from tests.workflow.fixtures import Ops, Worlds

pytestmark = [pytest.mark.xdist_group("uninstall"), pytest.mark.usefixtures("alone")]


@pytest.fixture
def world(worlds: Worlds, routed_assembly: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """One of its own for each test: none outlives it."""
    worlds.stop()
    world = worlds.of(routed_assembly)

    def settle(_: float) -> None:
        world.settle()

    monkeypatch.setattr(uninstall, "sleep", settle)
    monkeypatch.setattr(uninstall, "_CLOSE_WITHIN_SECONDS", 60)
    return world


def automatic(loop: Loop) -> None:
    """Encrypted without a click, which a busy machine may be too slow for."""
    execution = loop.make_endpoint(tags={"route": "automatic"})
    assert loop.outcome(execution) == "ENCRYPTED"


def _no(*_: object) -> bool:
    return False


def shown(loop: Loop) -> str:
    return json.dumps(loop.card().blocks, ensure_ascii=False)


def test_what_runs_is_called_off_and_told_before_the_stack_is_removed(
    loop: Loop, operate: Ops, capsys: pytest.CaptureFixture[str]
) -> None:
    world = loop.world
    asked, done, moving = loop, Loop(world), Loop(world)
    automatic(done)
    asked.make_endpoint()
    moving.make_endpoint(tags={"route": "automatic"})
    world.drive(lambda: "updateRequestedAt" in moving.record())
    assert len(world.client("scheduler").list_schedules()["Schedules"]) == 2

    table = world.home.output("RecordsTableName")
    client = world.client("dynamodb")
    assert operate("uninstall", "--yes") == 0
    said = capsys.readouterr().out
    assert "2 remediations" in said
    assert f"Being updated at this moment: {moving.name}." in said
    assert "Old configs that would be deleted later: 1." in said
    assert world.deployments == []

    records = {
        item["endpointName"]["S"]: item
        for item in client.scan(TableName=table)["Items"]
        if item["sk"]["S"] == "record"
    }
    for one in (asked, moving):
        assert records[one.name]["outcome"]["S"] == "CALLED_OFF"
        assert (
            "being removed from this account and region by arn:aws:sts:" in records[one.name]["reason"]["S"]
        )
    assert records[done.name]["outcome"]["S"] == "ENCRYPTED"
    assert "Called off: Sealpoint was removed" in shown(asked)
    unwatched = "An update had been requested: SageMaker completes it or rolls it back"
    assert unwatched in shown(moving)
    assert unwatched not in shown(asked)
    assert asked.buttons() == []
    [approval] = [
        item
        for item in client.scan(TableName=table)["Items"]
        if item["sk"]["S"] == "approval" and item["endpointName"]["S"] == asked.name
    ]
    assert approval["status"]["S"] == "CALLED_OFF"
    assert world.client("scheduler").list_schedules()["Schedules"] == []
    assert world.client("events").list_rules()["Rules"] == []
    assert world.client("stepfunctions").list_state_machines()["stateMachines"] == []

    world.clock.advance(3600)  # the update that nobody watched
    assert moving.status()[0] == "InService"
    assert operate("uninstall", "--yes") == 0
    assert "Sealpoint is not deployed there." in capsys.readouterr().out


def test_nothing_is_changed_without_a_confirmation(
    loop: Loop, operate: Ops, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop.make_endpoint()
    monkeypatch.setattr(terminal, "confirmed", _no)
    assert operate("uninstall") == 1
    assert loop.world.deployments
    assert "approve" in loop.buttons()


def test_a_digest_says_that_its_questions_were_called_off(loop: Loop, operate: Ops) -> None:
    world = loop.world
    world.trail_is_logging = False
    found = [sweeps.make(world, f"{loop.name}-{number}") for number in range(11)]
    world.clock.advance(2500)
    world.run(sweeps.begin(world))
    world.drive(lambda: sweeps.is_asked(world))
    assert operate("uninstall", "--yes") == 0
    [card] = [one for one in world.slack.messages(world.channel_id) if "called off" in str(one.blocks)]
    assert "11" in str(card.blocks)
    assert "Review and decide" not in str(card.blocks)
    assert {one.status()[0] for one in found} == {"InService"}


def test_what_cannot_be_closed_keeps_the_stack(
    loop: Loop, operate: Ops, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    loop.make_endpoint()
    monkeypatch.setattr(uninstall, "_CLOSE_WITHIN_SECONDS", 15)
    runner = loop.world.runner
    close = next(one.name for one in runner.functions if one.handler.startswith("lambdas.handlers.close_rem"))
    runner.inject(close, "DynamoDB.UpdateItem", "failing for good")
    assert operate("uninstall", "--yes") == 2
    assert f"Not closed yet: {loop.execution().name}" in capsys.readouterr().err
    assert loop.world.deployments
    runner.stop_injecting()
    monkeypatch.undo()
    loop.world.drive(lambda: "outcome" in loop.record())  # by another of Lambda's tries
    assert loop.record()["outcome"] == "CALLED_OFF"


def test_a_new_deployment_adopts_what_stayed(
    loop: Loop,
    operate: Ops,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From destroy to deploy to history, a question, the old config's retirement, and the way back."""
    world, other = loop.world, Loop(loop.world)
    automatic(loop)
    automatic(other)
    encrypted = loop.status()[1]
    stays = ("RecordsTableName", "SlackTokenSecretArn", "SlackSigningSecretArn", "KmsKeyArn")
    before = {name: world.home.output(name) for name in stays}
    assert operate("uninstall", "--yes") == 0
    printed = capsys.readouterr().out
    settings: dict[str, Any] = yaml.safe_load(printed[printed.index("adopt:") :])

    world.deploy(synthesized(tmp_path / "cdk.out", **SPECIAL_SETTINGS, **settings))
    assert {name: world.home.output(name) for name in before} == before
    assert operate("history", loop.name) == 0
    assert re.search(r"ENCRYPTED", capsys.readouterr().out)

    def live_on(_: float) -> None:
        world.settle()
        world.clock.advance(60)

    monkeypatch.setattr(follow, "time", SimpleNamespace(sleep=live_on))
    assert operate("backout", loop.name, "--yes") == 0
    assert loop.status() == ("InService", loop.config)
    assert loop.status()[1] != encrypted

    world.clock.advance(16 * 86_400)
    assert sweeps.sweep(world)["complete"]
    world.drive(lambda: "sourceRetiredAt" in other.record())
    automatic(Loop(world))  # with the key that the first deployment made


def test_what_an_earlier_try_has_removed_is_no_obstacle(loop: Loop, operate: Ops) -> None:
    world = loop.world
    automatic(loop)
    machine = world.home.output("DigestStateMachineArn")
    world.client("stepfunctions").delete_state_machine(stateMachineArn=machine)
    events, rules = world.client("events"), world.home.output("EventRuleNames").split(",")
    [rule] = (part.rpartition("=")[2] for part in rules if part.startswith("EndpointChangedByService="))
    targets = [target["Id"] for target in events.list_targets_by_rule(Rule=rule)["Targets"]]
    events.remove_targets(Rule=rule, Ids=targets)
    events.delete_rule(Name=rule)
    assert operate("uninstall", "--yes") == 0
    assert world.deployments == []
