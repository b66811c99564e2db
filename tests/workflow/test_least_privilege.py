"""Each function's role allows what the function calls, and nothing else: the whole loop, counted."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from moto.stepfunctions.parser.backend.execution import Execution

from local.aws.iam.policy import Policy, covers
from local.aws.template import ACCOUNT_ID
from local.people import Loop
from local.world import World
from ops import follow
from tests.conftest import SPECIAL_SETTINGS, synthesized
from tests.unit.test_own_key_page import documented_policy
from tests.workflow import stories, sweeps
from tests.workflow.fixtures import Ops, Worlds

pytestmark = [pytest.mark.xdist_group("privileges"), pytest.mark.usefixtures("alone")]

# What a role allows and its function never calls: who does, in its name.
NOT_CALLED = {
    ("update_endpoint", "kms:CreateGrant"): "SageMaker, for the volumes of the new instances; the call names "
    "no key, and AWS doesn't document whose permission it takes",
    ("update_endpoint", "kms:DescribeKey"): "SageMaker, as above",
    ("update_endpoint", "cloudwatch:DescribeAlarms"): "SageMaker, for the alarms of a deployment policy that "
    "the endpoint keeps; the call names none",
    (
        "close_remediation",
        "sqs:SendMessage",
    ): "Lambda, with the event that an asynchronous run failed on; the local bus keeps it as undelivered",
    ("close_backout", "sqs:SendMessage"): "Lambda, as above",
    ("close_sweep", "sqs:SendMessage"): "Lambda, as above",
    ("delete_unused_twin", "sqs:SendMessage"): "Lambda, as above",
    ("show_digest", "sqs:SendMessage"): "Lambda, as above",
}
# the runtime writes logs and traces, by whatever a function does
_RUNTIMES = ("logs:", "xray:")

_KEY = f"arn:aws:kms:us-east-1:{ACCOUNT_ID}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_EXECUTION_ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/Execution"

# of a function, by its handler's name: an action, on a resource, and on a kind of the records table's items,
# which is empty for any other resource
Permissions = set[tuple[str, str, str, str]]


# -- what people live through


def returned_to_a_config_that_is_gone(loop: Loop) -> None:
    """The config asks for all that a config can ask of IAM, and its endpoint is still being created."""
    loop.make_endpoint(
        in_service=False,
        instance_type="ml.g5.xlarge",  # whose local storage is worth a note
        ExecutionRoleArn=_EXECUTION_ROLE,
        Tags=[{"Key": "team", "Value": "risk"}],
    )
    loop.click("approve")
    assert loop.outcome() == "ENCRYPTED"
    loop.people.delete_endpoint_config(EndpointConfigName=loop.config)
    loop.click("backout")
    assert loop.world.run(loop.backout())["outcome"] == "BACKED_OUT"


def not_returned_and_retired(loop: Loop) -> None:
    """The endpoint was exempt once: of its two tags, one is put back and one taken off."""
    before = {"sealpoint:exempt-until": "2020-01-01"}
    loop.make_endpoint(tags=before)
    loop.click("approve")
    assert loop.outcome() == "ENCRYPTED"
    loop.world.sagemaker.faults.roll_back_next_update("no capacity", endpoint=loop.name)
    loop.click("backout")
    assert loop.world.run(loop.backout())["outcome"] == "ROLLED_BACK"
    assert loop.tags() == before
    loop.world.clock.advance(14 * 86_400)
    loop.world.drive(lambda: "sourceRetiredAt" in loop.record())


def encrypted_by_hand(loop: Loop) -> None:
    asked = loop.make_endpoint()
    loop.update(loop.make_config(f"{loop.name}-2", KmsKeyId="alias/mine"))
    assert loop.outcome(asked) == "SUPERSEDED"


def denied_by_a_group(loop: Loop) -> None:
    loop.make_endpoint(tags={"route": "group"})
    loop.deny(user=loop.world.approvers[1].id)
    assert loop.outcome() == "DENIED"


def reported_twice(loop: Loop) -> None:
    loop.make_endpoint()
    event_id = str(uuid.uuid4())
    loop.world.start(loop.name, kind="event", event_id=event_id)
    assert loop.outcome(loop.world.start(loop.name, kind="event", event_id=event_id)) == "SUPERSEDED"


def stopped(loop: Loop) -> None:
    """A remediation, a backout, and a sweep between two cards."""
    world = loop.world
    client = world.client("stepfunctions")
    execution = loop.make_endpoint()
    client.stop_execution(executionArn=execution.exec_arn)
    world.settle()
    assert loop.record(execution)["outcome"] == "FAILED"
    returning = Loop(world)
    encrypted(returning)
    returning.click("backout")
    world.settle()
    client.stop_execution(executionArn=returning.backout().exec_arn)
    world.settle()
    assert world.backout_record(returning.backout().name)["outcome"] == "FAILED"
    world.clock.advance(3600)  # the update that was under way ends as it may
    world.trail_is_logging = False
    sweeps.make(world, f"{loop.name}-unheard")
    world.clock.advance(2500)
    sweep = sweeps.begin(world)
    world.settle()
    client.stop_execution(executionArn=sweep.exec_arn)
    world.settle()
    world.trail_is_logging = True


def encrypted(loop: Loop) -> None:
    loop.make_endpoint(tags={"route": "automatic"})
    assert loop.outcome() == "ENCRYPTED"


def retired_without_a_schedule(loop: Loop) -> None:
    """One is closed once more, after its time; another is found by a sweep."""
    world, late, other = loop.world, Loop(loop.world), Loop(loop.world)
    scheduler, group = world.client("scheduler"), world.home.output("RetirementScheduleGroupName")
    for one in (late, other):
        encrypted(one)
        scheduler.delete_schedule(GroupName=group, Name=one.execution().name)
    world.clock.advance(16 * 86_400)
    event = {"remediationId": late.execution().name, "executionArn": late.execution().exec_arn}
    world.runner.invoke(
        next(name for name, handler in _handlers(world).items() if handler == "close_remediation"), event
    )
    world.drive(lambda: "sourceRetiredAt" in late.record())
    assert sweeps.sweep(world)["complete"]
    world.drive(lambda: "sourceRetiredAt" in other.record())


def misunderstood(loop: Loop) -> None:
    """They fail before their record began, and are put on record as they are closed."""
    wrong = {"endpointName": loop.name, "remediationId": "none"}
    assert loop.outcome(loop.world.start_with(wrong)) == "FAILED"
    backout = loop.world.start_with(wrong, "BackoutStateMachineArn")
    assert loop.world.run(backout)["outcome"] == "FAILED"


def run_twice(loop: Loop) -> None:
    """Lambda runs a step again whose answer was lost: what it put, it finds."""
    execution = loop.make_endpoint()
    _again(loop, "check_encryption", execution, "remediationId", trigger=execution.input_data["trigger"])
    loop.click("approve")
    assert loop.outcome() == "ENCRYPTED"
    loop.click("backout")
    _again(loop, "begin_backout", loop.backout(), "backoutId", backsOut=execution.name)
    assert loop.world.run(loop.backout())["outcome"] == "BACKED_OUT"


def _again(loop: Loop, handler: str, execution: Execution, called: str, **event: Any) -> None:
    [name] = [name for name, one in _handlers(loop.world).items() if one == handler]
    event |= {called: execution.name, "executionArn": execution.exec_arn, "endpointName": loop.name}
    loop.world.runner.invoke(name, event)


def swept(loop: Loop) -> None:
    """Twice at once, of which one finds what a digest asks about; while that is open, and with an event about
    one of them; with a card of its own; then in a region that does not answer."""
    world = loop.world
    world.trail_is_logging = False
    found = [sweeps.make(world, f"{loop.name}-{number}") for number in range(11)]
    world.clock.advance(2500)
    first, second = sweeps.begin(world), sweeps.begin(world)
    world.run(first)
    world.run(second)
    world.drive(lambda: sweeps.is_asked(world))
    assert sweeps.sweep(world)["covered"] >= len(found)
    asked = [one.execution() for one in found]
    assert found[1].outcome(world.start(found[1].name, kind="event")) == "SUPERSEDED"
    sweeps.decide(world, sweeps.card(world), found[:1], "encrypt")
    world.run(sweeps.watch(world))
    ended = [one.outcome(execution) for one, execution in zip(found, asked, strict=True)]
    assert ended == ["ENCRYPTED", *["EXPIRED"] * 10]
    for one in found:
        one.delete()
    alone = sweeps.make(world, f"{loop.name}-alone")
    world.clock.advance(2500)
    assert 0 < sweeps.sweep(world)["found"] < len(found), "so that each has a card"
    alone.deny()
    assert alone.outcome() == "DENIED"
    alone.delete()
    world.sagemaker.faults.take_region_down(world.region)
    try:
        assert sweeps.sweep(world)["complete"] is False
    finally:
        world.sagemaker.faults.bring_region_up(world.region)
        world.trail_is_logging = True


def replaced(loop: Loop) -> None:
    """The config is created again within a second of the deployment, so CloudTrail has to be asked."""
    world = loop.world
    loop.make_config()
    with world.events_held():
        loop.people.create_endpoint(EndpointName=loop.name, EndpointConfigName=loop.config)
        world.clock.advance(0.7)
        loop.people.delete_endpoint_config(EndpointConfigName=loop.config)
        loop.make_config()
        world.clock.advance(1000)
    world.settle()
    assert loop.record()["verdict"] == "UNKNOWN"
    world.clock.advance(2500)
    assert sweeps.sweep(world)["unknown"] >= 1
    loop.deny()
    assert loop.outcome() == "DENIED"
    world.sagemaker.violations.clear()  # people deleted a config in use


def swept_before_slack(loop: Loop) -> None:
    """The bot token isn't stored, so nobody can be asked. Earlier sweeps decide whether that is an alarm."""
    world = loop.world
    world.trail_is_logging = False
    world.store_secret(world.home, "SlackTokenSecretArn", {"bot_token": ""})
    found = sweeps.make(world, f"{loop.name}-unasked")
    world.clock.advance(2500)
    try:
        assert sweeps.sweep(world)["complete"] is False
        assert found.outcome() == "NOT_ASKED"
    finally:
        world.fill_secrets(world.home)
        world.clock.advance(600)  # longer than a function keeps what it read
        world.trail_is_logging = True
    found.delete()


