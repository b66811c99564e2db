"""The command line against the local world, as an operator runs it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from lambdas.domain.errors import ServiceUnavailable, Throttled
from local.people import Loop
from local.world import OUTSIDER
from ops import cli, clock, follow
from tests.unit import samples

pytestmark = pytest.mark.xdist_group("world")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(loop: Loop, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command; its exit code, what it printed, and what it complained of."""
    for name, value in {
        "AWS_ENDPOINT_URL": loop.world.cloud.url,
        "AWS_ENDPOINT_URL_SAGEMAKER": loop.world.sagemaker_url,
        "AWS_REGION": loop.world.region,
        "AWS_DEFAULT_REGION": loop.world.region,
        "AWS_ACCESS_KEY_ID": "AKIAADA",
        "AWS_SECRET_ACCESS_KEY": "ada-secret",
        "COLUMNS": "200",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(follow, "POLL_EVERY_SECONDS", 0.02)
    monkeypatch.setattr(clock, "now", lambda: datetime.fromtimestamp(loop.world.clock.now(), UTC))

    def run(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = cli.main(arguments)
        printed = capfd.readouterr()
        return code, printed.out, printed.err

    return run


def test_history_in_every_format(loop: Loop, run: Run) -> None:
    loop.encrypt()
    code, table, _ = run("history", loop.name)
    assert code == 0
    assert loop.name in table
    assert "ENCRYPTED" in table
    _, text, _ = run("history", loop.name, "--format", "json")
    [remediation] = json.loads(text)["remediations"]
    assert remediation["evidence"]["config"]["EndpointConfigName"] == loop.config
    assert remediation["record"]["timeline"]
    _, text, _ = run("history", loop.name, "--format", "csv")
    assert text.count(loop.name) >= 1
    _, page, _ = run("history", "--format", "report")
    assert loop.name in page


def test_backout_from_the_command_line(loop: Loop, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    loop.encrypt()

    def live_on(_: float) -> None:
        loop.world.run(loop.backout())

    monkeypatch.setattr(follow, "time", SimpleNamespace(sleep=live_on))
    code, said, _ = run("backout", loop.name, "--yes", "--reason", "too slow")
    assert code == 0
    assert "UpdateEndpoint from" in said
    assert "BACKED_OUT" in said
    assert loop.status() == ("InService", loop.config)
    approval = loop.world.approval(loop.approval_id())
    assert approval["backout"]["by"].startswith("arn:")
    assert approval["backout"]["reason"] == "too slow"
    assert "Returned to" in json.dumps(loop.card().blocks)


def test_remediate_is_followed_to_its_end(loop: Loop, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    execution = loop.make_endpoint()
    loop.deny()
    assert loop.outcome(execution) == "DENIED"
    deeds = [
        loop.world.settle,
        lambda: loop.click("approve", card=loop.cards()[-1]),
        *[loop.world.clock.advance_to_next_timer] * 30,
    ]

    def live_on(_: float) -> None:
        """While it waits to poll again: someone approves, and time passes."""
        deeds.pop(0)()
        loop.world.settle()

    monkeypatch.setattr(follow, "time", SimpleNamespace(sleep=live_on))
    code, said, _ = run("remediate", loop.name)
    started = loop.execution()
    assert loop.outcome(started) == "ENCRYPTED"
    assert code == 0
    assert f"Remediation {started.name} has started" in said
    assert f"sealpoint approve {started.name}" in said
    assert f"/archives/{loop.world.channel_id}/" in said
    assert "Approved" in said
    assert "✓ ENCRYPTED" in said
    assert loop.record(started)["trigger"]["principalArn"].startswith("arn:")
    assert "*Requested by*" in json.dumps(loop.cards()[-1].blocks)


@pytest.fixture
def run_as_ada(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command as someone who may decide."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAADA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ada-secret")
    return run


def test_what_is_open_is_listed_and_decided_and_said_back(loop: Loop, run_as_ada: Run) -> None:
    run = run_as_ada
    execution = loop.make_endpoint(tags={"team": "of-this-test"})
    loop.click("approve", user=OUTSIDER.id)
    _, listed, _ = run("open")
    assert re.search(
        rf"^{execution.name} +{loop.name} .*/archives/{loop.world.channel_id}/", listed, re.MULTILINE
    )
    code, said, _ = run("deny", "--tag", "team=of-this-test", "--yes", "--reason", "retired `soon`")
    assert (code, said) == (0, f"{loop.name}: denied. It stays as it is. Sealpoint asks again in 30 days.\n")
    assert loop.outcome(execution) == "DENIED"
    code, said, _ = run("deny", execution.name, "--reason", "again")
    assert (code, said) == (0, f"{loop.name}: Your decision is recorded.\n")
    code, _, complaint = run("approve", execution.name)
    assert code == 2
    assert (
        "This was already denied by arn:aws:sts::123456789012:assumed-role/Oncall/ada@example.com"
        in complaint
    )
    assert "`" not in complaint
    code, table, _ = run("history", loop.name)
    assert "“retired `soon`”" in table
    assert "ada@example.com" in table
    assert execution.name not in run("open")[1]
    [read] = json.loads(run("history", loop.name, "--format", "json")[1])["remediations"]
    assert OUTSIDER.id in [attempt["by"] for attempt in read["approval"]["attempts"]]
    assert "taskToken" not in json.dumps(read)


def test_remediate_says_what_else_became_of_it(loop: Loop, run: Run) -> None:
    code, _, complaint = run("remediate", "no-such-endpoint")
    assert code == 2
    assert f"There is no endpoint no-such-endpoint in {loop.world.region}" in complaint
    first = loop.make_endpoint()
    code, said, _ = run("remediate", loop.name)
    assert code == 1
    assert f"SUPERSEDED Remediation {first.name} already covers this change." in said
    loop.click("approve")
    assert loop.outcome(first) == "ENCRYPTED"
    code, said, _ = run("remediate", loop.name)
    assert code == 0
    assert "ALREADY_ENCRYPTED" in said


def test_remediate_may_be_only_started(loop: Loop, run: Run) -> None:
    loop.encrypt()
    code, said, _ = run("remediate", loop.name, "--no-follow")
    assert code == 0
    assert "ALREADY" not in said
    assert loop.outcome(loop.execution()) == "ALREADY_ENCRYPTED"


def test_following_goes_on_where_a_read_is_throttled() -> None:
    record = samples.remediation(outcome="ENCRYPTED", timeline=[{"at": "2026-11-23T09:00:00Z", "what": "x"}])
    answers: list[Any] = [Throttled("slow down"), None, ServiceUnavailable("away"), record]

    def read() -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    pauses: list[float] = []
    followed = follow.until_ended(read, Console(), sleep=pauses.append)
    assert followed is record
    assert len(pauses) == 3


def test_a_backout_of_nothing_says_why(loop: Loop, run: Run) -> None:
    code, _, complaint = run("backout", "no-such-endpoint", "--yes")
    assert code == 2
    assert "No remediation that encrypted the endpoint no-such-endpoint" in complaint
    loop.encrypt()
    loop.click("backout")
    loop.world.run(loop.backout())
    code, _, complaint = run("backout", loop.name, "--yes")
    assert code == 2
    assert "already returned" in complaint


def test_a_region_without_a_deployment_is_named(run: Run) -> None:
    code, _, complaint = run("history", "--region", "eu-west-1")
    assert code == 2
    assert "Sealpoint-eu-west-1" in complaint


def test_the_guardrail_lets_the_restorer_through_and_says_how_to_test_it(loop: Loop, run: Run) -> None:
    jobs = "arn:aws:iam::*:role/Jobs"
    code, printed, how = run("guardrail", "scp", "--region", loop.world.region, "--except", jobs)
    assert code == 0
    (statement,) = json.loads(printed)["Statement"]  # fit for `> policy.json`
    restorer = loop.world.home.output("RestoreConfigRoleArn")
    excepted = statement["Condition"]["ArnNotLike"]["aws:PrincipalArn"]
    assert excepted == sorted([restorer, jobs])
    assert "Whom would it have stopped?" in how


def test_the_guardrail_tells_of_a_region_whose_restorer_it_cannot_name(run: Run) -> None:
    code, printed, how = run("guardrail", "iam", "--region", "eu-west-1")
    assert code == 1
    assert json.loads(printed)["Statement"]
    assert "Print the policy again once Sealpoint is deployed" in how
