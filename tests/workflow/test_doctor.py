"""`ops doctor` and `ops manifest`, against the local world."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace

import boto3
import pytest

from gateways.secrets import SlackCredentials
from ops import __main__ as ops
from ops import doctor, slack_app
from tests.conftest import ROOT
from tests.workflow.loop import Loop

pytestmark = pytest.mark.xdist_group("approvals")

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(loop: Loop, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    for name, value in {
        "AWS_ENDPOINT_URL": loop.world.cloud.url,
        "AWS_REGION": loop.world.region,
        "AWS_DEFAULT_REGION": loop.world.region,
        "AWS_ACCESS_KEY_ID": "AKIAOPERATOR",
        "AWS_SECRET_ACCESS_KEY": "local",
        "SLACK_API_URL": loop.world.slack_api_url,
        "COLUMNS": "250",
    }.items():
        monkeypatch.setenv(name, value)

    monkeypatch.setattr(doctor, "now", loop.world.clock.now)

    def run(*arguments: str) -> tuple[int, str]:
        capfd.readouterr()
        code = ops.main(arguments)
        return code, capfd.readouterr().out

    return run


def test_all_is_well(run: Run) -> None:
    code, said = run("doctor")
    assert code == 0, said
    assert said.count("✓") == 6
    assert "All is well." in said
    assert "xoxb" not in said


def test_an_empty_secret_is_found_with_its_cure(loop: Loop, run: Run) -> None:
    secrets = boto3.client("secretsmanager")
    arn = loop.world.home.output("SlackSecretArn")
    filled = secrets.get_secret_value(SecretId=arn)["SecretString"]
    secrets.put_secret_value(SecretId=arn, SecretString=json.dumps({"bot_token": "", "signing_secret": ""}))
    try:
        code, said = run("doctor")
    finally:
        secrets.put_secret_value(SecretId=arn, SecretString=filled)
    assert code == 1
    assert "✗ Slack's secret" in said
    assert "aws secretsmanager put-secret-value" in said
    assert loop.world.home.output("SlackSecretArn") in said


@pytest.mark.parametrize(
    ("method", "error", "said"),
    [
        ("auth.test", "invalid_auth", ("Slack refuses it: invalid_auth", "Install the app anew")),
        ("conversations.info", "channel_not_found", ("says channel_not_found", "/invite @Sealpoint")),
    ],
)
def test_what_slack_refuses_is_told_in_its_words(
    loop: Loop, run: Run, method: str, error: str, said: tuple[str, str]
) -> None:
    loop.world.slack.faults.fail(method, error)
    code, printed = run("doctor")
    assert code == 1
    assert all(part in printed for part in said)


def test_a_signing_secret_that_the_function_does_not_have_is_found(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    signature = doctor.signature

    def other(credentials: SlackCredentials, body: str) -> dict[str, str]:
        return signature(replace(credentials, signing_secret="another"), body)

    monkeypatch.setattr(doctor, "signature", other)
    code, said = run("doctor")
    assert code == 1
    assert "✗ Signing secret: the function answered 401" in said


def test_a_bot_that_is_not_in_the_channel_or_lacks_a_scope_is_found(
    loop: Loop, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = loop.world.slack.channel(loop.world.channel_id)
    loop.world.slack.set_channel(replace(channel, app_is_member=False))
    monkeypatch.setattr(slack_app, "scopes", lambda: frozenset({"chat:write", "reactions:write"}))
    try:
        code, said = run("doctor")
    finally:
        loop.world.slack.set_channel(channel)
    assert code == 1
    assert "the bot lacks reactions:write" in said
    assert "the bot is not in #sagemaker-encryption" in said


def test_the_manifest_names_the_deployed_address(run: Run) -> None:
    code, printed = run("manifest")
    manifest = json.loads(printed)
    assert code == 0
    assert manifest["settings"]["interactivity"]["request_url"].endswith("/slack/interactions")


def test_the_manifest_asks_for_the_scopes_of_the_methods_in_use_and_no_other() -> None:
    source = "".join((ROOT / path).read_text() for path in ("lambdas/gateways/slack.py", "ops/doctor.py"))
    called = set(re.findall(r"client\.((?:chat|views|users|usergroups|auth|conversations)_\w+)\(", source))
    methods = {
        name.replace("_", ".", 1) if name != "usergroups_users_list" else "usergroups.users.list"
        for name in called
    }
    assert methods == set(slack_app.SCOPES_OF_METHODS)
    assert slack_app.scopes() == frozenset().union(*slack_app.SCOPES_OF_METHODS.values())
