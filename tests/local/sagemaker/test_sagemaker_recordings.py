"""What real AWS was seen to do: one test for each recording, which names its public source.

"The Canary notebook" is the one in
OneNishitRathod/Enhancing-SageMaker-Inference-Endpoints-on-Machine-Learning-Pipeline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.local.sagemaker.account import (
    ACCOUNT_ID,
    CANARY,
    CAPTURE,
    REGION,
    ROLE,
    START,
    Account,
    describe,
    refusal,
    variant,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

Json = dict[str, Any]

PREFIX = f"arn:aws:sagemaker:{REGION}:{ACCOUNT_ID}"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT_ID}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
SERVERLESS = {"MemorySizeInMB": 2048, "MaxConcurrency": 10}
ASYNC = {"OutputConfig": {"S3OutputPath": "s3://answers/"}}
SCALING = {"Status": "ENABLED", "MinInstanceCount": 1, "MaxInstanceCount": 2}
ALARM = "One or more configured alarm for automatic rollback deployment is in ALARM state: [5xx]."


def serverless_variant(name: str = "blue", **fields: Any) -> Any:
    return variant(name, InstanceType=None, InitialInstanceCount=None, ServerlessConfig=SERVERLESS, **fields)


def describe_config(account: Account, name: str) -> Json:
    """The config's body without what is the answer's own."""
    body = account.sagemaker.describe_endpoint_config(EndpointConfigName=name)
    own = ("EndpointConfigName", "EndpointConfigArn", "CreationTime", "ResponseMetadata")
    return {member: value for member, value in body.items() if member not in own}


def update(account: Account, config: str, **options: Any) -> None:
    account.sagemaker.update_endpoint(EndpointName="shop", EndpointConfigName=config, **options)


def seconds(moment: datetime) -> float:
    """Since the account's clock started, to the millisecond as AWS tells it."""
    assert moment.microsecond % 1000 == 0
    return round(moment.timestamp() - START, 3)


def created(body: Json) -> float:
    return seconds(body["CreationTime"])


def modified(body: Json) -> float:
    return seconds(body["LastModifiedTime"])


def resolved(body: Json) -> float:
    """The ResolutionTime that all production variants have; a shadow's is a moment later."""
    (moment,) = _resolved(body["ProductionVariants"])
    for later in _resolved(body.get("ShadowProductionVariants", [])):
        assert later - moment == pytest.approx(0.065)
    return moment


def _resolved(variants: list[Json]) -> set[float]:
    return {seconds(image["ResolutionTime"]) for one in variants for image in one["DeployedImages"]}


def refused(call: Callable[[], object]) -> str:
    """The message of the ValidationException that a call ends in."""
    with pytest.raises(ClientError) as raised:
        call()
    code, message = refusal(raised)
    assert code == "ValidationException"
    return message


@pytest.fixture
def shop(account: Account) -> Account:
    """The endpoint `shop` in service on the config `plain`; `twin` is there to update it to."""
    account.create_config("plain", [variant(InstanceType="ml.m5.xlarge")])
    account.create_config("twin", [variant(InstanceType="ml.m5.xlarge", count=3)])
    account.create_endpoint("shop", "plain")
    return account


# -- times: creation


@pytest.mark.parametrize(
    "config",
    [
        # aws/amazon-sagemaker-examples, create_endpoint.ipynb; online_explainability, both notebooks
        {"variants": [variant()]},
        # the Canary notebook, its endpoint with a shadow variant
        {"variants": [variant()], "ShadowProductionVariants": [variant("shadow")]},
        # RamVegiraju/SageMaker-Deployment, Serverless/BYOC/LightGBM
        {"variants": [serverless_variant()]},
        # flyteorg/flytekit, the tests of its awssagemaker plugin
        {"variants": [variant()], "AsyncInferenceConfig": ASYNC},
    ],
    ids=["instance", "shadow", "serverless", "async"],
)
def test_creation_is_stamped_after_the_call_then_the_images_then_the_end(
    account: Account, config: Json
) -> None:
    account.create_config("plain", **config)
    account.create_endpoint()

    body = describe(account)

    assert (created(body), resolved(body), modified(body)) == (0.4, 1.0, 600)


