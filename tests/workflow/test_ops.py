"""The command line against the local world, as an operator runs it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import pytest

from ops import __main__ as ops
from ops import backout
from tests.workflow.loop import Loop

pytestmark = pytest.mark.xdist_group("world")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(loop: Loop, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command; its exit code, what it printed, and what it complained of."""
    for name, value in {
        "AWS_ENDPOINT_URL": loop.world.cloud.url,
        "AWS_REGION": loop.world.region,
        "AWS_DEFAULT_REGION": loop.world.region,
        "AWS_ACCESS_KEY_ID": "AKIAOPERATOR",
        "AWS_SECRET_ACCESS_KEY": "local",
        "COLUMNS": "200",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(backout, "_LOOK_EVERY_SECONDS", 0.02)

    def run(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = ops.main(arguments)
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
    assert remediation["snapshot"]["config"]["EndpointConfigName"] == loop.config
    assert remediation["record"]["timeline"]
    _, text, _ = run("history", loop.name, "--format", "csv")
    assert text.count(loop.name) >= 1
    _, page, _ = run("history", "--format", "report")
    assert loop.name in page


def test_backout_from_the_command_line(loop: Loop, run: Run) -> None:
    loop.encrypt()
    result: list[tuple[int, str, str]] = []
    thread = threading.Thread(target=lambda: result.append(run("backout", loop.name, "--yes")))
    thread.start()
    loop.world.drive(lambda: loop.backouts() == 1)
    loop.world.run(loop.backout())
    thread.join(timeout=60)
    [(code, said, _)] = result
    assert code == 0
    assert "UpdateEndpoint from" in said
    assert "BACKED_OUT" in said
    assert loop.status() == ("InService", loop.config)
    assert loop.record()["backoutRequestedBy"].startswith("arn:")
    assert "Returned to" in json.dumps(loop.card().blocks)


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
    assert "Print the policy anew once it is deployed" in how
