"""`sealpoint doctor` and `sealpoint manifest`, against the local world."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from local.people import Loop
from local.world import TRAIL
from ops import cli, clock, slack_app
from ops.deployment import Deployment
from ops.doctor.run import PERMISSIONS
from tests.conftest import ROOT

# a world of its own: the age of its schedule and of its sweeps is examined
pytestmark = [pytest.mark.xdist_group("approvals"), pytest.mark.usefixtures("alone")]

Run = Callable[..., tuple[int, str]]
CHECKS = 27
REGION = "us-east-1"
# What a service calls a refusal, where it isn't AccessDeniedException
IAM_NAMES = {"monitoring": "cloudwatch"}  # where IAM's is not the name that signatures have
REFUSALS = {"cloudformation": "AccessDenied", "sns": "AuthorizationError", "sqs": "AccessDenied"}


@pytest.fixture
def run(loop: Loop, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command; its exit code, and all that it printed."""
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

    monkeypatch.setattr(clock, "now", lambda: datetime.fromtimestamp(loop.world.clock.now(), UTC))

    def run(*arguments: str) -> tuple[int, str]:
        capfd.readouterr()
        code = cli.main(arguments)
        printed = capfd.readouterr()
        return code, printed.out + printed.err

    return run


class Calls:
    """The calls to AWS, as IAM names them; those in `refused` get an error with that code."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.refused: dict[str, str] = {}

    def before(self, model: Any, **_: Any) -> tuple[AWSResponse, dict[str, Any]] | None:
        service = model.service_model.signing_name
        name = f"{IAM_NAMES.get(service, service)}:{model.name}"
        self.made.append(name)
        if code := self.refused.get(name):
            answer = {"Error": {"Code": code, "Message": f"no {name}"}, "ResponseMetadata": {}}
            return AWSResponse("", 403, HTTPHeaders(), None), answer
        return None


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    calls, make = Calls(), Deployment.client

    def client(self: Deployment, service: str, region: str | None = None) -> Any:
        made = make(self, service, region)
        made.meta.events.register("before-call", calls.before)
        return made

    monkeypatch.setattr(Deployment, "client", client)
    return calls


@pytest.fixture
def point(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Let an output of the stack say something else."""

    def point(name: str, value: str) -> None:
        output = Deployment.output

        def pointed(self: Deployment, asked: str) -> str:
            return value if asked == name else output(self, asked)

        monkeypatch.setattr(Deployment, "output", pointed)

    return point


def problems(said: str) -> list[str]:
    """The lines at the end about what is wrong, each with the one that says how to fix it."""
    lines = said.partition("\n\n")[2].splitlines()
    found = [f"{line} {lines[at + 1].strip()}" for at, line in enumerate(lines) if line.startswith("✗")]
    assert said.count("✗") == 2 * len(found), "each also where it was found"
    return found


def test_all_is_well(loop: Loop, run: Run, calls: Calls) -> None:
    loop.make_endpoint()  # whose question is open
    code, said = run("doctor")
    assert code == 0, said
    assert said.count("✓") == CHECKS
    assert "Everything works." in said
    assert "xoxb" not in said
    # as `--help` and docs/operating.md have them; only a digest's question is read with GetItem
    assert {*calls.made, "dynamodb:GetItem"} == set(PERMISSIONS)


@pytest.mark.parametrize("permission", sorted({*PERMISSIONS} - {"dynamodb:GetItem"}))
def test_a_permission_that_is_missing_is_named_and_stops_nothing_else(
    loop: Loop, run: Run, calls: Calls, permission: str
) -> None:
    loop.make_endpoint()
    calls.refused[permission] = REFUSALS.get(permission.partition(":")[0], "AccessDeniedException")
    code, said = run("doctor")
    found = problems(said)
    assert found
    assert all(f"without the permission {permission} Add {permission} to your IAM policy" in p for p in found)
    blind = permission == "cloudformation:DescribeStacks"  # without the stack nobody knows what to check
    assert code == (2 if blind else 1)
    assert blind or said.count("✓") + len(found) >= 13
    assert "Management events" in said


