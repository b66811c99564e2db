"""Whatever a config holds, its twin holds too, through the real HTTP path (DESIGN §4.12)."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateways.sagemaker import SageMaker
from remediation.assessment import surface_keys
from remediation.twin import write_tags, write_twin
from remediation.vocabulary import Surface
from tests.handlers.config_shapes import endpoint_configs
from tests.local.sagemaker.account import Account

KEY_ARN = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
MODEL = "churn"


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with Account() as account:
        account.create_model(MODEL)
        yield account


def _expected(source: dict[str, Any], surfaces: tuple[Surface, ...]) -> dict[str, Any]:
    """The twin as it should be, written anew here: its keys filled in place."""
    twin = copy.deepcopy(source)
    for key in surface_keys(source):
        if key.key_id or key.surface not in surfaces:
            continue
        holder: Any = twin
        for step in key.path[:-1]:
            holder = holder[step]
        holder[key.path[-1]] = KEY_ARN
    return twin


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(
    body=endpoint_configs(MODEL), surfaces=st.lists(st.sampled_from(tuple(Surface)), unique=True).map(tuple)
)
def test_a_twin_differs_only_as_allowed(
    account: Account, body: dict[str, Any], surfaces: tuple[Surface, ...]
) -> None:
    gateway = SageMaker(account.sagemaker)
    name = f"source-{len(account.hosting.calls)}"
    gateway.create_config({"EndpointConfigName": name, **body}, {"team": "ml"})
    source = gateway.require_config(name)

    paths = [key.path for key in surface_keys(source) if not key.key_id and key.surface in surfaces]
    request = write_twin(source, KEY_ARN, paths, "churn")
    tags = write_tags(gateway.list_tags(source["EndpointConfigArn"]), name, "remediation-1")
    gateway.create_config(request, tags)
    twin = gateway.require_config(request["EndpointConfigName"])

    for member in ("EndpointConfigName", "EndpointConfigArn", "CreationTime"):
        assert twin.pop(member)
    # compared as text: 1, 1.0 and true are three things
    assert json.dumps(twin, sort_keys=True) == json.dumps(_expected(body, surfaces), sort_keys=True)
