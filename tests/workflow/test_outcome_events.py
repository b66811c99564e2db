"""One event for each outcome, on the account's own bus, as docs/events.md says."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from lambdas.domain.outcome_event import SOURCE
from local.people import Loop
from tests.conftest import ROOT

pytestmark = pytest.mark.xdist_group("world")

PAGE = (ROOT / "docs/events.md").read_text()


def events(loop: Loop) -> list[tuple[str, dict[str, Any]]]:
    """The endpoint's events, by type, in order."""
    found: list[tuple[str, dict[str, Any]]] = []
    for entry in loop.world.bus.entries:
        detail = json.loads(entry["Detail"])
        if detail["endpointName"] == loop.name:
            assert entry["Source"] == SOURCE
            assert entry["Resources"] == [arn for arn in [detail.get("endpointArn")] if arn]
            assert f"`{entry['DetailType']}`" in PAGE
            found.append((entry["DetailType"], detail))
    return found


def _closing(loop: Loop) -> str:
    """The function that closes remediations."""
    [function] = {one.name for one in loop.world.runner.functions if "close_remediation" in one.handler}
    return function


def test_a_way_there_and_back_is_reported_step_by_step_and_starts_nothing(loop: Loop) -> None:
    execution = loop.encrypt()
    [(detail_type, closed)] = events(loop)
    assert (detail_type, closed["outcome"]) == ("Sealpoint Remediation Closed", "ENCRYPTED")
    assert closed["eventId"] == f"{execution.name}/closed"
    sample = json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0])["detail"]
    assert closed.keys() - {"decidedByName"} == sample.keys()
    assert closed["trigger"].keys() == sample["trigger"].keys()
    assert loop.approval_id() not in json.dumps(closed)

    loop.click("backout")
    backout = loop.backout()
    loop.world.run(backout)
    loop.world.clock.advance(14 * 86_400)
    loop.world.drive(lambda: len(events(loop)) > 2)
    _, (detail_type, ended), (last_type, kept) = events(loop)
    assert (detail_type, ended["outcome"]) == ("Sealpoint Backout Closed", "BACKED_OUT")
    assert (ended["eventId"], ended["backsOut"]) == (f"{backout.name}/closed", execution.name)
    assert ended["restoredConfigName"] == loop.config
    assert last_type == "Sealpoint Old Config Kept"
    assert kept["sourceKept"]
    assert len(loop.world.executions_of(loop.name)) == 1, "none of our rules matches our events"


def test_the_old_configs_deletion_is_reported(loop: Loop) -> None:
    execution = loop.encrypt()
    loop.world.clock.advance(14 * 86_400)
    loop.world.drive(lambda: len(events(loop)) > 1)
    detail_type, retired = events(loop)[-1]
    assert (detail_type, retired["sourceConfigName"]) == ("Sealpoint Old Config Retired", loop.config)
    assert retired["eventId"] == f"{execution.name}/old-config"


def test_a_stopped_execution_is_reported_by_whatever_closes_it(loop: Loop) -> None:
    execution = loop.make_endpoint()
    loop.world.client("stepfunctions").stop_execution(executionArn=execution.exec_arn)
    loop.world.settle()
    [(detail_type, closed)] = events(loop)
    assert (detail_type, closed["outcome"]) == ("Sealpoint Remediation Closed", "FAILED")
    assert closed["reason"] == "The execution ended as ABORTED."


def test_a_step_that_is_killed_puts_the_same_event_again(loop: Loop) -> None:
    execution = loop.make_endpoint()
    loop.world.runner.inject(_closing(loop), "EventBridge.PutEvents", "killed after")
    loop.deny()
    assert loop.outcome(execution) == "DENIED"
    loop.world.runner.stop_injecting()
    loop.world.runner.faults_met.clear()
    [(_, first), (_, again)] = events(loop)
    assert first == again


@pytest.mark.parametrize("kind", ["access denied", "failing for good"])
def test_an_event_that_is_refused_holds_up_nothing_and_is_counted(loop: Loop, kind: str) -> None:
    execution = loop.make_endpoint()
    logged = len(loop.world.runner.logs())
    loop.world.runner.inject(_closing(loop), "EventBridge.PutEvents", kind)
    loop.deny()
    assert loop.outcome(execution) == "DENIED"
    loop.world.runner.stop_injecting()
    loop.world.runner.faults_met.clear()
    assert events(loop) == []
    claims = [one for one in loop.world.items("endpoint") if one["sk"] == "claim"]
    assert loop.name not in [claim["endpointId"].split("/")[-1] for claim in claims]
    assert "OutcomeEventLost" in loop.world.runner.logs()[logged:]
