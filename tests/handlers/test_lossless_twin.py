"""Whatever a config holds, its twin holds too, through the real HTTP path."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambdas.domain.encryption.assessment import surface_keys
from lambdas.domain.encryption.twin import ConfigRequest, compare, twin_request, twin_tags
from lambdas.domain.vocabulary import Surface
from lambdas.gateways.sagemaker import SageMaker
from tests.handlers.config_shapes import endpoint_configs
from tests.local.sagemaker.account import Account

KEY_ARN = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
MODEL = "churn"


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with Account() as account:
        account.create_model(MODEL)
        yield account


def _expected(sent: dict[str, Any], surfaces: tuple[Surface, ...]) -> dict[str, Any]:
    """The twin as it should be, written anew here: its keys filled in place."""
    twin = copy.deepcopy(sent)
    for key in surface_keys(sent):
        if key.key_id or key.surface not in surfaces:
            continue
        holder: Any = twin
        for step in key.path[:-1]:
            holder = holder[step]
        holder[key.path[-1]] = KEY_ARN
    return twin


def _without_additions(described: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
    """A described body without what AWS is known to add, written anew here."""
    body = copy.deepcopy(described)
    if "EnableNetworkIsolation" not in sent and body["EnableNetworkIsolation"] is False:
        del body["EnableNetworkIsolation"]
    for member in ("ProductionVariants", "ShadowProductionVariants"):
        for shown, asked in zip(body.get(member) or (), sent.get(member) or (), strict=True):
            if "VolumeSizeInGB" not in asked:
                shown.pop("VolumeSizeInGB", None)
    return body


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(
    body=endpoint_configs(MODEL),
    surfaces=st.lists(st.sampled_from(tuple(Surface)), unique=True).map(tuple),
    is_old=st.booleans(),
)
def test_a_twin_differs_only_as_allowed(
    account: Account, body: dict[str, Any], surfaces: tuple[Surface, ...], *, is_old: bool
) -> None:
    gateway = SageMaker(account.sagemaker)
    name = f"source-{len(account.hosting.calls)}"
    # a config made before November 2023 is described without what its twin gets
    account.hosting.faults.adds_network_isolation = not is_old
    gateway.create_config(ConfigRequest({"EndpointConfigName": name, **body}), {"team": "ml"})
    account.hosting.faults.adds_network_isolation = True
    source = gateway.require_config(name)

    paths = [key.path for key in surface_keys(source) if not key.key_id and key.surface in surfaces]
    request = twin_request(source, KEY_ARN, paths, f"{name}-kms")
    tags = twin_tags(gateway.list_tags(source["EndpointConfigArn"]), name, "remediation-1")
    gateway.create_config(request, tags)
    twin = gateway.require_config(request["EndpointConfigName"])

    assert compare(request, twin).differences == []
    for member in ("EndpointConfigName", "EndpointConfigArn", "CreationTime"):
        assert twin.pop(member)
    # compared as text: 1, 1.0 and true are three things
    kept = _without_additions(twin, body)
    assert json.dumps(kept, sort_keys=True) == json.dumps(_expected(body, surfaces), sort_keys=True)