def test_a_session_that_has_ended_is_reported_and_counts_as_not_run(run: Run, calls: Calls) -> None:
    calls.refused = dict.fromkeys(PERMISSIONS, "ExpiredToken")
    code, said = run("doctor")
    assert code == 2
    assert "can't be checked" in said
    assert "The AWS session has expired. Sign in" in said


def test_without_credentials_nothing_is_run(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    code, said = run("doctor")
    assert code == 2
    assert said.startswith("No AWS credentials were found")


# -- regions


def test_a_region_without_a_stack_is_found_and_the_others_go_on(run: Run) -> None:
    code, said = run("doctor", "--region", "eu-west-1", "--region", REGION)
    assert code == 1
    (problem,) = problems(said)
    assert "there is no Sealpoint-eu-west-1 in eu-west-1" in problem
    assert "`make deploy`" in problem
    assert "Sealpoint-us-east-1 in us-east-1" in said
    assert said.count("✓") == CHECKS + 1  # the trail is one of all regions
    assert said.count("the trail management-events logs them") == 2
    assert "\n1 problem in eu-west-1\n" in said


def write_settings(folder: Path, **settings: Any) -> None:
    given = {"regions": [REGION], "slackChannel": "C0123456789", "approvers": ["U0123456789"], **settings}
    (folder / "sealpoint.yaml").write_text(json.dumps(given))


def test_the_regions_are_those_of_the_settings(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_settings(tmp_path, regions=[REGION, "eu-west-1", "ap-south-1"])
    code, said = run("doctor")
    assert code == 1
    assert "\n1 problem in eu-west-1, 1 problem in ap-south-1\n" in said
    assert [problem.partition(",")[0] for problem in problems(said)] == ["✗ eu-west-1", "✗ ap-south-1"]
    code, said = run("doctor", "--region", REGION)
    assert code == 0, said


def test_without_settings_the_region_is_the_environments(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = run("doctor")
    assert code == 0, said
    assert "Sealpoint-us-east-1 in us-east-1" in said


def test_deployed_nowhere_is_not_run(run: Run) -> None:
    code, said = run("doctor", "--region", "eu-west-1")
    assert code == 2
    assert len(problems(said)) == 1


def test_the_stacks_name_has_the_prefix_of_the_settings_unless_it_is_given(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_settings(tmp_path, namePrefix="Trial")
    code, said = run("doctor")
    assert code == 2
    assert "there is no Trial-us-east-1 in us-east-1" in said
    code, said = run("history")
    assert code == 2
    assert "The stack Trial-us-east-1 in us-east-1 can't be read" in said
    assert run("doctor", "--stack", "Sealpoint-us-east-1")[0] == 0


def test_settings_that_can_not_be_read_are_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sealpoint.yaml").write_text("{")
    code, said = run("doctor")
    assert code == 2
    assert "sealpoint.yaml can't be read" in said.replace("\n", "")


# -- each thing broken in turn


def the_only_problem(run: Run) -> str:
    code, said = run("doctor")
    assert code == 1
    assert said.count("✓") == CHECKS - 1
    assert "\n1 problem in us-east-1\n" in said
    (problem,) = problems(said)
    return problem


def test_a_trail_that_is_not_logging(loop: Loop, run: Run) -> None:
    loop.world.trail_is_logging = False
    arn = f"arn:aws:cloudtrail:{REGION}:123456789012:trail/{TRAIL}"
    assert the_only_problem(run) == (
        "✗ Management events: no trail is known to log them here: management-events is not logging "
        f"aws cloudtrail start-logging --region {REGION} --name {arn}"
    )


def test_a_trail_that_leaves_out_what_writes(loop: Loop, run: Run) -> None:
    trail = loop.world.client("cloudtrail")
    selectors = trail.get_event_selectors(TrailName=TRAIL)["EventSelectors"]
    trail.put_event_selectors(TrailName=TRAIL, EventSelectors=[{"ReadWriteType": "ReadOnly"}])
    try:
        problem = the_only_problem(run)
    finally:
        trail.put_event_selectors(TrailName=TRAIL, EventSelectors=selectors)
    assert "management-events leaves out SageMaker's management events, or write events" in problem
    assert "CloudTrail's console in us-east-1, management-events, Management events: include Write" in problem


@pytest.fixture
def rule(loop: Loop) -> str:
    return loop.world.home.output("EventRuleNames").split(",")[0].removeprefix("EndpointChanged=")


@contextmanager
def without_target(events: Any, rule: str) -> Generator[None]:
    targets = events.list_targets_by_rule(Rule=rule)["Targets"]
    events.remove_targets(Rule=rule, Ids=[target["Id"] for target in targets])
    try:
        yield
    finally:
        events.put_targets(Rule=rule, Targets=targets)


def test_a_rule_that_is_off(loop: Loop, run: Run, rule: str) -> None:
    events = loop.world.client("events")
    events.disable_rule(Name=rule)
    try:
        problem = the_only_problem(run)
    finally:
        events.enable_rule(Name=rule)
    fix = f"aws events enable-rule --region {REGION} --name {rule}"
    assert problem == (
        "✗ Rule for changes of endpoints: DISABLED, so a new or changed endpoint is found by the next sweep "
        f"at the earliest {fix}"
    )


def test_a_rule_without_a_target(loop: Loop, run: Run, rule: str) -> None:
    with without_target(loop.world.client("events"), rule):
        problem = the_only_problem(run)
    assert f"✗ Rule for changes of endpoints: the rule {rule} has no target" in problem
    assert "CDK_REVERT_DRIFT=true make deploy" in problem


def test_a_rule_that_was_deleted(loop: Loop, run: Run, rule: str) -> None:
    events = loop.world.client("events")
    pattern = events.describe_rule(Name=rule)["EventPattern"]
    with without_target(events, rule):
        events.delete_rule(Name=rule)
        problem = the_only_problem(run)
        events.put_rule(Name=rule, EventPattern=pattern)
    assert "✗ Rule for changes of endpoints: no longer exists" in problem
    assert "CDK_REVERT_DRIFT=true make deploy" in problem


@pytest.mark.parametrize(
    ("output", "what", "elsewhere"),
    [
        (
            "RetirementStateMachineArn",
            "Retirement workflow",
            f"arn:aws:states:{REGION}:123456789012:stateMachine:gone",
        ),
        ("AlarmTopicArn", "Alarm subscribers", f"arn:aws:sns:{REGION}:123456789012:gone"),
        ("SlackTokenSecretArn", "Bot token", f"arn:aws:secretsmanager:{REGION}:123456789012:secret:gone"),
    ],
)
def test_what_was_deleted_is_said_to_be_gone(
    run: Run, point: Callable[[str, str], None], output: str, what: str, elsewhere: str
) -> None:
    point(output, elsewhere)
    code, said = run("doctor")
    assert code == 1
    (problem,) = problems(said)
    assert f"✗ {what}: no longer exists" in problem
    assert "CDK_REVERT_DRIFT=true make deploy" in problem


def test_a_queue_that_was_deleted(loop: Loop, run: Run, point: Callable[[str, str], None]) -> None:
    point("UndeliveredQueueUrl", f"{loop.world.cloud.url}/123456789012/gone")
    assert "✗ Undelivered events: no longer exists" in the_only_problem(run)


def test_a_stack_of_an_older_version(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = Deployment("us-east-1").outputs
    monkeypatch.setattr(
        Deployment, "outputs", {n: v for n, v in outputs.items() if n != "UndeliveredQueueUrl"}
    )
    problem = the_only_problem(run)
    assert "has no output UndeliveredQueueUrl. Deploy it again" in problem


def test_a_key_that_is_disabled_or_about_to_be_deleted(loop: Loop, run: Run) -> None:
    kms, key = loop.world.client("kms"), loop.world.home.output("KmsKeyArn")
    enable = f"aws kms enable-key --region {REGION} --key-id {key}"
    key_id = key.rpartition("/")[2]  # moto takes no ARN here
    kms.disable_key(KeyId=key_id)
    try:
        assert the_only_problem(run) == f"✗ KMS key: {key} is disabled {enable}"
        kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
        cancel = f"aws kms cancel-key-deletion --region {REGION} --key-id {key}"
        assert the_only_problem(run) == f"✗ KMS key: {key} is pending deletion {cancel} && {enable}"
    finally:
        kms.cancel_key_deletion(KeyId=key_id)
        kms.enable_key(KeyId=key_id)


def test_a_key_that_sagemaker_can_not_use(loop: Loop, run: Run, point: Callable[[str, str], None]) -> None:
    pair = loop.world.client("kms").create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    point("KmsKeyArn", pair["Arn"])
    problem = the_only_problem(run)
    assert "is not a symmetric key and is not for encryption and decryption" in problem
    assert "`kmsKeyArns`" in problem
    point("KmsKeyArn", f"arn:aws:kms:{REGION}:123456789012:key/00000000-0000-0000-0000-000000000000")
    assert "does not exist" in the_only_problem(run)


def test_alarms_that_nobody_hears(loop: Loop, run: Run) -> None:
    sns, topic = loop.world.client("sns"), loop.world.home.output("AlarmTopicArn")
    (subscription,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    try:
        problem = the_only_problem(run)
    finally:
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="oncall@example.com")
    assert (
        "✗ Alarm subscribers: nobody receives alarms: their topic in us-east-1 has no subscription" in problem
    )
    assert f"aws sns subscribe --region {REGION} --topic-arn {topic} --protocol email" in problem


def test_events_that_could_not_be_delivered(loop: Loop, run: Run) -> None:
    sqs, queue = loop.world.client("sqs"), loop.world.home.output("UndeliveredQueueUrl")
    sqs.send_message(QueueUrl=queue, MessageBody="{}")
    sqs.send_message(QueueUrl=queue, MessageBody="{}")
    sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=1)  # someone reads it just now
    try:
        problem = the_only_problem(run)
    finally:
        sqs.purge_queue(QueueUrl=queue)
    assert "✗ Undelivered events: 2 in the queue" in problem
    assert f"aws sqs receive-message --region {REGION} --queue-url {queue}" in problem


def test_an_interactivity_address_that_nobody_answers_at(run: Run, point: Callable[[str, str], None]) -> None:
    point("SlackInteractionsUrl", "http://127.0.0.1:9/slack/interactions")
    code, said = run("doctor")
    assert code == 1
    (problem,) = problems(said)
    assert "✗ Interactivity address: http://127.0.0.1:9/slack/interactions can't be reached" in problem


def test_a_token_that_is_no_header_is_reported_without_it(loop: Loop, run: Run) -> None:
    world = loop.world
    world.store_secret(world.home, "SlackTokenSecretArn", {"bot_token": "xoxb-a\nxoxb-b"})
    try:
        code, said = run("doctor")
    finally:
        world.fill_secrets(world.home)
    assert code == 1
    assert "✗ Slack" in said
    assert "xoxb-a" not in said


@pytest.mark.parametrize(
    ("output", "member", "subject"),
    [
        ("SlackTokenSecretArn", "bot_token", "Bot token: Slack's bot token is not stored yet"),
        ("SlackSigningSecretArn", "signing_secret", "Signing secret: the function has none"),
    ],
)
def test_an_empty_secret_is_found_with_its_cure(
    loop: Loop, run: Run, output: str, member: str, subject: str
) -> None:
    world = loop.world
    world.store_secret(world.home, output, {member: ""})
    world.clock.advance(600)  # longer than a function keeps what it read
    try:
        code, said = run("doctor")
    finally:
        world.fill_secrets(world.home)
        world.clock.advance(600)
    assert code == 1
    [problem] = problems(said)
    assert f"✗ {subject}" in problem
    assert "aws secretsmanager put-secret-value" in problem
    assert f"--secret-id {world.home.output(output)} " in problem
    assert f'then paste {{"{member}": ' in problem
    quiet = "✓ Rules and schedule: quiet until then" in said
    assert quiet == (member == "bot_token")  # without a signing secret, people are asked all the same


@pytest.mark.parametrize(
    ("method", "error", "said"),
    [
        ("auth.test", "invalid_auth", ("Slack refuses it: invalid_auth", "Install the app again")),
        ("conversations.info", "channel_not_found", ("says channel_not_found", "/invite @sealpoint there")),
        (
            "usergroups.users.list",
            "no_such_subteam",
            ("User group S0MLPLATFORM: Slack says no_such_subteam", "`approvers`"),
        ),
    ],
)
def test_what_slack_refuses_is_reported_in_its_words(
    loop: Loop, run: Run, method: str, error: str, said: tuple[str, str]
) -> None:
    loop.world.slack.faults.fail(method, error)
    code, printed = run("doctor")
    assert code == 1
    assert all(part in printed for part in said)


def test_doctor_never_reads_the_signing_secret_with_which_clicks_are_forged(
    run: Run, calls: Calls, point: Callable[[str, str], None]
) -> None:
    point("SlackSigningSecretArn", f"arn:aws:secretsmanager:{REGION}:123456789012:secret:gone")
    code, said = run("doctor")
    assert code == 0, said
    assert "✓ Signing secret: the function has one" in said
    assert calls.made.count("secretsmanager:GetSecretValue") == 1, "the bot token's"


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


def test_a_sweep_that_is_paused_and_alarms_that_are_on(loop: Loop, run: Run) -> None:
    scheduler, name = loop.world.client("scheduler"), loop.world.home.output("SweepScheduleName")
    found = scheduler.get_schedule(Name=name)
    kept = {part: found[part] for part in ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")}
    scheduler.update_schedule(**kept, State="DISABLED")
    try:
        problem = the_only_problem(run)
    finally:
        scheduler.update_schedule(**kept, State="ENABLED")
    assert "✗ Sweep's schedule: paused (DISABLED): endpoints that no event announced are not found" in problem
    assert f"console in {REGION}, {name}, Enable" in problem


def test_a_clock_that_is_off_is_named_where_a_signed_request_is_refused(
    loop: Loop, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = datetime.fromtimestamp(loop.world.clock.now(), UTC) - timedelta(minutes=20)
    monkeypatch.setattr(clock, "now", lambda: slow)
    code, said = run("doctor")
    assert code == 1
    [problem] = [one for one in problems(said) if "Signing secret" in one]
    assert re.search(r"this machine's clock is (19|20) min behind AWS's. Set it, then try again", problem)
    assert loop.world.slack.signing_secret not in said


def test_the_manifest_names_the_deployed_address_and_the_region_if_there_are_several(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_settings(tmp_path, regions=[REGION, "eu-west-1"])
    _, printed = run("manifest", "--region", REGION)
    named = json.loads(printed)
    assert named["display_information"]["name"] == "Sealpoint us-east-1"
    assert named["features"]["bot_user"]["display_name"] == "Sealpoint-us-east-1"
    assert run("manifest", "--region", "eu-west-1")[0] == 2
    (tmp_path / "sealpoint.yaml").unlink()
    code, printed = run("manifest")
    manifest = json.loads(printed)
    assert code == 0
    assert manifest["display_information"]["name"] == "Sealpoint"
    assert manifest["settings"]["interactivity"]["request_url"].endswith("/slack/interactions")


def test_the_manifest_asks_for_the_scopes_of_the_methods_in_use_and_no_other() -> None:
    sources = [(ROOT / path).read_text() for path in ("lambdas/gateways/slack.py", "ops/doctor/slack.py")]
    called = {name for source in sources for name in re.findall(r"client\.([a-z]+_\w+)\(", source)}
    assert {name.replace("_", ".") for name in called} == set(slack_app.SCOPES_OF_METHODS)
    assert slack_app.scopes() == frozenset().union(*slack_app.SCOPES_OF_METHODS.values())