def test_a_multi_model_endpoint_is_stamped_like_any_other(account: Account) -> None:
    """aws/amazon-sagemaker-examples, online_explainability/tabular_multi_model_endpoint."""
    account.create_model("many", Containers=[{"Image": "many:1", "Mode": "MultiModel"}])
    account.create_config("plain", [variant(model="many")])
    account.create_endpoint()

    body = describe(account)

    assert (created(body), resolved(body), modified(body)) == (0.4, 1.0, 600)


def test_an_endpoint_for_inference_components_has_no_time_of_resolution(account: Account) -> None:
    """aws-samples/sagemaker-genai-hosting-examples, falcon-40b-lmi-vllm-ic.ipynb."""
    routing = {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}
    stated = variant(model=None, ManagedInstanceScaling=SCALING, RoutingConfig=routing)
    account.create_config("components", [stated], ExecutionRoleArn=ROLE)
    account.create_endpoint("shop", "components")

    body = describe(account)

    assert (created(body), modified(body)) == (0.4, 600)
    assert body["ProductionVariants"] == [
        {
            "VariantName": "blue",
            "CurrentInstanceCount": 2,
            "DesiredInstanceCount": 2,
            "ManagedInstanceScaling": SCALING,
            "RoutingConfig": routing,
        }
    ]


def test_a_list_shows_the_same_two_times(shop: Account) -> None:
    """A transcript of the AWS CLI of May 2025: list-endpoints beside describe-endpoint."""
    (line,) = shop.sagemaker.list_endpoints()["Endpoints"]

    assert (created(line), modified(line)) == (created(describe(shop)), modified(describe(shop)))


def test_config_and_endpoint_are_stamped_as_far_apart_as_the_calls(account: Account) -> None:
    """A notebook of November 2021: the endpoint is stamped 0.548 s after its config."""
    account.create_config("plain")
    account.clock.advance(0.548)
    account.create_endpoint()

    config = account.sagemaker.describe_endpoint_config(EndpointConfigName="plain")

    assert created(describe(account)) - created(config) == pytest.approx(0.548)


def test_a_creation_that_fails_is_stamped_when_it_is_declared_failed(account: Account) -> None:
    """cloud-custodian, placebo test_sagemaker_endpoint_tag."""
    account.create_config("plain")
    account.hosting.faults.fail_next_creation("The container did not pass the ping health check.")
    account.create_endpoint()

    body = describe(account)

    assert (body["EndpointStatus"], created(body), modified(body)) == ("Failed", 0.4, 600)


# -- times: what moves them afterwards


def test_while_creating_both_times_are_the_same_and_no_variants_show(account: Account) -> None:
    """aws/amazon-sagemaker-examples, create_endpoint.ipynb; cloud-custodian, test_sagemaker_endpoints."""
    account.create_config("plain")
    account.sagemaker.create_endpoint(EndpointName="shop", EndpointConfigName="plain")
    account.clock.advance(214)

    body = describe(account)

    assert body["EndpointStatus"] == "Creating"
    assert body["LastModifiedTime"] == body["CreationTime"]
    assert "ProductionVariants" not in body


def test_an_update_is_stamped_after_its_call_and_moves_nothing_else(shop: Account) -> None:
    """RamVegiraju/SageMaker-Deployment, Update-MME-models."""
    before = describe(shop)
    shop.clock.advance(1_000)
    update(shop, "twin")
    shop.clock.advance(37)

    during = describe(shop)

    assert during["EndpointStatus"] == "Updating"
    assert modified(during) == 1_600.4
    assert (created(during), resolved(during)) == (created(before), resolved(before))
    assert during["EndpointConfigName"] == "plain"
    assert "PendingDeploymentSummary" not in during  # the printed members account for all of its 700 bytes


def test_a_config_passes_no_tags_on_to_its_endpoint(account: Account) -> None:
    """aws/sagemaker-python-sdk sends an endpoint's tags to both itself."""
    account.create_config("plain", Tags=[{"Key": "team", "Value": "risk"}])
    account.create_endpoint()

    arn = describe(account)["EndpointArn"]

    assert account.sagemaker.list_tags(ResourceArn=arn)["Tags"] == []


