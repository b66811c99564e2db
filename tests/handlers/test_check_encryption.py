from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from lambdas.domain.errors import (
    DeadlinePassed,
    EndpointChanged,
    EndpointConfigNotFound,
    InvalidInput,
    RequestRefused,
    Throttled,
)
from lambdas.domain.record import happened, iso, run_id
from lambdas.domain.vocabulary import ApprovalStatus
from lambdas.gateways.kms import kms
from lambdas.handlers import request_approval
from lambdas.handlers.check_encryption import handler
from tests.handlers.conftest import FRAUD, KEY_ARN, REGION, Bench

ASK = {"ask": True, "verdict": "UNENCRYPTED"}
_CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 50,
    "DestinationS3Uri": "s3://captures/x",
    "CaptureOptions": [{"CaptureMode": "Input"}],
}


def test_an_unencrypted_endpoint_is_recorded_whole_and_claimed(bench: Bench) -> None:
    config = bench.make_endpoint(DataCaptureConfig=_CAPTURE)
    assert bench.check() == ASK

    record = bench.remediation()
    assert record.get("sourceConfigName") == config
    assert [(key["surface"], key["now"], key["after"]) for key in record.get("surfaceKeys", [])] == [
        ("instance-volume", "", KEY_ARN),
        ("data-capture", "", KEY_ARN),
    ]
    evidence = bench.records.evidence("r-1")
    assert record.get("evidenceSha256") == evidence.sha256
    snapshot = evidence.bodies
    assert snapshot["config"]["DataCaptureConfig"]["DestinationS3Uri"] == "s3://captures/x"
    assert snapshot["endpoint"]["EndpointName"] == "fraud"
    holder = bench.records.holder(FRAUD)
    assert holder is not None
    assert holder["holder"] == "remediation#r-1"


def test_an_encrypted_endpoint_ends_quietly_in_two_calls(bench: Bench) -> None:
    bench.make_endpoint(KmsKeyId="alias/mine")
    before = len(bench.hosting.calls)
    result = bench.check()
    assert (result["verdict"], result["outcome"]) == ("ENCRYPTED", "ALREADY_ENCRYPTED")
    assert [call.operation for call in bench.hosting.calls[before:]] == [
        "DescribeEndpoint",
        "DescribeEndpointConfig",
    ]
    assert bench.records.holder(FRAUD) is None


@pytest.mark.parametrize("members", [{}, {"KmsKeyId": "alias/mine"}])
def test_kms_costs_no_cold_start_where_any_key_counts(bench: Bench, members: Any) -> None:
    bench.make_endpoint(**members)
    bench.check()
    assert kms.cache_info().currsize == 0  # not even a client was made


def test_an_endpoint_that_is_gone_is_gone(bench: Bench) -> None:
    assert bench.check("nobody")["outcome"] == "GONE"


def test_an_endpoint_is_known_by_the_name_that_it_was_created_with(bench: Bench) -> None:
    """Names are unique whatever their case, and only one spelling finds a claim or a denial."""
    bench.make_endpoint("Fraud-EU")
    bench.check("fraud-eu")
    assert bench.remediation()["endpointName"] == "Fraud-EU"
    holder = bench.records.holder(FRAUD.named("Fraud-EU"))
    assert holder is not None
    assert holder["holder"] == "remediation#r-1"
    again = bench.check("FRAUD-EU", remediation_id="r-2", event_id="e-2")
    assert again["outcome"] == "SUPERSEDED"
    assert [run_id(one) for one in bench.records.history(FRAUD.named("Fraud-EU"))] == ["r-1", "r-2"]


@pytest.mark.parametrize("shown_after", [60.0, math.inf])
def test_an_update_is_judged_by_what_it_ends_on(bench: Bench, shown_after: float) -> None:
    """Meanwhile DescribeEndpoint may show the old config alone, which has a key here."""
    bench.hosting.faults.shows_pending_after = shown_after
    bench.make_endpoint(KmsKeyId="alias/mine")
    bench.make_config("without-a-key")
    bench.sagemaker.update_endpoint(EndpointName="fraud", EndpointConfigName="without-a-key")
    waits = [bench.run(handler, **bench.check_input(), attempt=attempt) for attempt in range(3)]
    assert waits == [
        {"waitSeconds": 15, "attempt": 1},
        {"waitSeconds": 30, "attempt": 2},
        {"waitSeconds": 60, "attempt": 3},
    ]
    assert bench.records.evidence("r-1").bodies == {}
    bench.pass_time(700)
    assert bench.run(handler, **bench.check_input(), attempt=3) == {"ask": True}
    assert bench.remediation().get("sourceConfigName") == "without-a-key"
    said = [entry["what"] for entry in bench.remediation().get("timeline", [])]
    assert sum("Updating" in what for what in said) == 1


