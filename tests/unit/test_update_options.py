from __future__ import annotations

from typing import Any

import pytest

from lambdas.domain.encryption.update_options import (
    RETAIN_LIVE_SETTINGS,
    for_the_call,
    in_words,
    update_options,
)
from tests.unit import samples

CANARY = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "WaitIntervalInSeconds": 600,
            "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
        }
    },
    "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]},
}
ROLLING = {
    "RollingUpdatePolicy": {
        "MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 2},
        "WaitIntervalInSeconds": 60,
    }
}
ALL_AT_ONCE = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
        "TerminationWaitInSeconds": 0,
    }
}


@pytest.mark.parametrize(
    "last",
    [CANARY, ROLLING, {**ALL_AT_ONCE, "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}]}}],
)
def test_an_endpoints_own_policy_is_kept(last: dict[str, Any]) -> None:
    endpoint = samples.endpoint(LastDeploymentConfig=last)
    assert update_options(endpoint, samples.config(), CANARY) == (dict(RETAIN_LIVE_SETTINGS), None)


@pytest.mark.parametrize("last", [None, ALL_AT_ONCE])
def test_an_endpoint_without_one_gets_that_of_the_settings(last: dict[str, Any] | None) -> None:
    options, note = update_options(samples.endpoint(LastDeploymentConfig=last), samples.config(), CANARY)
    assert options == {"RetainAllVariantProperties": True, "DeploymentConfig": CANARY}
    assert note is None


def test_without_a_setting_everything_is_kept() -> None:
    assert update_options(samples.endpoint(), samples.config(), None) == (dict(RETAIN_LIVE_SETTINGS), None)


@pytest.mark.parametrize(
    ("variants", "policy", "says"),
    [
        ([{"InstanceType": "ml.inf1.xlarge"}], CANARY, "Inf1"),
        ([{"ServerlessConfig": {"MemorySizeInMB": 1024}}], ROLLING, "serverless"),
        ([{}, {}], ROLLING, "several variants"),
        ([{}, {}], CANARY, ""),
        ([{"ServerlessConfig": {"MemorySizeInMB": 1024}}], CANARY, ""),
    ],
)
def test_what_sagemaker_excludes_is_not_asked_of_it(
    variants: list[dict[str, Any]], policy: dict[str, Any], says: str
) -> None:
    config = samples.config(ProductionVariants=variants)
    options, note = update_options(samples.endpoint(), config, policy)
    assert ("DeploymentConfig" in options) is not bool(says)
    assert says in (note or "")
    assert options["RetainAllVariantProperties"] is True


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (None, "the way the endpoint's last deployment did"),
        (CANARY, "first 10%, then a wait of 10 min, rolled back if one of 1 alarms fires"),
        (ROLLING, "in rolling batches of 2 instances"),
        (ALL_AT_ONCE, "all at once"),
    ],
)
def test_the_approver_reads_how_traffic_moves(policy: dict[str, Any] | None, words: str) -> None:
    assert words in in_words({"DeploymentConfig": policy} if policy else RETAIN_LIVE_SETTINGS)


def test_a_deployment_policy_is_retained_only_where_there_is_one() -> None:
    without = for_the_call(RETAIN_LIVE_SETTINGS, samples.endpoint())
    assert without == {"RetainAllVariantProperties": True}
    policy = {"BlueGreenUpdatePolicy": {}}
    assert (
        for_the_call(RETAIN_LIVE_SETTINGS, samples.endpoint(LastDeploymentConfig=policy))
        == RETAIN_LIVE_SETTINGS
    )