def test_the_deployment_policy_shows_at_the_call_and_the_target_later(shop: Account) -> None:
    """The Canary notebook, update 1."""
    update(shop, "twin", DeploymentConfig=CANARY)

    at_once = describe(shop)

    assert at_once["LastDeploymentConfig"] == CANARY
    assert "PendingDeploymentSummary" not in at_once


def test_a_creation_does_not_show_what_it_deploys_at_once_either(account: Account) -> None:
    """By the same rule as an update, without a recording of its own."""
    account.create_config("plain")
    account.sagemaker.create_endpoint(EndpointName="shop", EndpointConfigName="plain")
    at_once = describe(account)
    account.clock.advance(61)

    assert "PendingDeploymentSummary" not in at_once
    assert describe(account)["PendingDeploymentSummary"]["StartTime"].timestamp() == START + 3


def test_a_rollback_moves_the_time_of_modification_and_nothing_else(shop: Account) -> None:
    """The Canary notebook, rolled back by an alarm."""
    before = describe(shop)
    shop.hosting.faults.roll_back_next_update(ALARM)
    update(shop, "twin", DeploymentConfig=CANARY)
    shop.finish_update()
    shop.clock.advance(321)

    after = describe(shop)

    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", "plain")
    assert modified(after) == 600 + 600 + 300
    assert (created(after), resolved(after)) == (created(before), resolved(before))
    assert after["FailureReason"] == ALARM
    assert after["LastDeploymentConfig"] == CANARY


def test_an_old_failure_shows_through_the_next_update(shop: Account) -> None:
    """The Canary notebook, update 2."""
    shop.hosting.faults.roll_back_next_update(ALARM)
    update(shop, "twin", DeploymentConfig=CANARY)
    shop.finish_update()
    update(shop, "twin", RetainDeploymentConfig=True)

    during = describe(shop)

    assert during["EndpointStatus"] == "Updating"
    assert during["FailureReason"] == ALARM
    assert during["LastDeploymentConfig"] == CANARY
    assert "PendingDeploymentSummary" not in during


def test_an_old_failure_is_gone_after_an_update_that_succeeds(shop: Account) -> None:
    """aws-controllers-k8s/sagemaker-controller, test/e2e/tests/test_endpoint.py."""
    shop.hosting.faults.roll_back_next_update(ALARM)
    for _ in range(2):
        update(shop, "twin")
        shop.finish_update()

    assert describe(shop)["EndpointConfigName"] == "twin"
    assert "FailureReason" not in describe(shop)


def test_a_rollback_without_a_reason_keeps_showing_the_older_one(shop: Account) -> None:
    """Not recorded: the harder case for whoever reads it."""
    for reason in (ALARM, None):
        shop.hosting.faults.roll_back_next_update(reason)
        update(shop, "twin")
        shop.finish_update()

    assert describe(shop)["FailureReason"] == ALARM


def test_well_into_an_update(shop: Account) -> None:
    """The Canary notebook, update 2, nine minutes in."""
    shop.clock.advance(38.167)
    update(shop, "twin")
    shop.clock.advance(529)

    body = describe(shop)

    assert modified(body) == 638.567
    pending = body["PendingDeploymentSummary"]
    assert pending["StartTime"].timestamp() == START + 641
    (new,) = pending["ProductionVariants"]
    assert seconds(new["DeployedImages"][0]["ResolutionTime"]) == 638.827
    assert new["VariantStatus"][0]["StartTime"].microsecond == 0
    assert new["InstanceType"] == "m5.xlarge"
    (old,) = body["ProductionVariants"]
    assert (old["CurrentInstanceCount"], old["DesiredInstanceCount"]) == (0, 2)
    assert shop.hosting.serving_instances(REGION) == {"shop": 2}