def test_an_update_that_is_rolled_back_is_judged_by_what_it_came_from(bench: Bench) -> None:
    bench.make_endpoint(KmsKeyId="alias/mine")
    bench.make_config("without-a-key")
    bench.hosting.faults.roll_back_next_update("the alarm went off")
    bench.sagemaker.update_endpoint(EndpointName="fraud", EndpointConfigName="without-a-key")
    bench.pass_time(700)
    assert bench.check()["waitSeconds"] == 15  # RollingBack
    bench.pass_time(700)
    assert bench.check()["outcome"] == "ALREADY_ENCRYPTED"


def test_a_change_without_end_is_reported_and_asks_nobody(bench: Bench) -> None:
    bench.make_endpoint()
    bench.hosting.faults.maintain("fraud", 80_000, region="us-east-1")
    assert bench.check()["waitSeconds"] == 15
    bench.pass_time(15_000)
    with pytest.raises(DeadlinePassed, match="SystemUpdating"):
        bench.check()
    assert bench.records.holder(FRAUD) is None


def test_an_endpoint_recreated_in_another_case_has_the_same_claim_and_denial(bench: Bench) -> None:
    bench.make_endpoint("Fraud")
    bench.check("Fraud")
    claim = bench.records.holder(FRAUD)
    assert claim is not None
    assert claim["endpointId"].endswith("/Fraud")
    bench.sagemaker.delete_endpoint(EndpointName="Fraud")
    bench.pass_time(700)
    bench.make_endpoint("fraud", config="another-config")
    assert bench.check("fraud", remediation_id="r-2", event_id="e-2") == ASK
    assert bench.remediation().get("supersededBy") == "r-2"


def test_an_exempt_endpoint_is_left_alone_until_its_date(bench: Bench) -> None:
    bench.make_endpoint()
    arn = bench.sagemaker.describe_endpoint(EndpointName="fraud")["EndpointArn"]
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    tags = [
        {"Key": "sealpoint:exempt-until", "Value": tomorrow.isoformat()},
        {"Key": "sealpoint:exempt-reason", "Value": "synthetic data"},
    ]
    bench.sagemaker.add_tags(ResourceArn=arn, Tags=tags)
    result = bench.check()
    assert result["outcome"] == "EXEMPT"
    assert "synthetic data" in result["reason"]

    bench.pass_time(3 * 86_400)
    assert bench.check(remediation_id="r-2", event_id="e-2") == ASK
    assert "ended" in (bench.remediation("r-2").get("notes") or [""])[0]


def test_tags_that_cannot_be_read_stop_the_check(bench: Bench) -> None:
    bench.make_endpoint()
    bench.hosting.faults.refuse("ListTags", "AccessDeniedException", "not authorized")
    with pytest.raises(RequestRefused, match="not authorized"):
        bench.check()


def test_the_same_event_twice_asks_once(bench: Bench) -> None:
    bench.make_endpoint()
    assert "outcome" not in bench.check()
    again = bench.check(remediation_id="r-2")
    assert again["outcome"] == "SUPERSEDED"
    assert "r-1" in again["reason"]


def test_another_event_about_the_same_config_asks_nothing_new(bench: Bench) -> None:
    bench.make_endpoint()
    bench.check()
    again = bench.check(remediation_id="r-2", event_id="e-2")
    assert again["outcome"] == "SUPERSEDED"
    holder = bench.records.holder(FRAUD)
    assert holder is not None
    assert holder["holder"] == "remediation#r-1"


def test_the_step_run_again_by_its_own_workflow_is_the_same(bench: Bench) -> None:
    bench.make_endpoint()
    first = bench.check()
    record = bench.remediation()
    bench.pass_time(30)
    assert bench.check() == first
    assert bench.remediation() == record, "what was found is told once"


