"""HTTP and AWS JSON 1.1: what is on the wire, regions, the record of calls, many callers at once."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from local.clock import Clock
from local.sagemaker import SageMakerHosting
from tests.local.sagemaker.account import ACCOUNT_ID, REGION, ROLE, STAMPED, START, Account, refusal, variant

if TYPE_CHECKING:
    from local.sagemaker import ApiCall

SIGNED = (
    f"AWS4-HMAC-SHA256 Credential=AKIARAW/20260101/{REGION}/sagemaker/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=00"
)


def post(
    account: Account, target: str, body: bytes = b"{}", authorization: str = SIGNED, method: str = "POST"
) -> tuple[int, dict[str, str], Any]:
    request = urllib.request.Request(  # noqa: S310 -- the server's own address
        account.server.url,
        data=body,
        headers={"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"},
        method=method,
    )
    if authorization:
        request.add_header("Authorization", authorization)
    try:
        with urllib.request.urlopen(request) as response:  # noqa: S310
            return response.status, dict(response.headers), json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), json.load(error)


def test_an_answer_on_the_wire(account: Account) -> None:
    status, headers, body = post(account, "SageMaker.ListModels")

    assert status == 200
    assert headers["Content-Type"] == "application/x-amz-json-1.1"
    assert headers["x-amzn-RequestId"] == account.hosting.calls[-1].request_id
    assert body == {
        "Models": [
            {
                "ModelName": "churn",
                "ModelArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT_ID}:model/churn",
                "CreationTime": START + STAMPED,
            }
        ]
    }


def test_an_error_on_the_wire(account: Account) -> None:
    status, headers, body = post(account, "SageMaker.DescribeModel", b'{"ModelName": "none"}')

    assert status == 400
    assert headers["Content-Type"] == "application/x-amz-json-1.1"
    assert body["__type"] == "ValidationException"
    assert body["message"].startswith("Could not find model")


@pytest.mark.parametrize(
    ("target", "change", "status", "code"),
    [
        ("SageMaker.CreateTrainingJob", {}, 400, "UnknownOperationException"),
        ("SageMaker.", {}, 400, "UnknownOperationException"),
        ("DynamoDB_20120810.ListTables", {}, 400, "UnknownOperationException"),
        ("SageMaker.ListModels", {"method": "PUT"}, 400, "UnknownOperationException"),
        ("SageMaker.ListModels", {"body": b"{"}, 400, "SerializationException"),
        ("SageMaker.ListModels", {"body": b"\xff"}, 400, "SerializationException"),
        ("SageMaker.ListModels", {"body": b'{"MaxResults": NaN}'}, 400, "SerializationException"),
        ("SageMaker.ListModels", {"body": b"[]"}, 400, "SerializationException"),
        ("SageMaker.ListModels", {"authorization": ""}, 403, "MissingAuthenticationTokenException"),
        ("SageMaker.ListModels", {"authorization": "Bearer x"}, 400, "IncompleteSignatureException"),
        (
            "SageMaker.ListModels",
            {"authorization": SIGNED.replace("/sagemaker/", "/s3/")},
            403,
            "InvalidSignatureException",
        ),
        (
            "SageMaker.ListModels",
            {"authorization": SIGNED.replace(REGION, "atlantis")},
            403,
            "InvalidSignatureException",
        ),
    ],
)
def test_what_is_no_request(
    account: Account, target: str, change: dict[str, Any], status: int, code: str
) -> None:
    answered, _, body = post(account, target, **change)
    assert (answered, body["__type"]) == (status, code)


def test_an_operation_that_is_not_served_reaches_boto3_as_an_error(account: Account) -> None:
    with pytest.raises(ClientError) as raised:
        account.sagemaker.list_training_jobs()
    assert refusal(raised)[0] == "UnknownOperationException"


def test_boto3_finds_it_by_the_standard_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with Account() as account:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", account.server.url)
        monkeypatch.setenv("AWS_REGION", "eu-west-1")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENVIRON")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        client = boto3.session.Session().client("sagemaker")
        client.list_endpoints()
        client.close()

        (call,) = account.hosting.calls
        assert (call.region, call.access_key_id) == ("eu-west-1", "AKIAENVIRON")


@pytest.mark.parametrize(
    ("region", "partition"),
    [("us-east-1", "aws"), ("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn")],
)
def test_regions_are_worlds_of_their_own(account: Account, region: str, partition: str) -> None:
    other = account.client(region)
    assert other.list_models()["Models"] == []

    arn = other.create_model(ModelName="Churn", ExecutionRoleArn=ROLE)["ModelArn"]
    assert arn == f"arn:{partition}:sagemaker:{region}:{ACCOUNT_ID}:model/Churn"
    assert [model["ModelName"] for model in other.list_models()["Models"]] == ["Churn"]
    assert [model["ModelName"] for model in account.sagemaker.list_models()["Models"]] == ["churn"]


def test_calls_are_on_record() -> None:
    seen: list[ApiCall] = []
    with Account(on_call=seen.append) as other:
        other.create_model("m")
        other.clock.advance(5)
        with pytest.raises(ClientError):
            other.client("eu-west-1", access_key_id="AKIAELSE").describe_endpoint(EndpointName="none")

    created, missing = seen
    assert seen == other.hosting.calls
    assert (created.operation, created.region, created.time) == ("CreateModel", REGION, START)
    assert created.request["ModelName"] == "m"
    assert created.response == {"ModelArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT_ID}:model/m"}
    assert (created.error_code, created.error_message) == (None, None)
    assert created.source_ip == "127.0.0.1"
    assert created.user_agent.startswith("Boto3/")
    assert (missing.operation, missing.region, missing.access_key_id, missing.time) == (
        "DescribeEndpoint",
        "eu-west-1",
        "AKIAELSE",
        START + 5,
    )
    assert missing.error_code == "ValidationException"
    assert missing.error_message
    assert missing.error_message.startswith('Could not find endpoint "arn:aws:sagemaker:eu-west-1:')
    assert missing.response is None


def test_on_call_may_call_the_service_itself() -> None:
    """It runs outside the lock: a CloudTrail event may lead to the next call at once."""

    def react(call: ApiCall) -> None:
        if call.operation == "CreateModel":
            account.client().list_models()

    with Account(on_call=react) as account:
        account.create_model()
        assert [call.operation for call in account.hosting.calls] == ["CreateModel", "ListModels"]


def test_what_is_on_record_stays_as_it_was(account: Account) -> None:
    account.create_config("plain", Tags=[{"Key": "team", "Value": "churn"}])
    recorded = account.hosting.calls[-1].request
    recorded["ProductionVariants"].clear()
    describe = account.sagemaker.describe_endpoint_config
    describe(EndpointConfigName="plain")
    answered = account.hosting.calls[-1].response
    assert answered
    answered["ProductionVariants"].clear()

    assert len(describe(EndpointConfigName="plain")["ProductionVariants"]) == 1
    assert recorded["Tags"] == [{"Key": "team", "Value": "churn"}]


def test_a_fault_in_on_call_is_not_swallowed(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: ApiCall) -> None:
        raise RuntimeError("no event bus")

    with Account(on_call=fail) as account:
        with pytest.raises(ClientError) as raised:
            account.create_model()
        assert refusal(raised)[0] == "InternalFailure"
    assert "no event bus" in caplog.text


def test_many_callers_at_once(account: Account) -> None:
    clients = [account.client() for _ in range(8)]

    def create(i: int) -> str:
        try:
            clients[i % 8].create_endpoint_config(
                EndpointConfigName=f"config-{i // 4}", ProductionVariants=[variant()]
            )
        except ClientError as error:
            return str(error)
        return "created"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(create, range(40)))

    assert outcomes.count("created") == 10
    assert all("already existing" in outcome for outcome in outcomes if outcome != "created")
    assert len(account.hosting.calls) == 41


def test_a_stopped_server_is_gone() -> None:
    hosting = SageMakerHosting(clock=Clock(speed=0))
    with hosting.serve() as server:
        url = server.url
    client = boto3.session.Session().client(
        "sagemaker",
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    with pytest.raises(EndpointConnectionError):
        client.list_models()
    client.close()