STORIES: tuple[Callable[[Loop], object], ...] = (
    stories.expired, stories.rolled_back, stories.superseded, stories.observed,
    returned_to_a_config_that_is_gone, encrypted_by_hand, denied_by_a_group, reported_twice, stopped,
    misunderstood, not_returned_and_retired, replaced, retired_without_a_schedule, run_twice, swept,
    swept_before_slack,
)  # fmt: skip


# -- what is allowed, and what was used


def _handlers(world: World) -> dict[str, str]:
    """The functions' handlers, by the functions' names."""
    return {one.name: one.handler.split(".")[-2] for one in world.runner.functions}


def _used(world: World) -> Permissions:
    handlers = _handlers(world)
    return {(handlers[name], action, resource, key) for name, action, resource, key in world.runner.allowed}


def _granted(world: World) -> Permissions:
    return {
        (function.handler.split(".")[-2], action, resource, key)
        for function in world.runner.functions
        for policy in world.roles[function.caller.role_arn]
        for statement in policy["Statement"]
        for action in _listed(statement["Action"])
        for resource in _listed(statement["Resource"])
        for key in _item_keys(statement)
        if not action.startswith(_RUNTIMES)
    }


def _item_keys(statement: Mapping[str, Any]) -> list[str]:
    """The partition keys that a statement is limited to."""
    limits = statement.get("Condition", {}).get("ForAllValues:StringLike", {})
    return _listed(limits.get("dynamodb:LeadingKeys", ""))