def _open_question(bench: Bench) -> None:
    bench.records.note("r-1", {"approvalId": "a-1"})
    bench.records.keep_token("a-1", "token-1", bench.clock_now())
    assert bench.records.open_approval(
        {
            "approvalId": "a-1", "remediationId": "r-1", "endpointId": str(FRAUD), "endpointName": "fraud",
            "planHash": "", "status": ApprovalStatus.PENDING, "createdAt": iso(datetime.now(UTC)),
            "deadline": iso(datetime.now(UTC) + timedelta(days=1)),
        }
    )  # fmt: skip


@pytest.mark.parametrize("key", ["", "alias/theirs"])
def test_a_change_to_another_config_supersedes_the_open_question(bench: Bench, key: str) -> None:
    bench.make_endpoint()
    bench.check()
    _open_question(bench)
    bench.make_config("other-config", **({"KmsKeyId": key} if key else {}))
    bench.move("other-config")

    result = bench.check(remediation_id="r-2", event_id="e-2")
    assert bench.workflow.woken == ["token-1"]
    assert bench.approval()["status"] == "SUPERSEDED"
    assert result.get("outcome") == ("ALREADY_ENCRYPTED" if key else None)
    holder = bench.records.holder(FRAUD)
    assert (holder or {}).get("holder") == (None if key else "remediation#r-2")


@pytest.mark.parametrize("key", ["", "alias/theirs"])
def test_a_question_not_asked_yet_is_never_asked_about_another_config(bench: Bench, key: str) -> None:
    """The older remediation has the endpoint's claim and is about to ask when the newer change comes."""
    bench.make_endpoint()
    bench.check()
    bench.make_config("other-config", **({"KmsKeyId": key} if key else {}))
    bench.move("other-config")
    bench.check(remediation_id="r-2", event_id="e-2")

    with pytest.raises(EndpointChanged):
        bench.run(request_approval.handler, remediationId="r-1", taskToken="token-1")
    assert bench.messages() == []
    assert bench.close()["outcome"] == "SUPERSEDED"


