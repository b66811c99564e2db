"""An endpoint is found whatever the case in which its name is typed, as SageMaker finds it."""

from __future__ import annotations

import json

import pytest

from lambdas.domain.record import run_id
from lambdas.handlers import check_encryption
from ops import backout, deployment, history
from ops.cli import main
from ops.deployment import Deployment
from tests.handlers.conftest import ACCOUNT, KEY_ARN, REGION, TABLE, Bench
from tests.unit import samples


@pytest.fixture
def found(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """The deployment in which the endpoint `Fraud` was encrypted."""
    bench.make_endpoint("Fraud", KmsKeyId=KEY_ARN)
    monkeypatch.setattr(deployment, "_settings", dict)
    outputs = {"RecordsTableName": TABLE, "KmsKeyArn": KEY_ARN}
    monkeypatch.setattr(Deployment, "outputs", outputs)
    record = samples.remediation(**_named("Fraud"), remediationId="r-1", outcome="ENCRYPTED")
    bench.records.start(record)
    return Deployment(REGION)


def _named(name: str) -> dict[str, str]:
    return {"endpointId": f"{ACCOUNT}/{REGION}/{name}", "endpointName": name}


def _refuse(bench: Bench) -> None:
    bench.hosting.faults.refuse("DescribeEndpoint", "AccessDeniedException", "not authorized to describe")


@pytest.mark.parametrize("typed", ["Fraud", "FRAUD", "fraud"])
def test_an_endpoint_is_known_by_the_name_it_was_created_with(found: Deployment, typed: str) -> None:
    assert found.endpoint_as_named(typed) == "Fraud"


def test_a_name_stays_as_typed_if_sagemaker_can_not_be_asked(found: Deployment, bench: Bench) -> None:
    _refuse(bench)
    assert found.endpoint_as_named("FRAUD") == "FRAUD"


def test_a_name_stays_as_typed_if_the_endpoint_is_gone(found: Deployment, bench: Bench) -> None:
    bench.sagemaker.delete_endpoint(EndpointName="Fraud")
    bench.pass_time(700)
    assert found.endpoint_as_named("FRAUD") == "FRAUD"


def test_a_backout_finds_what_encrypted_it(found: Deployment, bench: Bench) -> None:
    assert backout.find(found, "FRAUD")["remediationId"] == "r-1"
    _refuse(bench)
    with pytest.raises(backout.NothingToBackOut, match="encrypted the endpoint FRAUD"):
        backout.find(found, "FRAUD")
    assert backout.find(found, "Fraud")["remediationId"] == "r-1"


@pytest.mark.usefixtures("found")
def test_history_lists_the_records_under_both_spellings(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    later = samples.remediation(**_named("FRAUD"), remediationId="r-2", startedAt="2026-11-25T09:00:00Z")
    bench.records.start(later)
    other = samples.remediation(**_named("other"), remediationId="r-3")
    bench.records.start(other)
    assert main(["history", "FRAUD", "--region", REGION, "--format", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)["remediations"]
    assert [one["record"]["remediationId"] for one in listed] == ["r-2", "r-1"]


def test_history_lists_each_record_once(found: Deployment) -> None:
    assert [run_id(record) for record in history.records(found, "Fraud")] == ["r-1"]


def test_the_record_of_a_name_typed_otherwise_goes_by_the_endpoints_own(
    found: Deployment, bench: Bench
) -> None:
    bench.run(check_encryption.handler, **bench.check_input("FRAUD", "r-4"))
    assert {run_id(record) for record in history.records(found, "fraud")} == {"r-1", "r-4"}