def test_the_new_fleet_is_up_before_it_bakes(shop: Account) -> None:
    """The Canary notebook, update 2: Baking since 444 s into it, with all instances and this message."""
    policy = {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "WaitIntervalInSeconds": 300,
            "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
        },
        "TerminationWaitInSeconds": 120,
    }
    update(shop, "twin", DeploymentConfig={"BlueGreenUpdatePolicy": policy})
    shop.clock.advance(529)

    (new,) = describe(shop)["PendingDeploymentSummary"]["ProductionVariants"]

    assert (new["CurrentInstanceCount"], new["DesiredInstanceCount"]) == (3, 3)
    assert (new["CurrentWeight"], new["DesiredWeight"]) == (1.0, 1.0)
    (status,) = new["VariantStatus"]
    assert status["Status"] == "Baking"
    assert status["StatusMessage"] == (
        "Baking for 120 seconds (TerminationWaitInSeconds) with traffic enabled on full capacity of "
        "3 instance(s)."
    )


def test_the_fleet_that_serves_may_show_during_an_update(shop: Account) -> None:
    """The other answer to what the Canary notebook shows once."""
    shop.hosting.faults.shows_no_instances_while_replacing = False
    update(shop, "twin")
    shop.clock.advance(529)

    assert describe(shop)["ProductionVariants"][0]["CurrentInstanceCount"] == 2


def test_an_update_that_is_done_is_stamped_at_its_end_and_has_new_images(shop: Account) -> None:
    """The Canary notebook, its endpoint with a shadow variant; data-science-on-aws, Enable-Model-Monitor.

    Twenty days after the creation, as in a transcript of February 2025.
    """
    called = 20 * 86_400
    shop.clock.advance(called - 600)
    update(shop, "twin")
    shop.finish_update()

    body = describe(shop)

    assert (body["EndpointStatus"], body["EndpointConfigName"]) == ("InService", "twin")
    assert (created(body), resolved(body), modified(body)) == (0.4, called + 0.66, called + 600)
    assert "LastDeploymentConfig" not in body


def test_nothing_moves_while_nothing_happens(shop: Account) -> None:
    """A notebook of November 2021, which described its endpoint again after 18 hours."""
    before = describe(shop)
    shop.clock.advance(18 * 3600)

    assert {**describe(shop), "ResponseMetadata": None} == {**before, "ResponseMetadata": None}


def test_a_deletion_is_stamped_after_its_call(shop: Account) -> None:
    """cloud-custodian, placebo test_sagemaker_endpoint_delete."""
    shop.sagemaker.delete_endpoint(EndpointName="shop")
    shop.clock.advance(30)

    body = describe(shop)

    assert (body["EndpointStatus"], modified(body)) == ("Deleting", 600.4)


def test_scaling_and_maintenance_move_the_time_of_modification_twice(shop: Account) -> None:
    """Not recorded, inferred: both set a status and take it back."""
    wishes: Any = [{"VariantName": "blue", "DesiredInstanceCount": 7}]
    resolved_before = resolved(describe(shop))
    shop.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="shop", DesiredWeightsAndCapacities=wishes
    )
    scaling = describe(shop)
    shop.clock.advance(120)
    scaled = describe(shop)
    shop.hosting.faults.maintain("shop", 900, region=REGION)
    maintained = describe(shop)
    shop.clock.advance(900)

    assert [modified(body) for body in (scaling, scaled, maintained, describe(shop))] == [
        600.4, 720, 720, 1620,
    ]  # fmt: skip
    assert resolved(describe(shop)) == resolved_before


def test_the_time_of_modification_never_goes_back(account: Account) -> None:
    """One clock: the end of what took no time at all isn't stamped before its call."""
    account.create_config("plain")
    account.hosting.timings = type(account.hosting.timings)(create=0.1)
    account.create_endpoint()

    body = describe(account)

    assert (body["EndpointStatus"], modified(body)) == ("InService", created(body))


# -- the last deployment's policy


def test_an_endpoint_that_never_had_a_deployment_policy_shows_none(shop: Account) -> None:
    """aws/sagemaker-python-sdk, tests/integ/test_sagemaker_config.py: equality after an update."""
    update(shop, "twin")
    at_once = describe(shop)
    shop.finish_update()

    assert "LastDeploymentConfig" not in at_once
    assert "LastDeploymentConfig" not in describe(shop)