def _unused(granted: Permissions, used: Permissions) -> Permissions:
    """What was allowed on resources of which none was met: an action counts for each that its role names."""
    return {
        (handler, action, pattern, keys)
        for handler, action, pattern, keys in granted
        if not any(
            (handler, action) == (by, what) and covers(pattern, on) and fnmatchcase(key, keys or "*")
            for by, what, on, key in used
        )
    }


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_all_that_is_allowed_is_used(loop: Loop, operate: Ops, monkeypatch: pytest.MonkeyPatch) -> None:
    """What isn't allowed was refused, and the loop's own check says so."""
    loop.world.runner.allowed.clear()
    for story in STORIES:
        story(Loop(loop.world))
    execution = loop.make_endpoint(tags={"route": "high-impact"})
    assert operate("approve", execution.name) == 0
    assert loop.outcome(execution) == "ENCRYPTED"

    def live_on(_: float) -> None:
        loop.world.run(loop.backout())

    monkeypatch.setattr(follow, "time", SimpleNamespace(sleep=live_on))
    assert operate("backout", loop.name, "--yes") == 0
    unused = _unused(_granted(loop.world), _used(loop.world))
    assert {one[:2] for one in unused} == NOT_CALLED.keys(), unused


# -- that it matters


@contextmanager
def _without(world: World, handler: str, action: str) -> Generator[None]:
    """A role that lacks an action, for a while."""
    [role] = {one.caller.role_arn for one in world.runner.functions if one.handler.split(".")[-2] == handler}
    before = world.roles[role]
    world.roles[role] = [_lacking(policy, action) for policy in before]
    try:
        yield
    finally:
        world.roles[role] = before
        world.runner.refused.clear()


