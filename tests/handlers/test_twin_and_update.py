"""CreateEncryptedConfig, UpdateEndpoint, AwaitInService and PollEndpoint against the SageMaker server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.domain.encryption.twin import as_request
from lambdas.domain.errors import (
    DeadlinePassed,
    EncryptionUnsupported,
    EndpointBusy,
    EndpointChanged,
    EndpointConfigNotFound,
    EndpointGone,
    NotApproved,
    NotYetConsistent,
    RequestRefused,
    ServiceUnavailable,
    Throttled,
    TwinMismatch,
)
from lambdas.domain.record import iso
from lambdas.domain.vocabulary import ApprovalStatus
from lambdas.gateways.sagemaker import SageMaker
from lambdas.handlers import (
    await_in_service,
    close_remediation,
    create_encrypted_config,
    delete_unused_twin,
    poll_endpoint,
    update_endpoint,
)
from tests.handlers.conftest import FRAUD, KEY_ARN, Bench

CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 50,
    "DestinationS3Uri": "s3://captures/x",
    "CaptureOptions": [{"CaptureMode": "Input"}],
}


@pytest.fixture
def approved(bench: Bench) -> Bench:
    """An endpoint whose remediation r-1 is approved."""
    bench.make_endpoint(
        DataCaptureConfig=CAPTURE, Tags=[{"Key": "team", "Value": "fraud"}, {"Key": "cost", "Value": "42"}]
    )
    bench.check()
    approve(bench)
    return bench


def approve(bench: Bench, status: ApprovalStatus = ApprovalStatus.APPROVED) -> None:
    bench.check_feasibility()
    bench.records.note("r-1", {"approvalId": "a-1"})
    opened = bench.records.open_approval(
        {
            "approvalId": "a-1", "remediationId": "r-1", "endpointId": str(FRAUD), "endpointName": "fraud",
            "planHash": bench.remediation().get("planHash", ""), "status": ApprovalStatus.PENDING,
            "createdAt": iso(datetime.now(UTC)),
            "deadline": iso(datetime.now(UTC) + timedelta(days=1)),
        }
    )  # fmt: skip
    assert opened
    bench.records.settle("a-1", status, {"decidedBy": "U0ADA"})


def _body(name: str) -> dict[str, Any]:
    body = SageMaker().require_config(name)
    return {key: value for key, value in body.items() if key not in ("EndpointConfigArn", "CreationTime")}


def test_the_twin_is_the_source_with_keys(approved: Bench) -> None:
    twin = approved.run(create_encrypted_config.handler, remediationId="r-1")["twinConfigName"]
    source = _body("fraud-config")
    expected = {**source, "EndpointConfigName": twin, "KmsKeyId": KEY_ARN}
    expected["DataCaptureConfig"] = {**source["DataCaptureConfig"], "KmsKeyId": KEY_ARN}
    [variant] = source["ProductionVariants"]
    expected["ProductionVariants"] = [{**variant, "VolumeSizeInGB": 8}]  # which AWS adds where there is a key
    assert _body(twin) == expected
    assert approved.remediation().get("twinAdditions") == ["ProductionVariants[0].VolumeSizeInGB: 8"]
    [*_, entry] = approved.remediation().get("timeline", [])
    assert entry["what"].endswith("AWS added ProductionVariants[0].VolumeSizeInGB: 8")
    arn = approved.sagemaker.describe_endpoint_config(EndpointConfigName=twin)["EndpointConfigArn"]
    assert SageMaker().list_tags(arn) == {
        "team": "fraud", "cost": "42",
        "sealpoint:source-config": "fraud-config", "sealpoint:remediation-id": "r-1",
    }  # fmt: skip


def test_an_addition_that_nobody_foresaw_stops_the_remediation(approved: Bench) -> None:
    approved.hosting.faults.adds_more = lambda body: {**body, "Surprise": {"Mode": "New"}}
    with pytest.raises(TwinMismatch, match="Surprise was not sent"):
        approved.run(create_encrypted_config.handler, remediationId="r-1")
    assert "UpdateEndpoint" not in [call.operation for call in approved.hosting.calls]


def test_a_twin_of_a_config_from_before_aws_added_members_is_the_same(bench: Bench) -> None:
    """Configs of before November 2023 are described without EnableNetworkIsolation, their twins with it."""
    bench.hosting.faults.adds_network_isolation = False
    bench.make_endpoint()
    bench.hosting.faults.adds_network_isolation = True
    bench.check()
    approve(bench)
    bench.run(create_encrypted_config.handler, remediationId="r-1")
    assert bench.remediation().get("twinAdditions") == [
        "EnableNetworkIsolation: false",
        "ProductionVariants[0].VolumeSizeInGB: 8",
    ]


def test_members_that_no_sdk_knows_survive(bench: Bench) -> None:
    variant = {
        "VariantName": "a", "ModelName": "model", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1,
        "NewThing": {"Deep": [1, None, "x"]},
    }  # fmt: skip
    bench.make_config("model-only")  # makes the model
    body = {"EndpointConfigName": "future", "ProductionVariants": [variant], "NewSetting": True}
    SageMaker().create_config(as_request(body), {})
    bench.sagemaker.create_endpoint(EndpointName="fraud", EndpointConfigName="future")
    bench.pass_time(700)
    bench.check()
    approve(bench)
    twin = bench.run(create_encrypted_config.handler, remediationId="r-1")["twinConfigName"]
    body = _body(twin)
    assert body["NewSetting"] is True
    assert body["ProductionVariants"][0]["NewThing"]["Deep"] == [1, None, "x"]


def test_the_step_run_again_reuses_the_twin(approved: Bench) -> None:
    first = approved.run(create_encrypted_config.handler, remediationId="r-1")
    again = approved.run(create_encrypted_config.handler, remediationId="r-1")
    assert again == first
    assert [call.operation for call in approved.hosting.calls].count(
        "CreateEndpointConfig"
    ) == 2  # source, twin


def test_a_twin_that_cannot_be_read_back_yet_is_awaited_not_made_again(approved: Bench) -> None:
    approved.hosting.faults.config_visible_after = 20
    with pytest.raises(EndpointConfigNotFound):
        approved.run(create_encrypted_config.handler, remediationId="r-1")
    with pytest.raises(EndpointConfigNotFound):  # the name is taken, the config not to be seen
        approved.run(create_encrypted_config.handler, remediationId="r-1")
    approved.pass_time(21)
    assert approved.run(create_encrypted_config.handler, remediationId="r-1")["twinConfigName"]


def test_another_config_under_the_twins_name_is_not_touched(approved: Bench) -> None:
    twin = approved.run(create_encrypted_config.handler, remediationId="r-1")["twinConfigName"]
    approved.sagemaker.delete_endpoint_config(EndpointConfigName=twin)
    approved.make_config(twin, KmsKeyId="alias/theirs")
    before = _body(twin)
    with pytest.raises(TwinMismatch, match="KmsKeyId"):
        approved.run(create_encrypted_config.handler, remediationId="r-1")
    assert _body(twin) == before


def test_tags_that_did_not_come_along_are_awaited(approved: Bench) -> None:
    twin = approved.run(create_encrypted_config.handler, remediationId="r-1")["twinConfigName"]
    arn = approved.sagemaker.describe_endpoint_config(EndpointConfigName=twin)["EndpointConfigArn"]
    approved.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team"])
    with pytest.raises(NotYetConsistent, match=r"Tags\.team is None"):
        approved.run(create_encrypted_config.handler, remediationId="r-1")


@pytest.mark.parametrize(
    ("code", "message", "error"),
    [
        (
            "ValidationException",
            "KmsKeyId is not supported for instance type ml.g5.xlarge",
            EncryptionUnsupported,
        ),
        ("ValidationException", "InstanceType is not supported in this region", RequestRefused),
        ("AccessDeniedException", "not authorized to perform kms:CreateGrant", RequestRefused),
        ("ResourceLimitExceeded", "The limit of endpoint configs was exceeded", RequestRefused),
    ],
)
def test_a_refusal_is_reported_in_awss_words(
    approved: Bench, code: str, message: str, error: type[Exception]
) -> None:
    approved.hosting.faults.refuse("CreateEndpointConfig", code, message)
    with pytest.raises(error, match=message):
        approved.run(create_encrypted_config.handler, remediationId="r-1")


@pytest.mark.parametrize("status", [ApprovalStatus.DENIED, ApprovalStatus.EXPIRED, ApprovalStatus.SUPERSEDED])
def test_nothing_is_made_without_an_approval_on_record(bench: Bench, status: ApprovalStatus) -> None:
    bench.make_endpoint()
    bench.check()
    approve(bench, status)
    before = len(bench.hosting.calls)
    with pytest.raises(NotApproved):
        bench.run(create_encrypted_config.handler, remediationId="r-1")
    assert "CreateEndpointConfig" not in [call.operation for call in bench.hosting.calls[before:]]


def test_no_update_is_requested_once_the_approval_no_longer_stands(approved: Bench) -> None:
    """The check and the record of the request are one transaction: no moment lies between them."""
    approved.run(create_encrypted_config.handler, remediationId="r-1")
    before, calls = approved.remediation(), len(approved.hosting.calls)
    approved.records.note_approval("a-1", {"status": ApprovalStatus.DENIED})
    with pytest.raises(NotApproved, match="no longer stands"):
        approved.run(update_endpoint.handler, remediationId="r-1")
    assert "UpdateEndpoint" not in [call.operation for call in approved.hosting.calls[calls:]]
    assert approved.remediation() == before


def test_another_key_than_the_approved_one_is_not_used(
    approved: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KMS_KEY_ARN", KEY_ARN + "-other")
    with pytest.raises(NotApproved):
        approved.run(create_encrypted_config.handler, remediationId="r-1")


def test_a_source_recreated_under_its_name_is_another_plan(approved: Bench) -> None:
    approved.hosting.violations.clear()
    approved.sagemaker.delete_endpoint_config(EndpointConfigName="fraud-config")
    approved.pass_time(5)
    approved.make_config("fraud-config")
    approved.hosting.violations.clear()  # the person's doing, not ours
    with pytest.raises(NotApproved):
        approved.run(create_encrypted_config.handler, remediationId="r-1")


def test_an_endpoint_that_moved_on_is_left_alone(approved: Bench) -> None:
    approved.make_config("newer")
    approved.sagemaker.update_endpoint(EndpointName="fraud", EndpointConfigName="newer")
    approved.pass_time(700)
    with pytest.raises(EndpointChanged):
        approved.run(create_encrypted_config.handler, remediationId="r-1")


def test_a_remediation_that_lost_its_claim_changes_nothing(approved: Bench) -> None:
    approved.run(create_encrypted_config.handler, remediationId="r-1")
    approved.records.release(FRAUD, "remediation#r-1")
    with pytest.raises(EndpointChanged):
        approved.run(create_encrypted_config.handler, remediationId="r-1")
    with pytest.raises(EndpointChanged):
        approved.run(update_endpoint.handler, remediationId="r-1")


def test_waiting_for_service_ends_when_it_is_there(bench: Bench) -> None:
    bench.make_endpoint(wait=False)
    bench.check()
    assert bench.run(await_in_service.handler, remediationId="r-1") == {"waitSeconds": 15, "attempt": 1}
    bench.pass_time(700)
    assert bench.run(await_in_service.handler, remediationId="r-1", attempt=1) == {"ready": True}


def test_waiting_for_service_has_an_end(bench: Bench) -> None:
    bench.make_endpoint(wait=False)
    bench.check()
    bench.run(await_in_service.handler, remediationId="r-1")
    bench.pass_time(20_000)
    bench.make_config("newer")
    bench.sagemaker.update_endpoint(EndpointName="fraud", EndpointConfigName="newer")  # Updating again
    with pytest.raises(DeadlinePassed):
        bench.run(await_in_service.handler, remediationId="r-1", attempt=9)


def _updated(bench: Bench) -> str:
    twin = bench.run(create_encrypted_config.handler, remediationId="r-1")["twinConfigName"]
    assert bench.run(update_endpoint.handler, remediationId="r-1") == {}
    return str(twin)


def test_the_update_keeps_live_capacity_and_weights(approved: Bench) -> None:
    approved.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="fraud",
        DesiredWeightsAndCapacities=[{"VariantName": "a", "DesiredInstanceCount": 7, "DesiredWeight": 3.0}],
    )
    approved.pass_time(700)
    twin = _updated(approved)
    approved.pass_time(700)
    endpoint = approved.sagemaker.describe_endpoint(EndpointName="fraud")
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", twin)
    assert endpoint["ProductionVariants"][0]["CurrentInstanceCount"] == 7
    assert endpoint["ProductionVariants"][0]["CurrentWeight"] == 3.0


def test_an_update_is_requested_once_however_often_the_step_runs(approved: Bench) -> None:
    _updated(approved)
    with pytest.raises(EndpointBusy):  # in its first moments the endpoint doesn't show what it is updated to
        approved.run(update_endpoint.handler, remediationId="r-1")
    approved.pass_time(61)
    approved.run(update_endpoint.handler, remediationId="r-1")
    assert [call.operation for call in approved.hosting.calls].count("UpdateEndpoint") == 1


def test_an_update_whose_answer_was_lost_is_found_under_way(approved: Bench) -> None:
    approved.run(create_encrypted_config.handler, remediationId="r-1")
    approved.hosting.faults.lose_answer("UpdateEndpoint")
    with pytest.raises(ServiceUnavailable):
        approved.run(update_endpoint.handler, remediationId="r-1")
    approved.pass_time(61)
    assert approved.run(update_endpoint.handler, remediationId="r-1") == {}
    assert _updates_taken(approved) == 1


def _updates_taken(bench: Bench) -> int:
    updates = [call for call in bench.hosting.calls if call.operation == "UpdateEndpoint"]
    return sum(1 for call in updates if not call.error_code)


def _update_without_an_answer(bench: Bench, *, taken: bool) -> None:
    bench.run(create_encrypted_config.handler, remediationId="r-1")
    if taken:
        bench.hosting.faults.lose_answer("UpdateEndpoint")
    else:
        bench.hosting.faults.break_down("UpdateEndpoint")
    with pytest.raises(ServiceUnavailable):
        bench.run(update_endpoint.handler, remediationId="r-1")


@pytest.mark.parametrize("meanwhile", ["scaled", "patched"])
def test_an_update_that_never_arrived_is_requested_again_whatever_changed_meanwhile(
    approved: Bench, meanwhile: str
) -> None:
    """Scaling and patching move LastModifiedTime as a rollback does."""
    _update_without_an_answer(approved, taken=False)
    if meanwhile == "scaled":
        desired: Any = [{"VariantName": "a", "DesiredInstanceCount": 7}]
        approved.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName="fraud", DesiredWeightsAndCapacities=desired
        )
    else:
        approved.hosting.faults.maintain("fraud", 60, region="us-east-1")
    approved.pass_time(700)
    assert approved.run(update_endpoint.handler, remediationId="r-1") == {}
    assert _updates_taken(approved) == 1


def test_an_update_that_was_taken_and_rolled_back_unseen_is_not_requested_again(approved: Bench) -> None:
    approved.hosting.faults.roll_back_next_update("the alarm went off")
    _update_without_an_answer(approved, taken=True)
    approved.pass_time(1200)
    assert approved.run(update_endpoint.handler, remediationId="r-1") == {}
    assert _updates_taken(approved) == 1
    ended = approved.run(poll_endpoint.handler, remediationId="r-1", attempt=0)
    assert ended["outcome"] == "ROLLED_BACK"
    assert "the alarm went off" in approved.remediation().get("updateReason", "")


def test_the_reason_of_an_earlier_rollback_is_not_reported_as_this_ones(approved: Bench) -> None:
    faults = approved.hosting.faults
    approved.make_config("tried-last-month")
    faults.roll_back_next_update("last month's alarm")
    approved.move("tried-last-month")
    approved.pass_time(1200)
    faults.roll_back_next_update()  # without a reason, as happens: the old one stays
    _updated(approved)
    approved.pass_time(1200)
    ended = approved.run(poll_endpoint.handler, remediationId="r-1", attempt=0)
    assert ended["outcome"] == "ROLLED_BACK"
    assert (
        "AWS gives no new reason; it still shows the one from before this update: last month"
        in approved.remediation().get("updateReason", "")
    )


def test_what_stood_there_before_the_first_request_is_kept_through_retries(approved: Bench) -> None:
    faults = approved.hosting.faults
    faults.roll_back_next_update("this update's alarm")
    _update_without_an_answer(approved, taken=True)
    assert approved.remediation().get("failureReasonBefore") == ""
    approved.pass_time(61)
    approved.run(update_endpoint.handler, remediationId="r-1")
    approved.pass_time(1200)
    approved.run(update_endpoint.handler, remediationId="r-1")
    assert approved.remediation().get("failureReasonBefore") == ""
    approved.run(poll_endpoint.handler, remediationId="r-1", attempt=0)
    assert approved.remediation().get("updateReason", "").endswith("AWS says: this update's alarm")


@pytest.mark.parametrize("policy", [False, True])
def test_a_deployment_policy_is_retained_where_there_is_one(bench: Bench, policy: bool) -> None:
    bench.hosting.faults.refuses_retaining_no_deployment_config = True
    bench.make_endpoint()
    if policy:
        bench.make_config("before")
        routing: Any = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 60}
        bench.sagemaker.update_endpoint(
            EndpointName="fraud",
            EndpointConfigName="before",
            DeploymentConfig={"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}},
        )
        bench.pass_time(700)
    bench.check()
    approve(bench)
    _updated(bench)
    [*_, update] = [call for call in bench.hosting.calls if call.operation == "UpdateEndpoint"]
    assert update.request.get("RetainDeploymentConfig") == (True if policy else None)


@pytest.mark.parametrize("lower_case", [False, True])
def test_an_old_config_that_is_missing_is_no_new_one_that_is_not_seen_yet(
    bench: Bench, lower_case: bool
) -> None:
    """Both are named in the same words, by ARNs whose names are in lower case or in their own."""
    bench.hosting.faults.lower_case_arns = lower_case
    bench.make_endpoint(config="Fraud-Config")
    bench.make_config("Fraud-Config-2")
    gateway = SageMaker()
    with pytest.raises(EndpointConfigNotFound):
        gateway.update_endpoint("fraud", "Not-There", {})
    bench.sagemaker.delete_endpoint_config(EndpointConfigName="Fraud-Config")
    bench.hosting.violations.clear()
    with pytest.raises(RequestRefused):
        gateway.update_endpoint("fraud", "Fraud-Config-2", {})


def test_an_endpoint_that_is_being_scaled_is_busy(approved: Bench) -> None:
    approved.run(create_encrypted_config.handler, remediationId="r-1")
    approved.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="fraud", DesiredWeightsAndCapacities=[{"VariantName": "a", "DesiredInstanceCount": 7}]
    )
    with pytest.raises(EndpointBusy):
        approved.run(update_endpoint.handler, remediationId="r-1")
    approved.pass_time(700)
    assert approved.run(update_endpoint.handler, remediationId="r-1") == {}


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ValidationException", 'Cannot update in-progress endpoint "arn:x".'),
        ("ThrottlingException", "Rate exceeded"),
    ],
)
def test_an_update_that_was_refused_is_requested_again_after_other_changes(
    approved: Bench, code: str, message: str
) -> None:
    """Autoscaling got in first, and modified the endpoint after our refused call: that was no rollback."""
    twin = approved.run(create_encrypted_config.handler, remediationId="r-1")["twinConfigName"]
    approved.hosting.faults.refuse("UpdateEndpoint", code, message)
    with pytest.raises((EndpointBusy, Throttled)):
        approved.run(update_endpoint.handler, remediationId="r-1")
    approved.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="fraud", DesiredWeightsAndCapacities=[{"VariantName": "a", "DesiredInstanceCount": 7}]
    )
    approved.pass_time(700)
    approved.run(update_endpoint.handler, remediationId="r-1")
    approved.pass_time(3600)
    assert approved.run(poll_endpoint.handler, remediationId="r-1")["outcome"] == "ENCRYPTED"
    assert approved.sagemaker.describe_endpoint(EndpointName="fraud")["EndpointConfigName"] == twin


def test_how_the_update_ended_is_on_record_as_soon_as_it_is_seen(approved: Bench) -> None:
    approved.run(create_encrypted_config.handler, remediationId="r-1")
    approved.run(update_endpoint.handler, remediationId="r-1")
    approved.pass_time(3600)
    approved.run(poll_endpoint.handler, remediationId="r-1")
    watcher = {"remediationId": "r-1", "outcome": "FAILED", "reason": "the execution ended as FAILED"}
    assert approved.run(close_remediation.handler, **watcher)["outcome"] == "ENCRYPTED"


@pytest.mark.parametrize(
    ("config", "error"), [("twin", EndpointConfigNotFound), ("fraud-config", RequestRefused)]
)
def test_only_a_twin_that_is_not_visible_yet_is_worth_another_try(
    approved: Bench, config: str, error: type[Exception]
) -> None:
    twin = approved.run(create_encrypted_config.handler, remediationId="r-1")["twinConfigName"]
    missing = twin if config == "twin" else config
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:endpoint-config/{missing.lower()}"
    approved.hosting.faults.refuse(
        "UpdateEndpoint", "ValidationException", f'Could not find endpoint configuration "{arn}".'
    )
    with pytest.raises(error):
        approved.run(update_endpoint.handler, remediationId="r-1")


def test_a_deleted_endpoint_is_gone_at_every_step(approved: Bench) -> None:
    _updated(approved)
    approved.pass_time(700)
    approved.sagemaker.delete_endpoint(EndpointName="fraud")
    approved.pass_time(700)
    for handler in (await_in_service.handler, create_encrypted_config.handler, update_endpoint.handler):
        with pytest.raises(EndpointGone):
            approved.run(handler, remediationId="r-1")
    assert approved.run(poll_endpoint.handler, remediationId="r-1")["outcome"] == "GONE"


def test_polling_ends_encrypted_on_the_twin(approved: Bench) -> None:
    _updated(approved)
    assert approved.run(poll_endpoint.handler, remediationId="r-1") == {"waitSeconds": 15, "attempt": 1}
    approved.pass_time(700)
    assert approved.run(poll_endpoint.handler, remediationId="r-1", attempt=1)["outcome"] == "ENCRYPTED"


@pytest.mark.parametrize(("reason", "says"), [("alarm went off", "alarm went off"), (None, "no reason")])
def test_polling_tells_a_rollback_even_a_silent_one(approved: Bench, reason: str | None, says: str) -> None:
    approved.hosting.faults.roll_back_next_update(reason, endpoint="fraud")
    _updated(approved)
    approved.pass_time(5000)
    result = approved.run(poll_endpoint.handler, remediationId="r-1", attempt=4)
    assert result["outcome"] == "ROLLED_BACK"
    assert says in approved.remediation().get("updateReason", "")


# -- the twin after a failure


def _configs(bench: Bench) -> set[str]:
    return {
        config["EndpointConfigName"] for config in bench.sagemaker.list_endpoint_configs()["EndpointConfigs"]
    }


def _twin_after(bench: Bench, prepare: str = "") -> str:
    """Create the twin and move the endpoint towards it; `prepare` names what befalls the update."""
    twin = bench.run(create_encrypted_config.handler, remediationId="r-1")["twinConfigName"]
    if prepare:
        getattr(bench.hosting.faults, prepare)("no capacity", endpoint="fraud")
    bench.run(update_endpoint.handler, remediationId="r-1")
    return str(twin)


def test_after_a_rollback_the_unused_twin_is_deleted(approved: Bench) -> None:
    twin = _twin_after(approved, "roll_back_next_update")
    approved.pass_time(7200)
    approved.run(delete_unused_twin.handler, remediationId="r-1")
    assert _configs(approved) == {"fraud-config"}
    assert approved.remediation().get("twinDeletedAt")
    approved.run(delete_unused_twin.handler, remediationId="r-1")  # again: nothing left to do
    assert approved.remediation().get("twinConfigName") == twin


@pytest.mark.parametrize("seconds", [30, 7200])
def test_a_twin_that_the_endpoint_is_on_or_on_its_way_to_is_kept(approved: Bench, seconds: float) -> None:
    twin = _twin_after(approved)
    approved.pass_time(seconds)
    approved.run(delete_unused_twin.handler, remediationId="r-1")
    assert twin in _configs(approved)
    assert "fraud uses" in approved.remediation().get("twinKept", "")


def test_after_a_failed_rollback_both_configs_are_kept(approved: Bench) -> None:
    twin = _twin_after(approved, "fail_next_rollback")
    approved.pass_time(7200)
    approved.run(delete_unused_twin.handler, remediationId="r-1")
    assert (
        approved.sagemaker.describe_endpoint(EndpointName="fraud")["EndpointStatus"] == "UpdateRollbackFailed"
    )
    assert _configs(approved) == {"fraud-config", twin}


def test_a_twin_that_someone_put_another_endpoint_on_is_kept(approved: Bench) -> None:
    twin = approved.run(create_encrypted_config.handler, remediationId="r-1")["twinConfigName"]
    approved.sagemaker.create_endpoint(EndpointName="other", EndpointConfigName=twin)
    approved.run(delete_unused_twin.handler, remediationId="r-1")
    assert twin in _configs(approved)
    assert "other uses" in approved.remediation().get("twinKept", "")


def test_a_config_that_was_there_before_is_not_ours_to_delete(approved: Bench) -> None:
    twin = approved.run(create_encrypted_config.handler, remediationId="r-1")["twinConfigName"]
    approved.run(delete_unused_twin.handler, remediationId="r-2")
    approved.records.start(
        {**approved.remediation(), "remediationId": "r-2", "twinConfigName": twin, "twinRequestedAt": ""}
    )
    approved.run(delete_unused_twin.handler, remediationId="r-2")
    assert twin in _configs(approved)


def test_the_twin_of_a_deleted_endpoint_is_deleted(approved: Bench) -> None:
    approved.run(create_encrypted_config.handler, remediationId="r-1")
    approved.sagemaker.delete_endpoint(EndpointName="fraud")
    approved.pass_time(700)
    approved.run(delete_unused_twin.handler, remediationId="r-1")
    assert _configs(approved) == {"fraud-config"}