def test_one_that_was_killed_before_ending_the_older_question_ends_it_on_its_next_try(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.make_endpoint()
    bench.check()
    _open_question(bench)
    bench.make_config("other-config")
    bench.move("other-config")
    with monkeypatch.context() as patch:

        def killed(*_: Any) -> None:
            raise SystemExit

        patch.setattr("lambdas.services.claims._supersede", killed)
        with pytest.raises(SystemExit):
            bench.check(remediation_id="r-2", event_id="e-2")
    bench.check(remediation_id="r-2", event_id="e-2")
    assert bench.approval()["status"] == "SUPERSEDED"
    assert bench.workflow.woken == ["token-1"]


def test_an_endpoint_recreated_under_its_old_names_is_another_plan(bench: Bench) -> None:
    bench.make_endpoint()
    bench.check()
    _open_question(bench)
    bench.sagemaker.delete_endpoint(EndpointName="fraud")
    bench.pass_time(700)
    bench.sagemaker.delete_endpoint_config(EndpointConfigName="fraud-config")
    bench.make_endpoint()
    result = bench.check(remediation_id="r-2", event_id="e-2")
    assert result == ASK
    assert bench.approval()["status"] == "SUPERSEDED"


def test_a_remediation_that_ended_without_letting_go_holds_nothing(bench: Bench) -> None:
    bench.make_endpoint()
    bench.check()
    bench.records.close("r-1", {"outcome": "DENIED"}, happened(datetime.now(UTC), "ended"))
    result = bench.check(remediation_id="r-2", event_id="e-2")
    assert result == ASK


def test_the_id_of_a_remediation_that_ended_starts_no_other(bench: Bench) -> None:
    bench.make_endpoint()
    bench.check()
    bench.records.close("r-1", {"outcome": "DENIED"}, happened(datetime.now(UTC), "ended"))
    with pytest.raises(InvalidInput, match="already ended"):
        bench.check()


def test_a_claim_whose_lease_is_past_is_taken_over(bench: Bench) -> None:
    bench.make_endpoint()
    bench.check()
    bench.pass_time(20 * 86_400)
    bench.check(remediation_id="r-2", event_id="e-2")
    holder = bench.records.holder(FRAUD)
    assert holder is not None
    assert holder["holder"] == "remediation#r-2"


def test_a_config_that_is_not_visible_yet_is_worth_another_try(bench: Bench) -> None:
    bench.make_endpoint()
    bench.hosting.faults.refuse(
        "DescribeEndpointConfig", "ValidationException", 'Could not find endpoint configuration "arn:x".'
    )
    with pytest.raises(EndpointConfigNotFound):
        bench.check()
    assert bench.check() == ASK


def test_throttling_is_named_as_such(bench: Bench) -> None:
    bench.hosting.faults.throttle("DescribeEndpoint", 5)
    with pytest.raises(Throttled):
        bench.check()


def test_input_of_another_shape_is_refused(bench: Bench) -> None:
    with pytest.raises(InvalidInput, match="endpointName"):
        bench.run(handler, **{**bench.check_input(), "endpointName": None})


def test_which_surfaces_require_a_key_is_a_setting(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.make_endpoint(KmsKeyId=KEY_ARN, DataCaptureConfig=_CAPTURE)
    assert bench.check()["verdict"] == "ENCRYPTED"
    monkeypatch.setenv("REQUIRED_SURFACES", "instance-volume,data-capture")
    again = bench.check(remediation_id="r-2", event_id="e-2")
    assert again == ASK
    [volume, capture] = bench.remediation("r-2").get("surfaceKeys", [])
    assert (volume["now"], volume["after"], volume["problem"]) == (KEY_ARN, KEY_ARN, "")
    assert (capture["now"], capture["after"], capture["problem"]) == ("", KEY_ARN, "no KMS key")


def _key(alias: str = "") -> tuple[str, str]:
    """A new key's id and ARN."""
    client = boto3.client("kms")
    metadata = client.create_key(KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]
    if alias:
        client.create_alias(AliasName=alias, TargetKeyId=metadata["KeyId"])
    return metadata["KeyId"], str(metadata.get("Arn"))


@pytest.mark.parametrize("listed", ["alias", "id", "arn"])
@pytest.mark.parametrize("named", ["alias", "id", "arn"])
def test_an_alias_an_id_and_an_arn_of_one_key_are_equal(bench: Bench, listed: str, named: str) -> None:
    key_id, arn = _key("alias/phi")
    names = {"alias": "alias/phi", "id": key_id, "arn": arn}
    bench.file_settings["encryptedBy"] = {REGION: [names[listed]]}
    bench.make_endpoint(KmsKeyId=names[named])
    assert bench.check()["verdict"] == "ENCRYPTED"


@pytest.mark.parametrize("setting", ["listed", "customer-managed"])
def test_a_key_that_does_not_count_is_found_and_would_be_replaced(bench: Bench, setting: str) -> None:
    keys = [_key()[1] if setting == "listed" else setting]
    bench.file_settings["encryptedBy"] = {"eu-west-1": ["any"], REGION: keys}
    other = _key()[1] if setting == "listed" else "alias/none"
    bench.make_endpoint(KmsKeyId=other)
    assert bench.check() == ASK
    [volume] = bench.remediation().get("surfaceKeys", [])
    assert (volume["now"], volume["after"]) == (other, KEY_ARN)
    assert volume["problem"]


@pytest.mark.parametrize("others", [0, 1])
def test_our_own_key_always_counts(bench: Bench, others: int) -> None:
    bench.file_settings["encryptedBy"] = {REGION: [_key()[1] for _ in range(others)]}
    bench.make_endpoint(KmsKeyId=KEY_ARN)
    assert bench.check()["verdict"] == "ENCRYPTED"


def test_the_settings_deployment_policy_is_part_of_the_plan(bench: Bench) -> None:
    bench.make_endpoint()
    bench.check()
    rolling = {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}, "WaitIntervalInSeconds": 60}
    bench.file_settings["deploymentConfig"] = {"RollingUpdatePolicy": rolling}
    bench.check(remediation_id="r-2", event_id="e-2")
    first, second = bench.remediation(), bench.remediation("r-2")
    assert first.get("planHash") != second.get("planHash")
    assert second.get("updateOptions") == {
        "RetainAllVariantProperties": True,
        "DeploymentConfig": {"RollingUpdatePolicy": rolling},
    }


def test_tags_are_kept_before_anything_is_asked(bench: Bench) -> None:
    bench.make_endpoint(Tags=[{"Key": "team", "Value": "fraud"}])
    bench.check()
    assert bench.records.evidence("r-1").bodies["tags"] == {"team": "fraud"}
