"""What follows an encryption: the way back, and the old config's retirement."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.domain.errors import (
    EndpointBusy,
    EndpointChanged,
    EndpointConfigNotFound,
    InvalidInput,
    RequestRefused,
)
from lambdas.domain.record import iso
from lambdas.domain.vocabulary import ApprovalStatus
from lambdas.gateways.records.records import Evidence
from lambdas.gateways.sagemaker import SageMaker
from lambdas.handlers import (
    await_in_service,
    begin_backout,
    close_backout,
    close_remediation,
    create_encrypted_config,
    exempt_endpoint,
    poll_endpoint,
    request_approval,
    restore_config,
    retire_old_config,
    update_endpoint,
)
from tests.handlers.conftest import ADA, EXECUTIONS, FRAUD, Bench
from tests.unit import samples

OLD = "fraud-config"


def move_to_twin(bench: Bench) -> None:
    """Remediation r-1, up to the end of its update."""
    bench.check()
    bench.check_feasibility()
    bench.run(request_approval.handler, remediationId="r-1", taskToken="token-1")
    approval_id = bench.remediation().get("approvalId", "")
    bench.records.settle(approval_id, ApprovalStatus.APPROVED, {"decidedBy": ADA.id})
    bench.run(create_encrypted_config.handler, remediationId="r-1")
    bench.run(update_endpoint.handler, remediationId="r-1")
    bench.pass_time(1200)


@pytest.fixture
def encrypted(bench: Bench) -> Bench:
    """An endpoint that remediation r-1 has encrypted."""
    bench.make_endpoint(Tags=[{"Key": "team", "Value": "fraud"}])
    move_to_twin(bench)
    bench.run(poll_endpoint.handler, remediationId="r-1")
    bench.run(close_remediation.handler, remediationId="r-1")
    return bench


def requested(bench: Bench, backout_id: str = "b-1") -> None:
    """Someone requested the backout: it is on the approval."""
    bench.records.note_approval(
        bench.approval()["approvalId"], {"backout": samples.backout_request(ADA.id, backoutId=backout_id)}
    )


def begin(bench: Bench, backout_id: str = "b-1", **changes: Any) -> dict[str, Any]:
    event = {
        "backoutId": backout_id, "executionArn": f"{EXECUTIONS}:{backout_id}", "endpointName": "fraud",
        "backsOut": "r-1",
    }  # fmt: skip
    requested(bench, backout_id)
    return bench.run(begin_backout.handler, **event | changes)


def go_back(bench: Bench, backout_id: str = "b-1") -> None:
    """Everything up to the request that moves the endpoint."""
    begin(bench, backout_id)
    for step in (await_in_service, restore_config, exempt_endpoint, update_endpoint):
        bench.run(step.handler, backoutId=backout_id)


def close(bench: Bench, **ending: Any) -> dict[str, Any]:
    event = {"backoutId": "b-1", "executionArn": f"{EXECUTIONS}:b-1", "backsOut": "r-1", **ending}
    return bench.run(close_backout.handler, **event)


def live_config(bench: Bench) -> str:
    return str(bench.sagemaker.describe_endpoint(EndpointName="fraud")["EndpointConfigName"])


def endpoint_tags(bench: Bench) -> dict[str, str]:
    arn = bench.sagemaker.describe_endpoint(EndpointName="fraud")["EndpointArn"]
    return {tag["Key"]: tag["Value"] for tag in bench.sagemaker.list_tags(ResourceArn=arn)["Tags"]}


def configs(bench: Bench) -> set[str]:
    found = bench.sagemaker.list_endpoint_configs()["EndpointConfigs"]
    return {config["EndpointConfigName"] for config in found}


def card(bench: Bench) -> str:
    return json.dumps(bench.messages()[0].blocks)


# -- after success


def test_success_starts_the_wait_for_the_old_configs_retirement_once(encrypted: Bench) -> None:
    encrypted.run(close_remediation.handler, remediationId="r-1")
    first, again = encrypted.workflow.started
    assert first == again
    assert first == (
        "retirement",
        "r-1",
        {"endpointName": "fraud", "remediationId": "r-1", "waitSeconds": 14 * 86_400},
    )
    assert '"backout"' in card(encrypted)


def test_without_time_for_it_no_way_back_is_offered(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOUT_DAYS", "0")
    bench.make_endpoint()
    bench.check()
    bench.run(request_approval.handler, remediationId="r-1", taskToken="token-1")
    bench.close("ENCRYPTED")
    assert '"backout"' not in card(bench)
    assert bench.workflow.started[-1][2]["waitSeconds"] == 0


# -- the way back


def test_the_endpoint_returns_to_its_config_exempt_and_with_its_capacity(encrypted: Bench) -> None:
    encrypted.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="fraud", DesiredWeightsAndCapacities=[{"VariantName": "a", "DesiredInstanceCount": 5}]
    )
    encrypted.pass_time(700)
    go_back(encrypted)
    encrypted.pass_time(1200)
    encrypted.run(poll_endpoint.handler, backoutId="b-1")
    assert close(encrypted)["outcome"] == "BACKED_OUT"

    assert live_config(encrypted) == OLD
    endpoint = encrypted.sagemaker.describe_endpoint(EndpointName="fraud")
    assert endpoint["ProductionVariants"][0]["CurrentInstanceCount"] == 5
    assert "sealpoint:exempt-until" in endpoint_tags(encrypted)
    assert encrypted.records.holder(FRAUD) is None
    assert encrypted.records.backout("b-1").get("outcome") == "BACKED_OUT"
    assert "Returned to" in card(encrypted)
    asked_anew = encrypted.check(remediation_id="r-2", event_id="e-2")
    assert asked_anew["verdict"] == "EXEMPT"


def test_a_config_that_was_deleted_is_recreated_from_the_record(encrypted: Bench) -> None:
    before = encrypted.records.evidence("r-1").bodies
    encrypted.sagemaker.delete_endpoint_config(EndpointConfigName=OLD)
    begin(encrypted)
    for _ in range(2):  # a retry finds it there
        encrypted.run(restore_config.handler, backoutId="b-1")
    restored = encrypted.sagemaker.describe_endpoint_config(EndpointConfigName=OLD)
    assert restored["ProductionVariants"] == before["config"]["ProductionVariants"]
    tags = encrypted.sagemaker.list_tags(ResourceArn=restored["EndpointConfigArn"])["Tags"]
    assert tags == [{"Key": "team", "Value": "fraud"}]
    assert encrypted.records.backout("b-1").get("restoredConfigName") == OLD


def test_what_aws_adds_to_a_restored_config_is_no_difference_and_on_record(bench: Bench) -> None:
    """A config of before November 2023 is made again today."""
    bench.hosting.faults.adds_network_isolation = False
    bench.make_endpoint()
    bench.hosting.faults.adds_network_isolation = True
    move_to_twin(bench)
    bench.run(poll_endpoint.handler, remediationId="r-1")
    bench.run(close_remediation.handler, remediationId="r-1")
    bench.sagemaker.delete_endpoint_config(EndpointConfigName=OLD)
    begin(bench)
    bench.run(restore_config.handler, backoutId="b-1")
    assert bench.records.backout("b-1").get("restoredConfigName") == OLD
    assert bench.records.backout("b-1").get("restoredAdditions") == ["EnableNetworkIsolation: false"]


def test_a_config_recreated_with_another_volume_is_not_the_one_to_go_back_to(encrypted: Bench) -> None:
    """Without a key AWS adds no size, so this one is somebody's own."""
    encrypted.sagemaker.delete_endpoint_config(EndpointConfigName=OLD)
    variant = {
        "VariantName": "a", "ModelName": "model", "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1, "InitialVariantWeight": 1.0, "VolumeSizeInGB": 512,
    }  # fmt: skip
    encrypted.make_config(OLD, ProductionVariants=[variant])
    begin(encrypted)
    encrypted.run(restore_config.handler, backoutId="b-1")
    assert encrypted.records.backout("b-1").get("restoredConfigName", "").startswith("fraud-config-was-")