def test_retaining_a_policy_that_there_is_not_is_accepted_or_refused(shop: Account) -> None:
    """Not recorded."""
    update(shop, "twin", RetainDeploymentConfig=True)
    shop.finish_update()
    shop.hosting.faults.refuses_retaining_no_deployment_config = True

    refused(lambda: update(shop, "plain", RetainDeploymentConfig=True))

    assert (describe(shop)["EndpointStatus"], describe(shop)["EndpointConfigName"]) == ("InService", "twin")
    update(shop, "plain", DeploymentConfig=CANARY)
    shop.finish_update()
    update(shop, "twin", RetainDeploymentConfig=True)
    assert describe(shop)["LastDeploymentConfig"] == CANARY


# -- the texts of errors


def test_an_endpoint_that_is_not_there(account: Account) -> None:
    """getmoto/moto, tests/test_sagemaker; ansible-collections/amazon.ai."""
    assert refused(lambda: describe(account, "Gone")) == f'Could not find endpoint "{PREFIX}:endpoint/Gone".'


def test_an_update_away_from_a_config_that_is_not_there(shop: Account) -> None:
    """hashicorp/terraform-provider-aws issue 40048."""
    shop.sagemaker.delete_endpoint_config(EndpointConfigName="plain")

    message = refused(lambda: update(shop, "twin"))

    assert message == f'Could not find endpoint configuration "{PREFIX}:endpoint-config/plain".'


def test_a_config_of_a_model_that_was_deleted(account: Account) -> None:
    """A traceback of 2021 from CreateEndpointConfig."""
    account.create_model("Other")
    account.sagemaker.delete_model(ModelName="Other")

    message = refused(lambda: account.create_config("plain", [variant(model="Other")]))

    assert message == f'Could not find model "{PREFIX}:model/Other".'


def test_a_config_that_is_there_already(shop: Account) -> None:
    """philschmid, issue 6, January 2024."""
    message = refused(lambda: shop.create_config("plain"))

    assert (
        message == f'Cannot create already existing endpoint configuration "{PREFIX}:endpoint-config/plain".'
    )


def test_an_endpoint_that_is_there_already(shop: Account) -> None:
    """A log of a run in 2026."""
    message = refused(lambda: shop.sagemaker.create_endpoint(EndpointName="shop", EndpointConfigName="twin"))

    assert message == f'Cannot create already existing endpoint "{PREFIX}:endpoint/shop".'


def test_an_endpoint_that_is_being_created_is_not_deleted(account: Account) -> None:
    """Logs of runs in a real account, July 2026."""
    account.create_config("plain")
    account.sagemaker.create_endpoint(EndpointName="shop", EndpointConfigName="plain")

    message = refused(lambda: account.sagemaker.delete_endpoint(EndpointName="shop"))

    assert message == f'Cannot update in-progress endpoint "{PREFIX}:endpoint/shop".'


def test_an_endpoint_that_is_being_updated_is_not_scaled(shop: Account) -> None:
    """Logs of runs in 2026."""
    update(shop, "twin")
    wishes: Any = [{"VariantName": "blue", "DesiredInstanceCount": 7}]

    message = refused(
        lambda: shop.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName="shop", DesiredWeightsAndCapacities=wishes
        )
    )

    assert message == f'Cannot update in-progress endpoint "{PREFIX}:endpoint/shop".'


def test_a_name_that_is_none(account: Account) -> None:
    """A log of a run in 2026."""
    assert refused(lambda: account.create_config("shop-cfg-8983967612-")) == (
        "1 validation error detected: Value 'shop-cfg-8983967612-' at 'endpointConfigName' failed to satisfy "
        "constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
    )


def test_an_instance_type_that_hosting_has_not(account: Account) -> None:
    """Several issues; the latest of July 2026, about ml.m7g.large."""
    message = refused(lambda: account.create_config("plain", [variant(InstanceType="ml.t3.medium")]))

    assert message.startswith(
        "1 validation error detected: Value 'ml.t3.medium' at 'productionVariants.1.member.instanceType' "
        "failed to satisfy constraint: Member must satisfy enum value set: ["
    )


# -- names and ARNs