def _lacking(policy: Policy, action: str) -> Policy:
    statements = [
        {**said, "Action": [one for one in _listed(said["Action"]) if one != action]}
        for said in policy["Statement"]
    ]
    return {**policy, "Statement": statements}


@pytest.mark.parametrize(
    ("handler", "action"),
    [
        ("check_encryption", "sagemaker:DescribeEndpointConfig"),
        ("check_feasibility", "kms:DescribeKey"),
        ("create_encrypted_config", "sagemaker:CreateEndpointConfig"),
        ("create_encrypted_config", "sagemaker:AddTags"),
        ("create_encrypted_config", "iam:PassRole"),
        ("create_encrypted_config", "kms:CreateGrant"),
        ("update_endpoint", "sagemaker:UpdateEndpoint"),
    ],
)
def test_without_a_permission_it_fails_and_people_learn_which(loop: Loop, handler: str, action: str) -> None:
    with _without(loop.world, handler, action):
        execution = loop.make_endpoint(ExecutionRoleArn=_EXECUTION_ROLE)
        if "approve" in loop.buttons():
            loop.click("approve")
        assert loop.outcome(execution) == "FAILED"
        assert loop.world.runner.refused
    role = "assumed-role/Sealpoint-us-east-1-Functions"
    for told in (loop.record(execution)["reason"], json.dumps(loop.card().blocks)):
        assert role in told
        assert f"is not authorized to perform: {action} on resource: arn:aws:" in told
    assert loop.status() == ("InService", loop.config)
    assert [config["EndpointConfigName"] for config in loop.configs()] == [loop.config]


# -- a user's key, and what else the settings may allow


_CAPTURE = {
    "InitialSamplingPercentage": 20, "DestinationS3Uri": "s3://captures",
    "CaptureOptions": [{"CaptureMode": "Input"}], "EnableCapture": True,
}  # fmt: skip


def _create_key(world: World) -> str:
    # as AWS has it where nothing is said; moto leaves the usage out
    key = world.client("kms").create_key(KeyUsage="ENCRYPT_DECRYPT", KeySpec="SYMMETRIC_DEFAULT")
    return key["KeyMetadata"]["Arn"]


@pytest.fixture
def usual(world: World) -> Permissions:
    return _granted(world)


