"""`sealpoint audit` against the SageMaker server: nothing is left out silently."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from lambdas.domain.errors import RequestRefused
from lambdas.gateways.resource_tags import ResourceTags
from lambdas.handlers import check_encryption
from ops import deployment
from ops.cli import main
from tests.handlers.conftest import KEY_ARN, REGION, Bench

Run = Callable[..., tuple[int, str, str]]
OTHER = "eu-west-1"


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the limits waited, without waiting."""
    waits = list[float]()
    defaults = {"clock": lambda: sum(waits), "sleep": waits.append}
    monkeypatch.setattr("lambdas.gateways.rate_limit.RateLimiter.__init__.__kwdefaults__", defaults)
    return waits


@pytest.fixture
def run(
    bench: Bench,
    waited: list[float],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    assert (bench.messages(), waited) == ([], [])
    monkeypatch.setattr(deployment, "_settings", dict[str, Any])
    monkeypatch.setenv("COLUMNS", "300")

    def run(*arguments: str, regions: tuple[str, ...] = (REGION,)) -> tuple[int, str, str]:
        capsys.readouterr()
        named = [part for region in regions for part in ("--region", region)]
        code = main(["audit", "--share", "1", *named, *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def _found(text: str) -> dict[str, Any]:
    return {one["endpoint"]: one for one in json.loads(text)["endpoints"]}


def test_each_endpoint_is_judged_by_each_of_its_surfaces(bench: Bench, run: Run) -> None:
    bench.make_endpoint("open")
    bench.make_endpoint("closed", KmsKeyId=KEY_ARN)
    capture = {
        "InitialSamplingPercentage": 10, "DestinationS3Uri": "s3://captures/x",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }  # fmt: skip
    bench.make_endpoint("half", KmsKeyId=KEY_ARN, DataCaptureConfig=capture)
    code, out, err = run("--format", "json")
    assert (code, "This audit is incomplete" in err) == (0, False)
    found = _found(out)
    assert [*found] == ["open", "half", "closed"], "worst first"
    assert {name: one["verdict"] for name, one in found.items()} == {
        "open": "UNENCRYPTED", "half": "ENCRYPTED", "closed": "ENCRYPTED",
    }  # fmt: skip
    assert [(one["surface"], one["key"], one["problem"]) for one in found["half"]["surfaces"]] == [
        ("instance-volume", KEY_ARN, ""), ("data-capture", "", "no KMS key"),
    ]  # fmt: skip
    assert found["open"]["instanceTypes"] == ["ml.m5.large"]
    assert {control["name"].partition(":")[0] for control in found["open"]["controls"]} == {
        "AWS Config", "NIST 800-53 r5", "HIPAA",
    }  # fmt: skip
    assert "AWS Config" not in json.dumps(found["half"]["controls"]), "it is about the instance volume alone"
    assert found["closed"]["controls"] == []


def test_a_shared_config_is_read_once_and_its_endpoints_know_of_each_other(bench: Bench, run: Run) -> None:
    bench.make_endpoint("one", config="shared")
    for name in ("two", "three"):
        bench.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName="shared")
    bench.hosting.calls.clear()
    _, out, _ = run("--format", "json")
    assert _found(out)["one"]["sharesConfigWith"] == ["three", "two"]
    assert [call.operation for call in bench.hosting.calls].count("DescribeEndpointConfig") == 1


def test_an_endpoint_that_is_being_updated_is_judged_by_what_serves_meanwhile(bench: Bench, run: Run) -> None:
    bench.make_endpoint("moving")
    bench.make_config("next", KmsKeyId=KEY_ARN)
    bench.sagemaker.update_endpoint(EndpointName="moving", EndpointConfigName="next")
    bench.pass_time(61)
    assert _found(run("--format", "json")[1])["moving"]["config"] == "moving-config"


def test_more_than_a_page_is_listed_whole(bench: Bench, run: Run) -> None:
    bench.make_config("shared")
    for number in range(203):
        bench.sagemaker.create_endpoint(EndpointName=f"e-{number}", EndpointConfigName="shared")
    code, out, _ = run("--format", "json")
    assert code == 0
    assert len(_found(out)) == 203


def test_a_pipeline_fails_only_on_what_it_asked_for(bench: Bench, run: Run) -> None:
    bench.make_endpoint("closed", KmsKeyId=KEY_ARN)
    assert run("--fail-on", "unencrypted")[0] == 0
    bench.make_endpoint("open")
    assert run()[0] == 0
    assert run("--fail-on", "unencrypted")[0] == 1


def test_a_region_that_denies_access_is_reported_and_the_others_are_whole(bench: Bench, run: Run) -> None:
    bench.make_endpoint("here")
    message = "User: arn:aws:iam::1:user/ana is not authorized to perform: sagemaker:ListEndpoints"
    bench.hosting.faults.refuse("ListEndpoints", "AccessDeniedException", message, region=OTHER)
    code, out, err = run("--format", "json", regions=(REGION, OTHER))
    assert code == 2
    assert [*_found(out)] == ["here"]
    assert json.loads(out)["isComplete"] is False
    assert "This audit is incomplete" in err
    assert f"{OTHER}, the list of endpoints: SageMaker refused ListEndpoints: AccessDeniedException" in err


def test_an_endpoint_deleted_while_listing_is_reported(bench: Bench, run: Run) -> None:
    bench.make_endpoint("gone")
    words = 'Could not find endpoint "arn:aws:sagemaker:us-east-1:123456789012:endpoint/gone".'
    bench.hosting.faults.refuse("DescribeEndpoint", "ValidationException", words)
    code, _, err = run("--fail-on", "unencrypted")
    assert code == 2, "incomplete outweighs found"
    assert "endpoint gone: It was deleted while the audit ran." in err


def test_an_endpoint_whose_config_was_deleted_is_listed_as_unknown(bench: Bench, run: Run) -> None:
    config = bench.make_endpoint("orphan")
    bench.sagemaker.delete_endpoint_config(EndpointConfigName=config)
    bench.hosting.violations.clear()
    code, out, _ = run("--format", "json", "--fail-on", "unencrypted")
    assert code == 1
    assert _found(out)["orphan"]["verdict"] == "UNKNOWN"
    assert f"Its config {config} was deleted" in _found(out)["orphan"]["doubt"]


@pytest.mark.parametrize("fault", ["throttle", "break_down"])
def test_what_passes_is_tried_again(bench: Bench, run: Run, fault: str, waited: list[float]) -> None:
    bench.make_endpoint("open")
    for operation in ("ListEndpoints", "DescribeEndpoint", "DescribeEndpointConfig"):
        getattr(bench.hosting.faults, fault)(operation, times=2)
    code, out, _ = run("--format", "json")
    assert (code, [*_found(out)]) == (0, ["open"])
    assert max(waited) >= 1


def test_the_latest_remediation_is_named_where_sealpoint_is_deployed(
    bench: Bench, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.make_endpoint("open")
    bench.run(check_encryption.handler, **bench.check_input("open", "r-1"))
    outputs = {"RecordsTableName": "records", "KmsKeyArn": KEY_ARN}
    monkeypatch.setattr(deployment.Deployment, "outputs", outputs)
    assert _found(run("--format", "json")[1])["open"]["remediation"]["outcome"] == ""
    bench.close("DENIED", endpointName="open")
    found = _found(run("--format", "json")[1])["open"]["remediation"]
    assert (found["id"], found["outcome"]) == ("r-1", "DENIED")


def test_owners_and_exemptions_come_from_the_tags_of_all_endpoints_at_once(bench: Bench, run: Run) -> None:
    def tag(name: str, **tags: str) -> None:
        bench.make_endpoint(name)
        arn = bench.sagemaker.describe_endpoint(EndpointName=name)["EndpointArn"]
        listed = [
            {"Key": key.replace("__", ":").replace("_", "-"), "Value": value} for key, value in tags.items()
        ]
        bench.sagemaker.add_tags(ResourceArn=arn, Tags=listed)

    tag("Owned", team="fraud", colour="red")
    tag("exempt", sealpoint__exempt_until="2999-12-31", sealpoint__exempt_reason="synthetic data")
    tag("late", sealpoint__exempt_until="2020-01-01")
    bench.hosting.calls.clear()
    code, out, _ = run("--format", "json")
    found = _found(out)
    assert code == 0
    assert {name: one["verdict"] for name, one in found.items()} == {
        "Owned": "UNENCRYPTED", "late": "UNENCRYPTED", "exempt": "EXEMPT",
    }  # fmt: skip
    assert found["Owned"]["tags"] == {"team": "fraud", "colour": "red"}
    assert found["exempt"]["exemption"] == "Exempt until 2999-12-31: synthetic data."
    assert found["exempt"]["controls"] == []
    assert "ended on 2020-01-01" in found["late"]["exemption"]
    assert "ListTags" not in {call.operation for call in bench.hosting.calls}
    assert "team=fraud" in run()[1]


def test_tags_that_can_not_be_read_are_reported_and_the_rest_is_judged(
    bench: Bench, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: ResourceTags) -> dict[str, dict[str, str]]:
        raise RequestRefused("Resource Groups Tagging refused GetResources: AccessDeniedException: no")

    monkeypatch.setattr(ResourceTags, "of_endpoints", refuse)
    bench.make_endpoint("open")
    code, out, err = run("--format", "json")
    assert code == 2
    assert _found(out)["open"]["tags"] is None
    assert "tags, and therefore exemptions: Resource Groups Tagging refused" in err


def test_the_table_and_the_csv_say_the_same(bench: Bench, run: Run) -> None:
    bench.make_endpoint("open")
    _, table, err = run()
    assert "UNENCRYPTED" in table
    assert "instance volume: no KMS key" in table
    assert "1 endpoint in 1 region: 1 UNENCRYPTED." in err
    [row] = csv.DictReader(io.StringIO(run("--format", "csv")[1]))
    assert (row["endpoint"], row["verdict"], row["openSurfaces"]) == (
        "open",
        "UNENCRYPTED",
        "instance-volume",
    )


@pytest.mark.parametrize("share", ["0", "1.5", "half"])
def test_a_share_is_a_share(share: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--share", share]) == 2
    assert "--share" in capsys.readouterr().err