def test_an_arn_has_its_names_case(account: Account) -> None:
    """aws/amazon-sagemaker-examples, archived/time_series_deepar, May 2024: endpoint/DeepArTest-2024-…"""
    account.create_config("DeepAr")
    account.create_endpoint("DeepArTest-2024", "DeepAr")

    assert describe(account, "DeepArTest-2024")["EndpointArn"] == f"{PREFIX}:endpoint/DeepArTest-2024"


def test_an_arn_of_years_ago_is_in_lower_case_and_stays_so(account: Account) -> None:
    """aws/amazon-sagemaker-examples, natural_language_processing, June 2023: DEMO-NLP-… is demo-nlp-…"""
    account.create_config("EpConfig")
    account.hosting.faults.lower_case_arns = True
    created_answer = account.sagemaker.create_endpoint(EndpointName="DEMO-NLP", EndpointConfigName="EpConfig")
    account.hosting.faults.lower_case_arns = False

    arn = f"{PREFIX}:endpoint/demo-nlp"
    assert created_answer["EndpointArn"] == describe(account, "DEMO-NLP")["EndpointArn"] == arn
    assert refused(lambda: account.sagemaker.delete_endpoint(EndpointName="DEMO-NLP")) == (
        f'Cannot update in-progress endpoint "{arn}".'
    )
    assert [found for found, _ in account.hosting.tagged_endpoints(REGION)] == [arn]


def test_names_that_differ_in_their_case_are_the_same(account: Account) -> None:
    """The API reference of CreateEndpoint, EndpointName; of models and configs by inference."""
    account.create_model("Fraud")
    account.create_config("Fraud", [variant(model="Fraud")])
    account.create_endpoint("Fraud", "Fraud")

    for create in (
        lambda: account.create_model("fraud"),
        lambda: account.create_config("fraud"),
        lambda: account.sagemaker.create_endpoint(EndpointName="fraud", EndpointConfigName="Fraud"),
    ):
        assert refused(create).startswith("Cannot create already existing ")


def test_an_endpoint_is_found_whatever_the_case_and_has_its_own_name(account: Account) -> None:
    """The API reference of CreateEndpoint: "case-insensitive …, but the case is preserved"."""
    account.create_config("plain")
    account.create_endpoint("Shop")
    account.sagemaker.update_endpoint(EndpointName="SHOP", EndpointConfigName="plain")
    account.finish_update()

    assert describe(account, "sHOP")["EndpointName"] == "Shop"
    account.sagemaker.delete_endpoint(EndpointName="shop")
    assert account.status("Shop") == "Deleting"


def test_an_endpoint_may_be_found_in_its_own_case_only(account: Account) -> None:
    """Not recorded: the other answer."""
    account.create_config("plain")
    account.create_endpoint("Shop")
    account.hosting.faults.names_match_case = True

    assert describe(account, "Shop")["EndpointName"] == "Shop"
    assert refused(lambda: describe(account, "shop")).startswith("Could not find endpoint ")


def test_a_config_may_be_found_whatever_the_case(account: Account) -> None:
    """Not recorded: the other answer."""
    account.create_config("Plain")
    assert refused(lambda: describe_config(account, "plain")).startswith("Could not find ")
    account.hosting.faults.config_names_match_case = False
    account.create_endpoint("shop", "plain")

    assert describe(account)["EndpointConfigName"] == "Plain"
    account.sagemaker.delete_endpoint_config(EndpointConfigName="plain")
    assert [violation.resource for violation in account.hosting.violations] == [
        f"{PREFIX}:endpoint-config/Plain"
    ]


def test_tags_are_found_whatever_the_case_of_the_arn(account: Account) -> None:
    """ARNs of the same resource are told in either case: see the two notebooks above."""
    tags = [{"Key": "team", "Value": "churn"}]
    account.create_config("Plain", Tags=tags)

    for arn in (f"{PREFIX}:endpoint-config/Plain", f"{PREFIX}:endpoint-config/plain"):
        assert account.sagemaker.list_tags(ResourceArn=arn)["Tags"] == tags


# -- members that AWS adds