def test_the_endpoints_name_is_the_same_in_whatever_case(encrypted: Bench) -> None:
    assert begin(encrypted, endpointName="FRAUD") == {"attempt": 0}
    assert encrypted.records.backout("b-1")["endpointName"] == "fraud"


def test_a_config_whose_name_someone_took_is_restored_under_another(encrypted: Bench) -> None:
    encrypted.sagemaker.delete_endpoint_config(EndpointConfigName=OLD)
    encrypted.make_config(OLD, KmsKeyId="alias/theirs")
    begin(encrypted)
    encrypted.run(restore_config.handler, backoutId="b-1")
    name = encrypted.records.backout("b-1").get("restoredConfigName", "")
    assert name.startswith("fraud-config-was-")
    assert "KmsKeyId" not in encrypted.sagemaker.describe_endpoint_config(EndpointConfigName=name)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"backsOut": "r-9"}, InvalidInput),
        ({"endpointName": "other"}, InvalidInput),
        ({"backoutId": "b-9"}, InvalidInput),
    ],
)
def test_only_what_was_encrypted_can_be_backed_out_of(
    encrypted: Bench, changes: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        begin(encrypted, **changes)


def test_an_endpoint_that_moved_on_stays_where_it_is(encrypted: Bench) -> None:
    encrypted.make_config("newer")
    encrypted.move("newer")
    with pytest.raises(EndpointChanged, match="no longer on"):
        begin(encrypted)
    encrypted.pass_time(1200)


def test_a_remediation_at_work_is_not_disturbed(encrypted: Bench) -> None:
    claim: Any = {
        "endpointId": str(FRAUD), "holder": "remediation#r-2", "planHash": "p",
        "leaseUntil": "2099-01-01T00:00:00Z",
    }  # fmt: skip
    encrypted.records.claim(claim, encrypted.clock_now())
    with pytest.raises(EndpointChanged, match="Remediation r-2 is working on"):
        begin(encrypted)


def test_a_backout_that_aws_refuses_leaves_the_twin_and_no_exemption(encrypted: Bench) -> None:
    twin = live_config(encrypted)
    arn = encrypted.sagemaker.describe_endpoint(EndpointName="fraud")["EndpointArn"]
    encrypted.sagemaker.add_tags(
        ResourceArn=arn, Tags=[{"Key": "sealpoint:exempt-until", "Value": "2020-01-01"}]
    )
    encrypted.hosting.faults.refuse("UpdateEndpoint", "ValidationException", "The model is gone.")
    with pytest.raises(RequestRefused):
        go_back(encrypted)
    refused = {"Error": "RequestRefused", "Cause": json.dumps({"errorMessage": "gone"})}
    closed = close(encrypted, error=refused)
    assert closed["outcome"] == "FAILED"
    assert live_config(encrypted) == twin
    assert endpoint_tags(encrypted)["sealpoint:exempt-until"] == "2020-01-01", "as it was before"
    assert "sealpoint:exempt-reason" not in endpoint_tags(encrypted)
    assert "ended FAILED" in card(encrypted)
    assert '"backout"' in card(encrypted), "it can be tried again"


def test_a_backout_that_never_began_is_reported_all_the_same(encrypted: Bench) -> None:
    requested(encrypted)
    closed = close(encrypted, stopped="The execution ended as ABORTED.", endpointName="fraud")
    assert closed["outcome"] == "FAILED"
    assert "ended FAILED" in card(encrypted)


# -- retirement


def retire(bench: Bench, **event: Any) -> dict[str, Any]:
    return bench.run(retire_old_config.handler, remediationId="r-1", **event)


def test_the_old_config_is_deleted_when_nothing_uses_it(encrypted: Bench) -> None:
    assert retire(encrypted) == {}
    assert OLD not in configs(encrypted)
    assert encrypted.records.evidence("r-1").bodies["config"]["EndpointConfigName"] == OLD
    assert "its content is on record" in card(encrypted)
    assert '"backout"' not in card(encrypted)
    assert retire(encrypted) == {}


def test_the_old_config_is_itself_though_aws_describes_more_of_it_by_now(
    encrypted: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = encrypted.records.evidence("r-1").bodies
    del kept["config"]["EnableNetworkIsolation"]

    def as_kept(*_: Any) -> Evidence:
        return Evidence({name: json.dumps(body) for name, body in kept.items()})

    monkeypatch.setattr("lambdas.gateways.records.records.Records.evidence", as_kept)
    retire(encrypted)
    assert OLD not in configs(encrypted)


def test_the_same_config_recreated_by_someone_is_kept(encrypted: Bench) -> None:
    """Such as by Terraform, which then manages it: a name is no identity."""
    encrypted.sagemaker.delete_endpoint_config(EndpointConfigName=OLD)
    encrypted.make_config(OLD)
    retire(encrypted)
    assert OLD in configs(encrypted)
    assert "created later" in encrypted.remediation().get("sourceKept", "")


def test_a_config_that_another_endpoint_uses_is_kept(encrypted: Bench) -> None:
    encrypted.sagemaker.create_endpoint(EndpointName="other", EndpointConfigName=OLD)
    retire(encrypted)
    assert OLD in configs(encrypted)
    assert "other" in encrypted.remediation().get("sourceKept", "")


def _one_page(_self: Any, _token: str = "") -> tuple[list[str], str]:
    return ["fraud"], ""


def _two_pages(_self: Any, token: str = "") -> tuple[list[str], str]:
    return ["fraud"], "" if token else "two"


def test_one_that_comes_to_use_it_while_the_pages_are_read_is_seen(
    encrypted: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    encrypted.sagemaker.create_endpoint(EndpointName="other", EndpointConfigName=OLD)
    monkeypatch.setattr("lambdas.gateways.sagemaker.SageMaker.endpoints_page", _one_page)
    retire(encrypted)
    assert OLD in configs(encrypted)


@pytest.mark.parametrize("updated", [False, True])
def test_one_that_comes_to_use_it_while_the_changed_ones_are_described_is_seen(
    encrypted: Bench, monkeypatch: pytest.MonkeyPatch, updated: bool
) -> None:
    """It was not in the list of changed ones, and lost its config: L8 of the review."""
    encrypted.make_config("another")
    began = iso(datetime.fromtimestamp(encrypted.clock.now(), UTC))
    for name in ("busy", "late") if updated else ("busy",):
        encrypted.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName="another")
    encrypted.pass_time(3600)
    describe, described = SageMaker.describe_endpoint, list[str]()

    def meanwhile(gateway: SageMaker, name: str) -> Any:
        if described.count("busy") == 1 and name == "busy":  # on the last page before, and changed since
            change = encrypted.sagemaker.update_endpoint if updated else encrypted.sagemaker.create_endpoint
            change(EndpointName="late", EndpointConfigName=OLD)
        described.append(name)
        return describe(gateway, name)

    monkeypatch.setattr(SageMaker, "describe_endpoint", meanwhile)
    retire(encrypted, scanFrom=began)
    assert OLD in configs(encrypted)
    assert "late" in encrypted.remediation().get("sourceKept", "")


def test_every_page_of_endpoints_is_looked_at(encrypted: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lambdas.gateways.sagemaker.SageMaker.endpoints_page", _two_pages)
    more = retire(encrypted)
    assert more["nextToken"] == "two"
    assert OLD in configs(encrypted)
    assert retire(encrypted, **more) == {}
    assert OLD not in configs(encrypted)


@pytest.mark.parametrize(
    ("setting", "backout", "says"),
    [
        ("false", None, "settings keep"),
        ("true", {}, "returned to it"),
        ("true", {"outcome": "BACKED_OUT"}, "returned to it"),
        ("true", {"outcome": "FAILED"}, ""),
    ],
)
def test_a_config_that_is_still_wanted_is_kept(
    encrypted: Bench, monkeypatch: pytest.MonkeyPatch, setting: str, backout: dict[str, str] | None, says: str
) -> None:
    monkeypatch.setenv("RETIRE_OLD_CONFIG", setting)
    if backout is not None:
        requested(encrypted)
        encrypted.records.start_backout(samples.backout(backoutId="b-1", **backout))
    retire(encrypted)
    assert (OLD in configs(encrypted)) is bool(says)
    assert says in encrypted.remediation().get("sourceKept", "")


def test_another_config_under_the_old_name_is_not_touched(encrypted: Bench) -> None:
    encrypted.sagemaker.delete_endpoint_config(EndpointConfigName=OLD)
    encrypted.make_config(OLD, KmsKeyId="alias/theirs")
    retire(encrypted)
    assert OLD in configs(encrypted)
    assert "not the config on record" in encrypted.remediation().get("sourceKept", "")


def test_a_config_is_not_retired_in_the_moment_in_which_an_endpoint_moves_back_onto_it(
    encrypted: Bench,
) -> None:
    with (
        encrypted.records.config_locked(samples.backout(backoutId="b-1"), OLD, encrypted.clock_now()),
        pytest.raises(EndpointBusy),
    ):
        retire(encrypted)
    assert OLD in configs(encrypted)
    retire(encrypted)
    assert OLD not in configs(encrypted)


def test_an_endpoint_does_not_move_back_in_the_moment_in_which_its_config_is_retired(
    encrypted: Bench,
) -> None:
    begin(encrypted)
    for step in (await_in_service, restore_config, exempt_endpoint):
        encrypted.run(step.handler, backoutId="b-1")
    with (
        encrypted.records.config_locked(encrypted.remediation(), OLD, encrypted.clock_now()),
        pytest.raises(EndpointBusy),
    ):
        encrypted.run(update_endpoint.handler, backoutId="b-1")
    encrypted.sagemaker.delete_endpoint_config(EndpointConfigName=OLD)
    with pytest.raises(EndpointConfigNotFound):
        encrypted.run(update_endpoint.handler, backoutId="b-1")
    assert live_config(encrypted) != OLD


def test_a_lock_whose_holder_was_killed_ends_by_itself(encrypted: Bench) -> None:
    lock = encrypted.records.config_locked(samples.backout(backoutId="b-1"), OLD, encrypted.clock_now())
    lock.__enter__()
    encrypted.pass_time(600)
    retire(encrypted)
    assert OLD not in configs(encrypted)


# -- the live capture


def test_a_capture_that_kept_running_without_the_key_is_reported(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = {
        "EnableCapture": True, "InitialSamplingPercentage": 50, "DestinationS3Uri": "s3://captures/x",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }  # fmt: skip
    bench.make_endpoint(DataCaptureConfig=capture)
    bench.hosting.faults.data_capture_retained = True
    move_to_twin(bench)
    assert bench.run(poll_endpoint.handler, remediationId="r-1")["outcome"] == "ENCRYPTED"
    assert any("live capture" in note for note in bench.remediation().get("notes", []))
    monkeypatch.setenv("REQUIRED_SURFACES", "instance-volume,data-capture")
    assert bench.run(poll_endpoint.handler, remediationId="r-1")["outcome"] == "FAILED"