@pytest.fixture
def users_key_world(
    usual: Permissions,  # noqa: ARG001  # the other world's end
    worlds: Worlds,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    """With a key of the user's own, which has to be shown to be of use, and more surfaces to encrypt."""
    settings = SPECIAL_SETTINGS | {
        "kmsKeyArns": {"us-east-1": _KEY}, "encryptedBy": "customer-managed",
        "requiredSurfaces": ["instance-volume", "data-capture"],
    }  # fmt: skip
    world = worlds.of(synthesized(tmp_path / "cdk.out", **settings))

    def key_id(_multi_region: bool) -> str:
        return _KEY.rpartition("/")[2]

    with monkeypatch.context() as patch:
        patch.setattr("moto.kms.models.generate_key_id", key_id)
        _create_key(world)
    statement = {"Effect": "Allow", "Action": ["kms:GenerateDataKey", "kms:Decrypt"], "Resource": _KEY}
    world.roles[_EXECUTION_ROLE] = [{"Statement": statement}]
    return world


def test_what_the_settings_allow_besides_is_used_too(usual: Permissions, users_key_world: World) -> None:
    """An endpoint whose volume has a key of its own, and whose captures have none."""
    world, loop = users_key_world, Loop(users_key_world)
    theirs = _create_key(world)
    loop.make_endpoint(KmsKeyId=theirs, DataCaptureConfig=_CAPTURE)
    loop.click("approve")
    assert loop.outcome() == "ENCRYPTED"
    twin = loop.people.describe_endpoint_config(EndpointConfigName=loop.status()[1])
    assert (twin["KmsKeyId"], twin["DataCaptureConfig"]["KmsKeyId"]) == (theirs, _KEY)
    loop.people.delete_endpoint_config(EndpointConfigName=loop.config)
    loop.click("backout")
    assert world.run(loop.backout())["outcome"] == "BACKED_OUT"
    assert sweeps.sweep(world)["complete"] is True
    assert world.runner.refused == []
    before = {one[:2] for one in usual}
    added = {one for one in _granted(world) if one[:2] not in before}
    assert {one[:2] for one in added} == {
        ("check_encryption", "kms:DescribeKey"),
        ("assess_endpoints", "kms:DescribeKey"),
        ("check_feasibility", "kms:GetKeyPolicy"),
        ("check_feasibility", "iam:SimulatePrincipalPolicy"),
        ("check_feasibility", "organizations:DescribeOrganization"),
        ("restore_config", "kms:CreateGrant"),
        ("restore_config", "kms:DescribeKey"),
    }
    assert _unused(added, _used(world)) == set()


def test_the_documented_key_policy_is_enough_where_the_organization_locks_regions(
    users_key_world: World,
) -> None:
    """It delegates nothing, and the role's own policies say nothing of the key.

    The simulator has no value for the organization's condition, and says "denied".
    """
    world, loop = users_key_world, Loop(users_key_world)

    def role(name: str) -> str:
        found = {one.name.lower(): one.caller.role_arn for one in world.runner.functions}
        return next((arn for key, arn in found.items() if name.lower() in key), _EXECUTION_ROLE)

    world.client("kms").put_key_policy(
        KeyId=_KEY, PolicyName="default", Policy=json.dumps(documented_policy(role))
    )
    world.roles[_EXECUTION_ROLE] = []
    known = {
        "Effect": "Allow",
        "Action": "*",
        "Resource": "*",
        "Condition": {"Null": {"aws:SourceVpc": "false"}},
    }
    world.service_control_policies.append({"Statement": known})
    loop.make_endpoint(DataCaptureConfig=_CAPTURE, ExecutionRoleArn=_EXECUTION_ROLE)
    assert "could not judge the organization's policies" in json.dumps(loop.card().blocks)
    loop.click("approve")
    assert loop.outcome() == "ENCRYPTED"
    twin = loop.people.describe_endpoint_config(EndpointConfigName=loop.status()[1])
    assert (twin["KmsKeyId"], twin["DataCaptureConfig"]["KmsKeyId"]) == (_KEY, _KEY)