@pytest.mark.parametrize(("instance_type", "size"), [("ml.t2.medium", 4), ("ml.m4.xlarge", 16)])
def test_a_config_with_a_key_is_described_with_sizes_and_isolation(
    account: Account, instance_type: str, size: int
) -> None:
    """aws/sagemaker-python-sdk, tests/integ/test_sagemaker_config.py, November 2023 to March 2025."""
    sent = variant(InstanceType=instance_type, InitialVariantWeight=1.0)
    capture = {**CAPTURE, "KmsKeyId": KEY, "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]}}
    account.create_config("plain", [sent], KmsKeyId=KEY, DataCaptureConfig=capture)

    assert describe_config(account, "plain") == {
        "ProductionVariants": [{**sent, "VolumeSizeInGB": size}],
        "DataCaptureConfig": capture,
        "KmsKeyId": KEY,
        "EnableNetworkIsolation": False,
    }


def test_an_endpoint_moves_from_one_key_to_another(account: Account) -> None:
    """aws/sagemaker-python-sdk, tests/integ/test_sagemaker_config.py."""
    account.create_config("plain", KmsKeyId=KEY)
    account.create_config("twin", KmsKeyId=KEY.replace("1234abcd", "5678abcd"))
    account.create_endpoint()
    update(account, "twin")
    account.finish_update()

    assert describe(account)["EndpointConfigName"] == "twin"
    # what is added to the config isn't repeated
    assert "VolumeSizeInGB" not in describe(account)["ProductionVariants"][0]
    assert "EnableNetworkIsolation" not in describe(account)


def test_what_is_sent_is_described_as_sent(account: Account) -> None:
    """aws-controllers-k8s/sagemaker-controller PR 193: VolumeSizeInGB of an instance variant."""
    blue, shadow = variant(VolumeSizeInGB=30), variant("shadow", VolumeSizeInGB=40)
    account.create_config("plain", [blue], ShadowProductionVariants=[shadow], KmsKeyId=KEY)

    assert describe_config(account, "plain") == {
        "ProductionVariants": [blue],
        "ShadowProductionVariants": [shadow],
        "KmsKeyId": KEY,
        "EnableNetworkIsolation": False,
    }


def test_a_shadow_variant_is_sized_as_well(account: Account) -> None:
    """By the same rule as a production variant, without a recording of its own."""
    account.create_config("plain", ShadowProductionVariants=[variant("shadow")], KmsKeyId=KEY)

    (shadow,) = describe_config(account, "plain")["ShadowProductionVariants"]
    assert shadow["VolumeSizeInGB"] > 0


@pytest.mark.parametrize("fields", [{}, {"KmsKeyId": KEY}])
def test_a_serverless_variant_is_described_with_a_size(account: Account, fields: Json) -> None:
    """aws-controllers-k8s/sagemaker-controller PR 193, testdata/…/sucess_serverless.json."""
    account.create_config("plain", [serverless_variant()], **fields)

    (described,) = describe_config(account, "plain")["ProductionVariants"]
    assert described == {**serverless_variant(), "VolumeSizeInGB": 5}


def test_without_a_key_an_instance_variant_is_described_as_it_was_sent(account: Account) -> None:
    """aws-controllers-k8s/sagemaker-controller PR 193: "not there for an instance based endpoint config"."""
    account.create_config("plain")
    account.hosting.faults.sizes_volumes_without_key = True  # today's answer isn't recorded
    account.create_config("sized")

    assert describe_config(account, "plain")["ProductionVariants"] == [variant()]
    assert describe_config(account, "sized")["ProductionVariants"][0]["VolumeSizeInGB"] > 0


def test_a_variant_without_a_model_gets_no_weight(account: Account) -> None:
    """hashicorp/terraform-provider-aws, aws_sagemaker_endpoint_configuration: "AWS returns nil"."""
    account.create_config("components", [variant(model=None)], ExecutionRoleArn=ROLE)

    assert describe_config(account, "components") == {
        "ProductionVariants": [variant(model=None)],
        "ExecutionRoleArn": ROLE,
        "EnableNetworkIsolation": False,
    }


def test_an_old_config_is_described_as_it_was_and_its_twin_with_more(account: Account) -> None:
    """aws/sagemaker-python-sdk, commit 5c8f6a2cf: EnableNetworkIsolation came in November 2023."""
    account.hosting.faults.adds_network_isolation = False
    account.create_config("old")
    account.hosting.faults.adds_network_isolation = True
    account.create_config("twin")

    assert "EnableNetworkIsolation" not in describe_config(account, "old")
    assert describe_config(account, "twin")["EnableNetworkIsolation"] is False


def test_aws_may_add_what_nobody_foresaw(account: Account) -> None:
    """What AWS adds by itself is a closed list: any other addition is a difference."""
    account.create_config("old")
    account.hosting.faults.adds_more = lambda body: {**body, "Tenancy": "shared"}
    account.create_config("new")
    account.hosting.faults.adds_more = None

    assert "Tenancy" not in account.sagemaker.describe_endpoint_config(EndpointConfigName="old")
    calls = account.hosting.calls
    account.sagemaker.describe_endpoint_config(EndpointConfigName="new")
    assert calls[-1].response
    assert calls[-1].response["Tenancy"] == "shared"


# -- what CreateEndpointConfig and UpdateEndpoint refuse


@pytest.mark.parametrize(
    ("variants", "fields"),
    [
        ([serverless_variant(VolumeSizeInGB=5)], {}),
        ([serverless_variant()], {"DataCaptureConfig": CAPTURE}),
        ([serverless_variant()], {"AsyncInferenceConfig": ASYNC}),
        ([serverless_variant("a"), serverless_variant("b")], {}),
        ([serverless_variant("a"), variant("b")], {}),
        ([serverless_variant()], {"ShadowProductionVariants": [variant("shadow")]}),
    ],
    ids=["size", "capture", "async", "two", "mixed", "shadow"],
)
def test_a_serverless_variant_stands_alone(account: Account, variants: Any, fields: Json) -> None:
    """aws-controllers-k8s/sagemaker-controller PR 193 (texts not recorded)."""
    assert "serverless" in refused(lambda: account.create_config("plain", variants, **fields))


def test_managed_scaling_is_for_inference_components_only(account: Account) -> None:
    """hashicorp/terraform-provider-aws issue 45926, July 2026."""
    variants = [variant(ManagedInstanceScaling=SCALING)]

    message = refused(lambda: account.create_config("plain", variants))

    assert message == "ManagedInstanceScaling is only supported for inference component endpoints."
    account.hosting.faults.accepts_old_bodies = True
    account.create_config("plain", variants)


def test_network_isolation_of_a_config_is_for_inference_components_only(account: Account) -> None:
    """hashicorp/terraform-provider-aws PR 48738 (text not recorded); false beside a model isn't refused."""
    refused(lambda: account.create_config("plain", EnableNetworkIsolation=True))

    account.create_config("false", EnableNetworkIsolation=False)
    account.create_config(
        "components", [variant(model=None)], ExecutionRoleArn=ROLE, EnableNetworkIsolation=True
    )
    account.hosting.faults.accepts_old_bodies = True
    account.create_config("plain", EnableNetworkIsolation=True)
    assert describe_config(account, "plain")["EnableNetworkIsolation"] is True


def test_a_variant_without_a_model_needs_a_role(account: Account) -> None:
    """The developer guide on inference components (text not recorded)."""
    message = refused(lambda: account.create_config("components", [variant(model=None)]))

    assert "ExecutionRoleArn" in message


def test_instances_never_become_serverless(shop: Account) -> None:
    """aws-controllers-k8s/sagemaker-controller PR 193 (text not recorded)."""
    for name in ("blue", "green"):
        shop.create_config(f"serverless-{name}", [serverless_variant(name)])
        refused(lambda config=f"serverless-{name}": update(shop, config))

    assert describe(shop)["EndpointStatus"] == "InService"


def test_serverless_becomes_instances_under_another_variants_name_only(account: Account) -> None:
    """aws-controllers-k8s/sagemaker-controller PR 193 (text not recorded)."""
    account.create_config("plain", [serverless_variant("blue")])
    account.create_config("same", [variant("blue")])
    account.create_config("other", [variant("green")])
    account.create_endpoint()

    refused(lambda: update(account, "same"))

    update(account, "other")
    account.finish_update()
    assert describe(account)["EndpointConfigName"] == "other"
