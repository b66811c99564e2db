"""Every outcome of a remediation: the workflow's output, the record, the card and the endpoint agree."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from local.people import Loop

pytestmark = pytest.mark.xdist_group("world")


def _shown(loop: Loop) -> str:
    return json.dumps(loop.card().blocks, ensure_ascii=False)


def test_encrypted(loop: Loop) -> None:
    loop.make_endpoint(Tags=[{"Key": "team", "Value": "risk"}])
    assert loop.buttons() == ["approve", "deny"]
    assert loop.click("approve") == 200
    assert "*Approved*" in _shown(loop)
    assert loop.outcome() == "ENCRYPTED"

    status, config = loop.status()
    assert (status, config != loop.config) == ("InService", True)
    twin = loop.people.describe_endpoint_config(EndpointConfigName=config)
    assert twin["KmsKeyId"] == loop.world.home.output("KmsKeyArn")
    assert loop.record()["decidedBy"] == loop.world.approvers[0].id
    assert loop.buttons() == ["backout"]
    assert "Encrypted" in loop.card().text
    assert loop.world.states_entered(loop.execution()) == [
        "CheckEncryption", "Unencrypted?", "CheckFeasibility", "RequestApproval", "ReadDecision", "Decided?",
        "AwaitInService", "InService?", "CreateEncryptedConfig", "UpdateEndpoint",
        *["WaitForUpdate", "PollEndpoint", "UpdateEnded?"] * _polls(loop), "CloseRemediation",
    ]  # fmt: skip


def _polls(loop: Loop) -> int:
    return loop.world.states_entered(loop.execution()).count("PollEndpoint")


def test_encrypted_while_the_new_endpoint_was_still_creating(loop: Loop) -> None:
    loop.make_endpoint(in_service=False)
    assert loop.status()[0] == "Creating"
    loop.click("approve")
    assert loop.outcome() == "ENCRYPTED"
    assert "WaitForService" in loop.world.states_entered(loop.execution())


def test_live_capacity_survives(loop: Loop) -> None:
    loop.make_endpoint()
    loop.people.update_endpoint_weights_and_capacities(
        EndpointName=loop.name,
        DesiredWeightsAndCapacities=[{"VariantName": "a", "DesiredInstanceCount": 9, "DesiredWeight": 0.5}],
    )
    loop.click("approve")  # autoscaling has the endpoint Updating at this moment
    assert loop.outcome() == "ENCRYPTED"
    variant = loop.people.describe_endpoint(EndpointName=loop.name)["ProductionVariants"][0]
    assert (variant["CurrentInstanceCount"], variant["CurrentWeight"]) == (9, 0.5)


def test_already_encrypted_is_quiet_and_short(loop: Loop) -> None:
    before = len(loop.world.runner.calls)
    loop.make_endpoint(KmsKeyId="alias/mine")
    assert loop.outcome() == "ALREADY_ENCRYPTED"
    assert loop.cards() == []
    assert len(loop.world.states_entered(loop.execution())) <= 4
    calls = [call for _, call in loop.world.runner.calls[before:]]
    assert sum(call.startswith("SageMaker.") for call in calls) <= 2


def test_exempt(loop: Loop) -> None:
    until = (datetime.fromtimestamp(loop.world.clock.now(), UTC) + timedelta(days=9)).date().isoformat()
    loop.world.trail_is_logging = False
    loop.make_config()
    tags = [
        {"Key": "sealpoint:exempt-until", "Value": until},
        {"Key": "sealpoint:exempt-reason", "Value": "synthetic"},
    ]
    loop.people.create_endpoint(EndpointName=loop.name, EndpointConfigName=loop.config, Tags=tags)
    execution = loop.world.start(loop.name)
    assert loop.outcome(execution) == "EXEMPT"
    assert "synthetic" in loop.record()["reason"]
    assert loop.cards() == []


def test_denied(loop: Loop) -> None:
    loop.make_endpoint()
    before = len(loop.world.sagemaker.calls)
    assert loop.deny() == 200
    assert loop.outcome() == "DENIED"
    assert loop.status() == ("InService", loop.config)
    assert [
        call.operation for call in loop.world.sagemaker.calls[before:] if call.operation != "DescribeEndpoint"
    ] == []
    assert loop.buttons() == []
    assert f"<@{loop.world.approvers[0].id}>" in _shown(loop)


def test_expired(loop: Loop) -> None:
    loop.make_endpoint()
    asked = loop.world.clock.now()
    assert loop.outcome() == "EXPIRED"
    assert loop.world.clock.now() - asked == pytest.approx(24 * 3600 + 300, abs=120)
    assert loop.status() == ("InService", loop.config)
    assert loop.buttons() == []
    assert "nobody decided" in loop.card().text


def test_superseded_by_a_newer_change_which_asks_again(loop: Loop) -> None:
    first = loop.make_endpoint()
    second = loop.update(loop.make_config(f"{loop.name}-newer"))
    assert loop.outcome(first) == "SUPERSEDED"
    old, new = loop.cards()
    assert loop.buttons(old) == []
    assert loop.buttons(new) == ["approve", "deny"]
    loop.click("approve")
    assert loop.outcome(second) == "ENCRYPTED"
    assert loop.record(second)["sourceConfigName"] == f"{loop.name}-newer"


def test_superseded_when_the_endpoint_moved_on_and_no_event_said_so(loop: Loop) -> None:
    execution = loop.make_endpoint()
    loop.world.trail_is_logging = False
    newer = loop.make_config(f"{loop.name}-newer")
    loop.people.update_endpoint(EndpointName=loop.name, EndpointConfigName=newer)
    loop.world.clock.advance(700)
    loop.click("approve")
    assert loop.outcome(execution) == "SUPERSEDED"
    assert loop.status() == ("InService", newer)
    assert newer in _shown(loop)


def test_superseded_by_a_person_while_the_update_ran(loop: Loop) -> None:
    """A person rolls our update back and moves on by themselves before we look again."""
    execution = loop.make_endpoint()
    loop.click("approve")
    loop.world.drive(lambda: "PollEndpoint" in loop.world.states_entered(execution))
    loop.world.trail_is_logging = False
    other = loop.make_config(f"{loop.name}-theirs", KmsKeyId="alias/theirs")
    with loop.world.runner.held():  # our update is through, but nobody has looked yet
        loop.world.clock.advance(600)
        loop.people.update_endpoint(EndpointName=loop.name, EndpointConfigName=other)
    assert loop.outcome(execution) == "SUPERSEDED"
    assert loop.status() == ("InService", other)


def test_gone_before_anyone_looked(loop: Loop) -> None:
    assert loop.outcome(loop.world.start(loop.name)) == "GONE"


@pytest.mark.parametrize("when", ["while asked", "while updated"])
def test_gone_meanwhile(loop: Loop, when: str) -> None:
    execution = loop.make_endpoint()
    loop.click("approve") if when == "while updated" else None
    if when == "while updated":
        loop.world.drive(lambda: "PollEndpoint" in loop.world.states_entered(execution))
    with loop.world.runner.held():  # nobody has looked yet
        loop.world.clock.advance(700)  # InService again: only then can it be deleted
        loop.people.delete_endpoint(EndpointName=loop.name)
    loop.world.clock.advance(700)
    if when == "while asked":
        loop.click("approve")
    assert loop.outcome(execution) == "GONE"
    assert loop.buttons() == []


def test_unsupported_in_awss_own_words(loop: Loop) -> None:
    loop.make_endpoint()
    loop.world.sagemaker.faults.refuse(
        "CreateEndpointConfig",
        "ValidationException",
        "KmsKeyId is not supported for instance type ml.m5.large.",
    )
    loop.click("approve")
    assert loop.outcome() == "UNSUPPORTED"
    assert loop.status() == ("InService", loop.config)
    assert "KmsKeyId is not supported for instance type" in _shown(loop)


@pytest.mark.parametrize(
    ("reason", "says"),
    [("CapacityError: none left", "CapacityError: none left"), (None, "AWS gives no reason")],
)
def test_rolled_back(loop: Loop, reason: str | None, says: str) -> None:
    loop.make_endpoint()
    loop.world.sagemaker.faults.roll_back_next_update(reason, endpoint=loop.name)
    loop.click("approve")
    assert loop.outcome() == "ROLLED_BACK"
    assert loop.status() == ("InService", loop.config)
    assert says in _shown(loop)
    assert says in loop.record()["reason"]
    assert [c["EndpointConfigName"] for c in loop.configs()] == [loop.config], "the unused twin is deleted"
    assert "was deleted" in _shown(loop)


def test_failed_before_anyone_is_asked_when_the_key_cannot_be_used(loop: Loop) -> None:
    key_id = loop.world.home.output("KmsKeyArn").rpartition("/")[2]
    kms = loop.world.client("kms")
    kms.disable_key(KeyId=key_id)
    try:
        execution = loop.make_endpoint()
        assert loop.outcome(execution) == "FAILED"
    finally:
        kms.enable_key(KeyId=key_id)
    assert "RequestApproval" not in loop.world.states_entered(execution)
    assert "is disabled" in _shown(loop)
    assert loop.status() == ("InService", loop.config)


def test_failed_on_a_mix_of_both_configs(loop: Loop) -> None:
    loop.make_endpoint()
    loop.world.sagemaker.faults.fail_next_rollback("no capacity", endpoint=loop.name)
    loop.click("approve")
    assert loop.outcome() == "FAILED"
    assert "delete neither" in _shown(loop)
    loop.people.describe_endpoint_config(
        EndpointConfigName=loop.record()["twinConfigName"]
    )  # both still there
    loop.people.describe_endpoint_config(EndpointConfigName=loop.config)
    loop.delete()  # it might use any config, for all that another's retirement can tell


def test_failed_when_the_new_endpoint_never_came_up(loop: Loop) -> None:
    loop.world.sagemaker.faults.fail_next_creation("image not found", endpoint=loop.name)
    loop.make_endpoint(in_service=False)
    loop.click("approve")
    assert loop.outcome() == "FAILED"
    assert "image not found" in _shown(loop)
    loop.delete()  # as above
