"""What goes wrong on request, as a client meets it."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError, ConnectionClosedError

from local.sagemaker import CALLS_PER_SECOND
from tests.local.sagemaker.account import ACCOUNT_ID, REGION, STAMPED, START, Account, refusal, variant

if TYPE_CHECKING:
    from local.sagemaker import Operation

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT_ID}:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def codes(account: Account, operation: str) -> list[str | None]:
    return [call.error_code for call in account.hosting.calls if call.operation == operation]


def test_throttling_so_many_times(account: Account) -> None:
    account.hosting.faults.throttle("ListModels", 2)

    for _ in range(2):
        with pytest.raises(ClientError) as raised:
            account.sagemaker.list_models()
        assert refusal(raised) == ("ThrottlingException", "Rate exceeded")
        status: Any = raised.value.response.get("ResponseMetadata")
        assert status["HTTPStatusCode"] == 400
    account.sagemaker.list_endpoints()
    assert len(account.sagemaker.list_models()["Models"]) == 1
    assert codes(account, "ListModels") == ["ThrottlingException", "ThrottlingException", None]


def test_boto3_retries_a_throttle_by_itself(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    account.hosting.faults.throttle("ListModels", 2)

    assert len(account.client(attempts=3).list_models()["Models"]) == 1
    assert len(codes(account, "ListModels")) == 3
    assert len([seconds for seconds in waits if seconds > 0]) == 2


def test_faults_of_one_region(account: Account) -> None:
    account.hosting.faults.throttle("ListModels", region="us-east-1")

    account.sagemaker.list_models()
    with pytest.raises(ClientError, match="Rate exceeded"):
        account.client("us-east-1").list_models()


def test_refusing_changes_nothing(account: Account) -> None:
    account.hosting.faults.refuse(
        "CreateEndpointConfig", "ResourceLimitExceeded", "The account-level service limit …"
    )

    with pytest.raises(ClientError) as raised:
        account.create_config("plain")
    assert refusal(raised) == ("ResourceLimitExceeded", "The account-level service limit …")
    account.create_config("plain")


def test_refusing_certain_requests_only(account: Account) -> None:
    """As instance types with local NVMe storage were said to refuse a key."""
    account.hosting.faults.refuse(
        "CreateEndpointConfig",
        "ValidationException",
        "KmsKeyId isn't supported for instance types with local storage.",
        times=2,
        when=lambda request: "KmsKeyId" in request,
    )

    account.create_config("plain")
    with pytest.raises(ClientError, match="local storage"):
        account.create_config("twin", KmsKeyId=KEY)


def test_the_services_own_failure(account: Account) -> None:
    account.hosting.faults.break_down("ListModels")

    with pytest.raises(ClientError) as raised:
        account.sagemaker.list_models()
    metadata: Any = raised.value.response.get("ResponseMetadata")
    assert (refusal(raised)[0], metadata["HTTPStatusCode"]) == ("InternalFailure", 500)
    account.sagemaker.list_models()


def test_an_answer_that_is_lost_after_the_act(account: Account) -> None:
    account.hosting.faults.lose_answer("CreateEndpointConfig")

    with pytest.raises(ConnectionClosedError):
        account.create_config("plain")

    call = account.hosting.calls[-1]
    assert (call.operation, call.error_code, call.answer_lost) == ("CreateEndpointConfig", None, True)
    with pytest.raises(ClientError, match="already existing"):
        account.create_config("plain")
    assert not account.hosting.calls[-1].answer_lost


def test_a_region_that_is_down(account: Account) -> None:
    calls = len(account.hosting.calls)
    account.hosting.faults.take_region_down(REGION)

    with pytest.raises(ConnectionClosedError):
        account.create_config("plain")
    assert account.client("us-east-1").list_models()["Models"] == []
    account.hosting.faults.bring_region_up(REGION)

    assert account.sagemaker.list_endpoint_configs()["EndpointConfigs"] == []
    assert [call.operation for call in account.hosting.calls[calls:]] == ["ListModels", "ListEndpointConfigs"]


def test_latency(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    account.hosting.faults.latency_seconds = 20

    account.sagemaker.list_models()

    # what the call itself takes is part of its latency
    assert slept == [pytest.approx(20, abs=5)]


def test_quotas_are_off_unless_asked_for(account: Account) -> None:
    for _ in range(8):
        account.sagemaker.list_endpoints()


@pytest.mark.parametrize(
    ("operation", "request_body"), [("DescribeModel", {"ModelName": "churn"}), ("ListEndpoints", {})]
)
def test_quotas(account: Account, operation: Operation, request_body: dict[str, str]) -> None:
    account.hosting.faults.quotas_enforced = True
    rate = int(CALLS_PER_SECOND[operation])

    def outcomes(attempts: int) -> list[str | None]:
        before = len(account.hosting.calls)
        for _ in range(attempts):
            with contextlib.suppress(ClientError):
                getattr(account.sagemaker, xform_name(operation))(**request_body)
        return [call.error_code for call in account.hosting.calls[before:]]

    throttled = "ThrottlingException"
    assert outcomes(rate + 2) == [None] * rate + [throttled] * 2
    account.clock.advance(1 / rate)
    assert outcomes(2) == [None, throttled]
    account.clock.advance(3600)
    assert outcomes(rate + 1) == [None] * rate + [throttled]


def test_quotas_are_per_region_and_operation(account: Account) -> None:
    account.hosting.faults.quotas_enforced = True
    account.create_config("one")
    with pytest.raises(ClientError, match="Rate exceeded"):
        account.create_config("two")

    other = account.client("us-east-1")
    other.create_model(ModelName="churn", ExecutionRoleArn=f"arn:aws:iam::{ACCOUNT_ID}:role/x")
    other.create_endpoint_config(EndpointConfigName="one", ProductionVariants=[variant()])
    for _ in range(20):
        account.sagemaker.list_models()  # no quota is documented


def test_time_is_the_clocks(account: Account) -> None:
    account.clock.advance(77)
    account.create_config("plain")
    created = account.sagemaker.describe_endpoint_config(EndpointConfigName="plain")["CreationTime"]
    assert created.timestamp() == START + 77 + STAMPED
