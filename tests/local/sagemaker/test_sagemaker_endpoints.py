"""The life of an endpoint: its statuses over time, what runs behind it, what it refuses when."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from local.sagemaker import Timings
from local.sagemaker.deployment import deploy
from local.sagemaker.lifecycle import (
    COURSES,
    IN_PROGRESS,
    Arrival,
    Course,
    Endpoint,
    begin,
    create,
    settle,
)
from tests.local.sagemaker.account import (
    ACCOUNT_ID,
    CANARY,
    CAPTURE,
    REGION,
    STAMPED,
    START,
    Account,
    describe,
    refusal,
    variant,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Callable

ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT_ID}:endpoint/shop"


def capacities(account: Account) -> dict[str, tuple[float, int]]:
    """Weight and instance count by variant, once desired and current are the same."""
    variants = describe(account)["ProductionVariants"]
    for v in variants:
        assert v["DesiredWeight"] == v["CurrentWeight"]
        assert v["DesiredInstanceCount"] == v["CurrentInstanceCount"]
    return {v["VariantName"]: (v["CurrentWeight"], v["CurrentInstanceCount"]) for v in variants}


def scale(account: Account, **wishes: dict[str, Any]) -> None:
    account.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="shop",
        DesiredWeightsAndCapacities=[{"VariantName": name, **wish} for name, wish in wishes.items()],
    )


def update(account: Account, config: str, **options: Any) -> None:
    account.sagemaker.update_endpoint(EndpointName="shop", EndpointConfigName=config, **options)


# -- creation


def test_creation_takes_its_time(account: Account) -> None:
    account.create_config("plain")
    created = account.sagemaker.create_endpoint(EndpointName="shop", EndpointConfigName="plain")
    account.clock.advance(599)

    creating = describe(account)
    account.clock.advance(1)
    in_service = describe(account)

    assert created["EndpointArn"] == ARN
    assert creating["EndpointStatus"] == "Creating"
    assert creating["EndpointConfigName"] == "plain"
    assert "ProductionVariants" not in creating
    assert creating["PendingDeploymentSummary"]["EndpointConfigName"] == "plain"
    assert in_service["EndpointStatus"] == "InService"
    assert in_service["EndpointArn"] == ARN
    assert in_service["CreationTime"].timestamp() == START + STAMPED
    assert in_service["LastModifiedTime"].timestamp() == START + 600
    assert "PendingDeploymentSummary" not in in_service
    assert "FailureReason" not in in_service


def test_the_time_of_a_change_is_when_it_happened_not_when_it_was_seen(account: Account) -> None:
    account.create_config("plain")
    account.create_endpoint()
    account.clock.advance(5_000)

    assert describe(account)["LastModifiedTime"].timestamp() == START + 600


def test_creation_needs_config_model_and_a_free_name(account: Account) -> None:
    account.create_config("plain")
    account.create_endpoint("shop")
    account.create_model("other")
    account.create_config("stale", [variant(model="other")])
    account.sagemaker.delete_model(ModelName="other")

    def attempt(name: str, config: str) -> tuple[str, str]:
        with pytest.raises(ClientError) as raised:
            account.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        return refusal(raised)

    prefix = f"arn:aws:sagemaker:{REGION}:{ACCOUNT_ID}"
    code = "ValidationException"
    assert attempt("shop", "plain") == (code, f'Cannot create already existing endpoint "{ARN}".')
    assert attempt("new", "None") == (
        code,
        f'Could not find endpoint configuration "{prefix}:endpoint-config/None".',
    )
    assert attempt("new", "stale") == (code, f'Could not find model "{prefix}:model/other".')
    assert [e["EndpointName"] for e in account.sagemaker.list_endpoints()["Endpoints"]] == ["shop"]


def test_creation_that_fails(account: Account) -> None:
    account.create_config("plain")
    account.hosting.faults.fail_next_creation("The container did not pass the ping health check.")
    account.create_endpoint()

    failed = describe(account)
    assert failed["EndpointStatus"] == "Failed"
    assert failed["FailureReason"] == "The container did not pass the ping health check."
    assert failed["EndpointConfigName"] == "plain"

    account.create_config("next")
    with pytest.raises(ClientError) as raised:
        update(account, "next")
    assert refusal(raised) == ("ValidationException", f'Cannot update failed endpoint "{ARN}".')
    account.sagemaker.delete_endpoint(EndpointName="shop")
    account.create_endpoint("second")
    assert account.status("second") == "InService"


def test_what_runs_is_described(account: Account) -> None:
    account.create_config(
        "rich",
        [variant(InitialVariantWeight=3, RoutingConfig={"RoutingStrategy": "RANDOM"})],
        ShadowProductionVariants=[variant("shadow", count=1)],
        DataCaptureConfig={**CAPTURE, "KmsKeyId": "alias/captures"},
        AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": "s3://answers/"}},
    )
    account.create_endpoint("shop", "rich")

    shop = describe(account)

    (blue,), (shadow,) = shop["ProductionVariants"], shop["ShadowProductionVariants"]
    image = blue.pop("DeployedImages")[0]
    assert blue == {
        "VariantName": "blue",
        "CurrentWeight": 3.0,
        "DesiredWeight": 3.0,
        "CurrentInstanceCount": 2,
        "DesiredInstanceCount": 2,
        "RoutingConfig": {"RoutingStrategy": "RANDOM"},
    }
    assert image["SpecifiedImage"].endswith("/churn:1.4")
    assert "/churn@sha256:" in image["ResolvedImage"]
    assert (shadow["VariantName"], shadow["CurrentInstanceCount"]) == ("shadow", 1)
    assert shop["DataCaptureConfig"] == {
        "EnableCapture": True,
        "CaptureStatus": "Started",
        "CurrentSamplingPercentage": 20,
        "DestinationS3Uri": "s3://captures/shop",
        "KmsKeyId": "alias/captures",
    }
    assert shop["AsyncInferenceConfig"] == {"OutputConfig": {"S3OutputPath": "s3://answers/"}}
    assert "KmsKeyId" not in shop


def test_capture_that_is_off_and_has_no_key(account: Account) -> None:
    account.create_config("plain", DataCaptureConfig={**CAPTURE, "EnableCapture": False})
    account.create_endpoint()

    capture = describe(account)["DataCaptureConfig"]
    assert (capture["EnableCapture"], capture["CaptureStatus"], capture["KmsKeyId"]) == (False, "Stopped", "")


def test_serverless_variants(account: Account) -> None:
    stated = {"MemorySizeInMB": 2048, "MaxConcurrency": 10}
    account.create_config(
        "serverless", [variant(InstanceType=None, InitialInstanceCount=None, ServerlessConfig=stated)]
    )
    account.create_endpoint("shop", "serverless")
    scale(account, blue={"ServerlessUpdateConfig": {"MaxConcurrency": 40}})
    scaled = {**stated, "MaxConcurrency": 40}

    (during,) = describe(account)["ProductionVariants"]
    account.clock.advance(account.hosting.timings.scale)
    (after,) = describe(account)["ProductionVariants"]
    update(account, "serverless", RetainAllVariantProperties=True)
    account.finish_update()
    (retained,) = describe(account)["ProductionVariants"]

    assert (during["CurrentServerlessConfig"], during["DesiredServerlessConfig"]) == (stated, scaled)
    assert during["CurrentInstanceCount"] == 0
    assert after["CurrentServerlessConfig"] == retained["CurrentServerlessConfig"] == scaled
    assert "DesiredServerlessConfig" not in after


def test_instance_pools(account: Account) -> None:
    pools = [
        {"InstanceType": "ml.g5.xlarge", "Priority": 2},
        {"InstanceType": "ml.g6.xlarge", "Priority": 1},
    ]
    account.create_config("pools", [variant(InstanceType=None, InstancePools=pools)])
    account.create_endpoint("shop", "pools")

    (blue,) = describe(account)["ProductionVariants"]
    assert [(p["InstanceType"], p["CurrentInstanceCount"]) for p in blue["InstancePools"]] == [
        ("ml.g5.xlarge", 0),
        ("ml.g6.xlarge", 2),
    ]


# -- update


def _new_instances(account: Account, seconds: float) -> list[tuple[int, str]]:
    """What a pending deployment shows of its first variant, every minute."""
    shown: list[tuple[int, str]] = []
    for _ in range(int(seconds // 60)):
        account.clock.advance(60)
        pending = describe(account).get("PendingDeploymentSummary")
        if pending and describe(account)["EndpointStatus"] == "Updating":
            (new,) = pending["ProductionVariants"]
            shown.append((new["CurrentInstanceCount"], new["VariantStatus"][0]["Status"]))
    return shown


def test_the_instances_of_an_update_come_up_one_after_the_other(account: Account) -> None:
    account.create_config("plain")
    account.create_config("twin", [variant(count=6)])
    account.create_endpoint()
    update(account, "twin")

    shown = _new_instances(account, 600)

    counts = [count for count, _ in shown]
    assert counts == sorted(counts)
    assert set(counts) == {1, 2, 3, 4, 5, 6}
    assert {status for count, status in shown if count < 6} == {"Creating"}
    assert shown[-1] == (6, "ActivatingTraffic")


def test_an_update_that_will_be_rolled_back_never_has_all_its_instances(account: Account) -> None:
    account.create_config("plain")
    account.create_config("twin", [variant(count=6)])
    account.create_endpoint()
    account.hosting.faults.roll_back_next_update("CapacityError")
    update(account, "twin")

    assert max(_new_instances(account, 540)) == (5, "Creating")


def test_an_update_shows_the_old_config_until_it_is_done(account: Account) -> None:
    account.create_config("plain")
    account.create_config("twin", [variant(count=3, InstanceType="ml.c5.large")], DataCaptureConfig=CAPTURE)
    account.create_endpoint()

    update(account, "twin")
    account.clock.advance(599)
    during = describe(account)
    account.clock.advance(1)
    after = describe(account)

    assert during["EndpointStatus"] == "Updating"
    assert during["EndpointConfigName"] == "plain"
    assert "DataCaptureConfig" not in during
    pending = during["PendingDeploymentSummary"]
    assert pending["EndpointConfigName"] == "twin"
    assert pending["StartTime"].timestamp() == START + 603
    (blue,) = pending["ProductionVariants"]
    assert (blue["CurrentInstanceCount"], blue["DesiredInstanceCount"]) == (3, 3)
    assert blue["InstanceType"] == "c5.large"
    assert blue["VariantStatus"][0]["Status"] == "ActivatingTraffic"
    assert after["EndpointStatus"] == "InService"
    assert after["EndpointConfigName"] == "twin"
    assert "PendingDeploymentSummary" not in after
    assert after["DataCaptureConfig"]["CurrentSamplingPercentage"] == 20
    assert capacities(account) == {"blue": (1.0, 3)}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"blue": (1.0, 2), "green": (5.0, 1)}),
        ({"RetainAllVariantProperties": False}, {"blue": (1.0, 2), "green": (5.0, 1)}),
        ({"RetainAllVariantProperties": True}, {"blue": (0.5, 9), "green": (5.0, 1)}),
        (
            {
                "RetainAllVariantProperties": True,
                "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredInstanceCount"}],
            },
            {"blue": (0.5, 2), "green": (5.0, 1)},
        ),
        (
            {
                "RetainAllVariantProperties": True,
                "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredWeight"}],
            },
            {"blue": (1.0, 9), "green": (5.0, 1)},
        ),
    ],
)
def test_live_capacity_is_kept_only_where_it_is_asked_for(
    account: Account, options: dict[str, Any], expected: dict[str, tuple[float, int]]
) -> None:
    account.create_config("plain", [variant("blue"), variant("red")])
    account.create_config("twin", [variant("blue"), variant("green", count=1, InitialVariantWeight=5)])
    account.create_endpoint()
    scale(account, blue={"DesiredInstanceCount": 9, "DesiredWeight": 0.5})
    account.clock.advance(account.hosting.timings.scale)

    update(account, "twin", **options)
    account.finish_update()

    assert capacities(account) == expected


def test_data_capture_cannot_be_excluded_from_what_is_retained(account: Account) -> None:
    account.create_config("plain")
    account.create_endpoint()

    with pytest.raises(ClientError, match="not currently supported"):
        update(
            account,
            "plain",
            RetainAllVariantProperties=True,
            ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DataCaptureConfig"}],
        )
    assert account.status() == "InService"


@pytest.mark.parametrize(
    ("options", "expected"), [({}, "new"), ({"RetainAllVariantProperties": True}, "old")]
)
def test_data_capture_may_turn_out_to_be_retained(
    account: Account, options: dict[str, Any], expected: str
) -> None:
    account.hosting.faults.data_capture_retained = True
    for name, key in (("plain", "old"), ("twin", "new")):
        account.create_config(name, DataCaptureConfig={**CAPTURE, "KmsKeyId": key})
    account.create_endpoint()

    update(account, "twin", **options)
    account.finish_update()

    assert describe(account)["DataCaptureConfig"]["KmsKeyId"] == expected


def test_the_deployment_policy_lasts_only_if_retained(account: Account) -> None:
    account.create_config("plain")
    account.create_endpoint("shop")
    assert "LastDeploymentConfig" not in describe(account)

    policies: list[Any] = []
    for options in ({"DeploymentConfig": CANARY}, {"RetainDeploymentConfig": True}, {}):
        update(account, "plain", **options)
        account.finish_update()
        policies.append(describe(account).get("LastDeploymentConfig"))

    assert policies == [CANARY, CANARY, None]


def test_an_endpoint_is_created_with_a_deployment_policy(account: Account) -> None:
    account.create_config("plain")
    account.create_endpoint("shop", DeploymentConfig=CANARY)
    assert describe(account)["LastDeploymentConfig"] == CANARY


@pytest.mark.parametrize("reason", [None, "Alarm 5xx went off."])
def test_an_update_rolled_back(account: Account, reason: str | None) -> None:
    account.create_config("plain")
    account.create_config("twin")
    account.create_endpoint()
    account.hosting.faults.roll_back_next_update(reason)

    update(account, "twin")
    statuses = [account.status()]
    account.clock.advance(account.hosting.timings.update)
    rolling_back = describe(account)
    account.clock.advance(account.hosting.timings.roll_back)
    after = describe(account)

    assert statuses == ["Updating"]
    assert rolling_back["EndpointStatus"] == "RollingBack"
    assert "FailureReason" not in rolling_back
    assert "PendingDeploymentSummary" not in rolling_back
    assert after["EndpointStatus"] == "InService"
    assert after["EndpointConfigName"] == "plain"
    assert after.get("FailureReason") == reason

    update(account, "twin")
    assert describe(account).get("FailureReason") == reason
    account.finish_update()
    assert describe(account)["EndpointConfigName"] == "twin"
    assert "FailureReason" not in describe(account)


def test_a_rollback_that_fails_leaves_a_mix(account: Account) -> None:
    account.create_config("plain")
    account.create_config("twin")
    account.create_endpoint()
    account.hosting.faults.fail_next_rollback("Insufficient capacity.")
    update(account, "twin")
    account.finish_update()

    mixed = describe(account)
    assert mixed["EndpointStatus"] == "UpdateRollbackFailed"
    assert mixed["EndpointConfigName"] == "plain"
    assert mixed["FailureReason"] == "Insufficient capacity."
    assert "PendingDeploymentSummary" not in mixed
    with pytest.raises(ClientError, match="Cannot update"):
        update(account, "twin")
    for config in ("plain", "twin"):
        account.sagemaker.delete_endpoint_config(EndpointConfigName=config)
    assert [v.resource.rpartition("/")[2] for v in account.hosting.violations] == ["plain", "twin"]


def test_an_update_that_fails_for_good(account: Account) -> None:
    account.create_config("plain")
    account.create_config("twin")
    account.create_endpoint()
    account.hosting.faults.fail_next_update("Internal error.")
    update(account, "twin")
    account.finish_update()

    failed = describe(account)
    assert (failed["EndpointStatus"], failed["EndpointConfigName"]) == ("Failed", "plain")
    assert failed["FailureReason"] == "Internal error."
    with pytest.raises(ClientError, match="Cannot update failed endpoint"):
        scale(account, blue={"DesiredInstanceCount": 1})


def test_fates_find_their_endpoint(account: Account) -> None:
    account.create_config("plain")
    account.create_config("twin")
    account.create_endpoint("shop")
    account.create_endpoint("other")
    account.hosting.faults.roll_back_next_update(endpoint="other")
    account.hosting.faults.roll_back_next_update(region="us-east-1")
    for name in ("shop", "other"):
        account.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName="twin")
    account.finish_update()

    assert describe(account, "shop")["EndpointConfigName"] == "twin"
    assert describe(account, "other")["EndpointConfigName"] == "plain"


# -- scaling


def test_scaling_takes_its_time(account: Account) -> None:
    account.create_config("plain", [variant("blue"), variant("green")])
    account.create_endpoint()

    scale(account, blue={"DesiredInstanceCount": 7}, green={"DesiredWeight": 0})
    during = describe(account)
    account.clock.advance(account.hosting.timings.scale)

    blue, green = during["ProductionVariants"]
    assert during["EndpointStatus"] == "Updating"
    assert "PendingDeploymentSummary" not in during
    assert (blue["CurrentInstanceCount"], blue["DesiredInstanceCount"]) == (2, 7)
    assert (green["CurrentWeight"], green["DesiredWeight"]) == (1.0, 0.0)
    assert blue["VariantStatus"][0]["Status"] == "Updating"
    assert account.status() == "InService"
    assert capacities(account) == {"blue": (1.0, 7), "green": (0.0, 2)}
    assert "VariantStatus" not in describe(account)["ProductionVariants"][0]


def test_scaling_an_unknown_variant(account: Account) -> None:
    account.create_config("plain")
    account.create_endpoint()

    with pytest.raises(ClientError) as raised:
        scale(account, gren={"DesiredWeight": 1})
    assert refusal(raised) == (
        "ValidationException",
        'The variant name(s) "gren" is/are not present within endpoint configuration "plain".',
    )


def test_scaling_rolled_back(account: Account) -> None:
    account.create_config("plain")
    account.create_endpoint()
    account.hosting.faults.roll_back_next_scaling("No capacity.")

    scale(account, blue={"DesiredInstanceCount": 7})
    account.clock.advance(account.hosting.timings.scale)
    assert account.status() == "RollingBack"
    account.clock.advance(account.hosting.timings.roll_back)

    assert capacities(account) == {"blue": (1.0, 2)}
    assert describe(account)["FailureReason"] == "No capacity."


# -- what is refused when


def bring_to_creating(account: Account) -> None:
    account.sagemaker.create_endpoint(EndpointName="shop", EndpointConfigName="plain")


def bring_to_updating(account: Account) -> None:
    account.create_endpoint()
    update(account, "plain")


def bring_to_scaling(account: Account) -> None:
    account.create_endpoint()
    scale(account, blue={"DesiredInstanceCount": 7})


def bring_to_rolling_back(account: Account) -> None:
    account.create_endpoint()
    account.hosting.faults.roll_back_next_update()
    update(account, "plain")
    account.clock.advance(account.hosting.timings.update)


def bring_to_maintenance(account: Account) -> None:
    account.create_endpoint()
    account.hosting.faults.maintain("shop", 300, region=REGION)


def bring_to_deleting(account: Account) -> None:
    account.create_endpoint()
    account.sagemaker.delete_endpoint(EndpointName="shop")


@pytest.mark.parametrize(
    ("bring", "status"),
    [
        (bring_to_creating, "Creating"),
        (bring_to_updating, "Updating"),
        (bring_to_scaling, "Updating"),
        (bring_to_rolling_back, "RollingBack"),
        (bring_to_maintenance, "SystemUpdating"),
        (bring_to_deleting, "Deleting"),
    ],
)
def test_nothing_changes_an_endpoint_in_progress(
    account: Account, bring: Callable[[Account], None], status: str
) -> None:
    account.create_config("plain")
    bring(account)
    before = describe(account)
    assert before["EndpointStatus"] == status

    for change in (
        lambda: update(account, "plain"),
        lambda: scale(account, blue={"DesiredWeight": 1}),
        lambda: account.sagemaker.delete_endpoint(EndpointName="shop"),
    ):
        with pytest.raises(ClientError) as raised:
            change()
        assert refusal(raised) == ("ValidationException", f'Cannot update in-progress endpoint "{ARN}".')
    assert describe(account)["LastModifiedTime"] == before["LastModifiedTime"]


def test_maintenance_ends_by_itself(account: Account) -> None:
    account.create_config("plain")
    bring_to_maintenance(account)
    account.clock.advance(299)
    assert account.status() == "SystemUpdating"
    account.clock.advance(1)
    assert account.status() == "InService"
    assert describe(account)["EndpointConfigName"] == "plain"


def test_out_of_service(account: Account) -> None:
    account.create_config("plain", DataCaptureConfig=CAPTURE)
    account.create_endpoint()
    account.hosting.faults.take_out_of_service("shop", math.inf, region=REGION, reason="Lost its role.")
    account.clock.advance(1e9)

    out = describe(account)
    assert (out["EndpointStatus"], out["FailureReason"]) == ("OutOfService", "Lost its role.")
    assert out["DataCaptureConfig"]["CaptureStatus"] == "Stopped"
    with pytest.raises(ClientError, match="Cannot update"):
        update(account, "plain")
    account.sagemaker.delete_endpoint(EndpointName="shop")
    assert account.status() == "Deleting"


def test_interventions_need_an_endpoint_in_service(account: Account) -> None:
    account.create_config("plain")
    bring_to_creating(account)
    with pytest.raises(ValueError, match="Creating"):
        account.hosting.faults.maintain("shop", 1, region=REGION)


def test_deletion(account: Account) -> None:
    account.create_config("plain")
    account.create_endpoint("shop", Tags=[{"Key": "team", "Value": "churn"}])
    assert account.sagemaker.list_tags(ResourceArn=ARN)["Tags"] == [{"Key": "team", "Value": "churn"}]

    account.sagemaker.delete_endpoint(EndpointName="shop")
    assert account.status() == "Deleting"
    account.clock.advance(account.hosting.timings.delete)

    missing = ("ValidationException", f'Could not find endpoint "{ARN}".')
    for call in (
        lambda: describe(account),
        lambda: update(account, "plain"),
        lambda: account.sagemaker.delete_endpoint(EndpointName="shop"),
        lambda: account.sagemaker.list_tags(ResourceArn=ARN),
    ):
        with pytest.raises(ClientError) as raised:
            call()
        assert refusal(raised) == missing
    account.create_endpoint("shop")
    assert account.status() == "InService"
    assert account.sagemaker.list_tags(ResourceArn=ARN)["Tags"] == []


# -- configs and models deleted under an endpoint


def violations(account: Account) -> list[str]:
    return [violation.resource.rpartition("/")[2] for violation in account.hosting.violations]


def test_deleting_a_config_in_use_succeeds_and_is_a_violation(account: Account) -> None:
    account.create_config("plain")
    account.create_config("twin")
    account.create_endpoint()

    account.sagemaker.delete_endpoint_config(EndpointConfigName="plain")

    (violation,) = account.hosting.violations
    assert violation.resource.endswith("endpoint-config/plain")
    assert violation.detail == "endpoint shop (InService) needs it"
    assert (violation.region, violation.access_key_id) == (REGION, "AKIAEXAMPLE")
    assert describe(account)["EndpointConfigName"] == "plain"
    gone = f'Could not find endpoint configuration "{violation.resource}".'
    for change in (
        lambda: update(account, "twin"),
        lambda: scale(account, blue={"DesiredWeight": 1}),
    ):
        with pytest.raises(ClientError) as raised:
            change()
        assert refusal(raised) == ("ValidationException", gone)


@pytest.mark.parametrize("config", ["plain", "twin"])
@pytest.mark.parametrize("during", ["Updating", "RollingBack"])
def test_an_update_needs_both_configs(account: Account, config: str, during: str) -> None:
    account.create_config("plain")
    account.create_config("twin")
    account.create_endpoint()
    account.hosting.faults.roll_back_next_update()
    update(account, "twin")
    if during == "RollingBack":
        account.clock.advance(account.hosting.timings.update)
    assert account.status() == during

    account.sagemaker.delete_endpoint_config(EndpointConfigName=config)
    assert violations(account) == [config]


def test_a_creation_needs_its_config(account: Account) -> None:
    account.create_config("plain")
    bring_to_creating(account)
    account.sagemaker.delete_endpoint_config(EndpointConfigName="plain")
    assert violations(account) == ["plain"]


def test_configs_no_longer_needed_may_go(account: Account) -> None:
    account.create_config("plain")
    account.create_config("twin")
    account.create_config("third")
    account.create_endpoint()
    update(account, "twin")
    account.finish_update()
    account.sagemaker.delete_endpoint_config(EndpointConfigName="plain")  # updated away from
    account.hosting.faults.roll_back_next_update()
    update(account, "third")
    account.finish_update()
    account.sagemaker.delete_endpoint_config(EndpointConfigName="third")  # rolled back from
    account.sagemaker.delete_endpoint(EndpointName="shop")
    account.sagemaker.delete_endpoint_config(EndpointConfigName="twin")  # of an endpoint being deleted

    assert violations(account) == []


@pytest.mark.parametrize("model", ["churn", "newer"])
def test_an_update_needs_the_models_of_both_configs(account: Account, model: str) -> None:
    account.create_model("newer")
    account.create_config("plain")
    account.create_config("twin", [variant(model="newer")])
    account.create_endpoint()
    account.sagemaker.delete_model(ModelName=model)

    with pytest.raises(ClientError) as raised:
        update(account, "twin")
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT_ID}:model/{model}"
    assert refusal(raised) == ("ValidationException", f'Could not find model "{arn}".')
    assert account.status() == "InService"


# -- the table


def test_every_course_comes_to_rest() -> None:
    assert set(COURSES) == set(Course)
    for steps in COURSES.values():
        *passing, last = steps
        assert passing
        assert all(step.lasts for step in passing)
        assert last.lasts is None
        assert last.arrival is Arrival.VANISH or last.status not in IN_PROGRESS


@given(
    course=st.sampled_from(Course),
    looks=st.lists(st.floats(min_value=0, max_value=5_000), min_size=1, max_size=6).map(sorted),
)
def test_how_often_one_looks_changes_nothing(course: Course, looks: list[float]) -> None:
    config = {"EndpointConfigName": "plain", "ProductionVariants": [variant()]}
    deployed = deploy(config, {}, stamped=0, resolution_lag=0)
    begun = begin(
        create("shop", ARN, deployment=deployed, deployment_config=None, now=0),
        course,
        Timings(recover=700),
        0,
        reason="because",
    )

    looked_at: Endpoint | None = begun
    for moment in looks:
        looked_at = looked_at and settle(looked_at, moment)

    assert looked_at == settle(begun, looks[-1])


def test_timings_can_be_changed_for_what_comes_next(account: Account) -> None:
    account.create_config("plain")
    account.hosting.timings = Timings(create=10)
    account.sagemaker.create_endpoint(EndpointName="shop", EndpointConfigName="plain")
    account.clock.advance(10)
    assert account.status() == "InService"
