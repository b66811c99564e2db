"""List operations: filters, order and pages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.local.sagemaker.account import REGION, START, Account

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def busy() -> Iterator[Account]:
    """A hundred and twenty configs, one a minute; three endpoints, the second being updated."""
    with Account() as account:
        account.create_model()
        for i in range(120):
            account.create_config(f"config-{(i * 37) % 120:03}")
            account.clock.advance(60)
        for name in ("beta", "alpha", "Gamma"):
            account.create_endpoint(name, "config-000")
        account.sagemaker.update_endpoint(EndpointName="alpha", EndpointConfigName="config-001")
        yield account


def config_names(account: Account, **request: Any) -> list[str]:
    pages = account.sagemaker.get_paginator("list_endpoint_configs").paginate(**request)
    return [config["EndpointConfigName"] for page in pages for config in page["EndpointConfigs"]]


def endpoint_names(account: Account, **request: Any) -> list[str]:
    return [e["EndpointName"] for e in account.sagemaker.list_endpoints(**request)["Endpoints"]]


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(START + seconds, UTC)


@pytest.mark.parametrize("page_size", [None, 1, 7, 100])
def test_pages_hold_everything_once(busy: Account, page_size: int | None) -> None:
    request = {} if page_size is None else {"PaginationConfig": {"PageSize": page_size}}
    newest_first = [f"config-{(i * 37) % 120:03}" for i in reversed(range(120))]
    assert config_names(busy, **request) == newest_first


def test_a_page_is_ten_long_unless_asked_for_a_hundred_at_most(busy: Account) -> None:
    lists = busy.sagemaker.list_endpoint_configs
    assert len(lists()["EndpointConfigs"]) == 10
    assert len(lists(MaxResults=100)["EndpointConfigs"]) == 100
    with pytest.raises(ClientError, match="Member must have value less than or equal to 100"):
        lists(MaxResults=101)


def test_the_last_page_has_no_token(busy: Account) -> None:
    page = busy.sagemaker.list_endpoint_configs(MaxResults=60)
    last = busy.sagemaker.list_endpoint_configs(MaxResults=60, NextToken=page["NextToken"])
    assert len(last["EndpointConfigs"]) == 60
    assert "NextToken" not in last


def test_deleting_between_pages_skips_nothing() -> None:
    with Account() as account:
        account.create_model()
        for i in range(6):
            account.create_config(f"config-{i}")
        request: dict[str, Any] = {"MaxResults": 2, "SortBy": "Name", "SortOrder": "Ascending"}
        page = account.sagemaker.list_endpoint_configs(**request)
        account.sagemaker.delete_endpoint_config(EndpointConfigName="config-0")
        account.sagemaker.delete_endpoint_config(EndpointConfigName="config-1")

        page = account.sagemaker.list_endpoint_configs(**request, NextToken=page["NextToken"])

        assert [c["EndpointConfigName"] for c in page["EndpointConfigs"]] == ["config-2", "config-3"]


@pytest.mark.parametrize("token", ["nonsense", "AAAA", "bnVsbA==", "é"])
def test_a_token_that_is_none(busy: Account, token: str) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        busy.sagemaker.list_endpoint_configs(NextToken=token)


def test_a_token_of_another_query(busy: Account) -> None:
    token = busy.sagemaker.list_endpoint_configs()["NextToken"]
    with pytest.raises(ClientError, match="ValidationException"):
        busy.sagemaker.list_endpoint_configs(NextToken=token, SortOrder="Ascending")


def test_order(busy: Account) -> None:
    names = [f"config-{i:03}" for i in range(120)]
    assert config_names(busy, SortBy="Name", SortOrder="Ascending") == names
    assert config_names(busy, SortBy="Name") == names[::-1]
    assert endpoint_names(busy) == ["Gamma", "alpha", "beta"]
    assert endpoint_names(busy, SortBy="Name", SortOrder="Ascending") == ["Gamma", "alpha", "beta"]
    assert endpoint_names(busy, SortBy="CreationTime", SortOrder="Ascending") == ["beta", "alpha", "Gamma"]
    assert endpoint_names(busy, SortBy="Status", SortOrder="Descending") == ["alpha", "beta", "Gamma"]


def test_filters(busy: Account) -> None:
    assert config_names(busy, NameContains="-11") == config_names(busy, NameContains="config-11")
    assert sorted(config_names(busy, NameContains="-11")) == [f"config-{i}" for i in range(110, 120)]
    assert config_names(busy, CreationTimeBefore=at(60)) == ["config-000"]
    # stamped a moment after its minute, and boto3 sends whole seconds
    assert config_names(busy, CreationTimeAfter=at(60), CreationTimeBefore=at(61)) == ["config-037"]
    assert config_names(busy, CreationTimeAfter=at(61), CreationTimeBefore=at(180)) == ["config-074"]
    assert endpoint_names(busy, StatusEquals="Updating") == ["alpha"]
    assert endpoint_names(busy, StatusEquals="InService") == ["Gamma", "beta"]
    assert endpoint_names(busy, NameContains="amm") == ["Gamma"]
    created = 120 * 60
    assert endpoint_names(busy, LastModifiedTimeBefore=at(created + 601)) == ["beta"]
    assert endpoint_names(busy, LastModifiedTimeAfter=at(created + 601)) == ["Gamma", "alpha"]


def test_what_a_line_says(busy: Account) -> None:
    (line,) = busy.sagemaker.list_endpoints(NameContains="alpha")["Endpoints"]
    described = busy.sagemaker.describe_endpoint(EndpointName="alpha")
    assert line == {key: described[key] for key in line}
    assert line["EndpointStatus"] == "Updating"
    (model,) = busy.sagemaker.list_models()["Models"]
    assert model["ModelName"] == "churn"
    assert model["ModelArn"].startswith(f"arn:aws:sagemaker:{REGION}:")
