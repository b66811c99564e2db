"""Each handler against moto's tables and secrets, the SageMaker server and the Slack stand-in."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

# read when Powertools is first imported, in tests as in a Lambda function
os.environ["POWERTOOLS_SERVICE_NAME"] = "sealpoint"
os.environ["POWERTOOLS_METRICS_NAMESPACE"] = "Sealpoint"

import boto3
import pytest
import time_machine
from moto import mock_aws

import lambdas.gateways.settings
import lambdas.gateways.slack
from lambdas.domain.endpoint_id import EndpointId
from lambdas.domain.record import Approval, Remediation, start_record
from lambdas.gateways.kms import Kms
from lambdas.gateways.records.records import Records
from lambdas.handlers import check_encryption, check_feasibility, close_remediation
from local.aws import resource_tags
from local.clock import Clock
from local.sagemaker import SageMakerHosting
from local.slack import Channel, SlackStandIn, User, UserGroup

REGION = "us-east-1"
ACCOUNT = "123456789012"
TABLE = "records"
CHANNEL = "C0SEALPOINT"
ADA = User(id="U0ADA", name="Ada", email="ada@example.com")
GRACE = User(id="U0GRACE", name="Grace", email="grace@example.com")
MALLORY = User(id="U0MALLORY", name="Mallory", email="mallory@example.com")
KEY_ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1111aaaa-2222-bbbb-3333-cccc4444dddd"
SIGNING_SECRET = "a-signing-secret"
CONTEXT = SimpleNamespace(
    function_name="f", memory_limit_in_mb=128, invoked_function_arn="arn:f", aws_request_id="r"
)
FRAUD = EndpointId(ACCOUNT, REGION, "fraud")
_FOUND = ("ALREADY_ENCRYPTED", "EXEMPT", "GONE", "SUPERSEDED", "DENIED")  # by CheckEncryption
EXECUTIONS = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:remediation"
Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


# a new session would read botocore's large service models anew for every test
_KEEP: Any = {"core": {"reset_boto3_session": False}}


@dataclass
class FakeStepFunctions:
    """The task tokens that were called back; moto's own know no token that no execution gave out."""

    woken: list[str] = field(default_factory=list[str])
    started: list[tuple[str, str, Any]] = field(default_factory=list[tuple[str, str, Any]])
    waiting: bool = True

    def start(self, machine_arn: str, name: str, machine_input: Any) -> None:
        self.started.append((machine_arn.rpartition(":")[2], name, machine_input))

    def wake(self, task_token: str) -> bool:
        self.woken.append(task_token)
        return self.waiting


@dataclass
class Bench:
    """What a handler's test works with."""

    clock: Clock
    hosting: SageMakerHosting
    sagemaker: Any
    slack: SlackStandIn
    records: Records
    workflow: FakeStepFunctions
    traveller: Any
    token_arn: str
    signing_secret_arn: str
    file_settings: dict[str, Any]  # of the asset's file, read anew each time

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.traveller.move_to(self.clock.now())

    def clock_now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now(), UTC)

    def set_rules(self, *routes: dict[str, Any], **changes: Any) -> None:
        """Other settings about decisions, as after a deployment."""
        self.file_settings["decisions"] = decision_rules(*routes, **changes)
        lambdas.gateways.settings.rules.cache_clear()

    def run(self, handler: Handler, **event: Any) -> dict[str, Any]:
        """Invoke a handler as Lambda does; the result must survive JSON."""
        result: dict[str, Any] = json.loads(json.dumps(handler(event, CONTEXT)))
        return result

    def check_input(
        self, endpoint: str = "fraud", remediation_id: str = "r-1", event_id: str = "e-1"
    ) -> dict[str, Any]:
        trigger = {
            "kind": "event", "eventId": event_id, "eventName": "CreateEndpoint",
            "eventTime": "2026-11-23T09:00:00Z", "principalArn": "arn:aws:iam::1:user/ana",
            "accountId": ACCOUNT, "region": REGION,
        }  # fmt: skip
        return {
            "remediationId": remediation_id, "executionArn": f"{EXECUTIONS}:{remediation_id}",
            "endpointName": endpoint, "trigger": trigger,
        }  # fmt: skip

    def check(
        self, endpoint: str = "fraud", remediation_id: str = "r-1", event_id: str = "e-1"
    ) -> dict[str, Any]:
        """Run CheckEncryption; its answer, and what the record says of the verdict and the outcome."""
        event = self.check_input(endpoint, remediation_id, event_id)
        answer, record = self.run(check_encryption.handler, **event), self.remediation(remediation_id)
        facts = {"verdict": "verdict", "outcome": "checkOutcome", "reason": "checkReason"}
        return answer | {name: record[fact] for name, fact in facts.items() if fact in record}  # type: ignore[literal-required]

    def check_feasibility(self) -> None:
        """Run CheckFeasibility for r-1, with a key that can be used."""
        usable = {
            "Arn": KEY_ARN, "KeyState": "Enabled", "KeySpec": "SYMMETRIC_DEFAULT",
            "KeyUsage": "ENCRYPT_DECRYPT",
        }  # fmt: skip
        with patch.object(Kms, "describe_key", return_value=usable):
            self.run(check_feasibility.handler, remediationId="r-1")

    def close(self, outcome: str = "", reason: str = "", **event: Any) -> dict[str, Any]:
        """Run CloseRemediation, after a step that has put an outcome on record."""
        event = self.check_input() | event
        if outcome:
            self.records.start(start_record(event, self.clock_now()))
            by = "check" if outcome in _FOUND else "update"
            self.records.note("r-1", {f"{by}Outcome": outcome, f"{by}Reason": reason})
        return self.run(close_remediation.handler, **event)

    def make_endpoint(
        self, name: str = "fraud", *, config: str = "", wait: bool = True, **members: Any
    ) -> str:
        """An endpoint, in service unless `wait` is False; returns its config's name."""
        config = config or f"{name}-config"
        self.make_config(config, **members)
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        if wait:
            self.pass_time(700)
        return config

    def move(self, config: str, name: str = "fraud") -> None:
        """Update an endpoint to another config, until it is in service on that."""
        self.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)
        self.pass_time(700)

    def make_config(self, name: str, **members: Any) -> None:
        self._make_model("model")
        variant = {
            "VariantName": "a", "ModelName": "model", "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1, "InitialVariantWeight": 1.0,
        }  # fmt: skip
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name, **{"ProductionVariants": [variant], **members}
        )

    def _make_model(self, name: str) -> None:
        try:
            self.sagemaker.describe_model(ModelName=name)
        except self.sagemaker.exceptions.ClientError:
            self.sagemaker.create_model(
                ModelName=name,
                PrimaryContainer={"Image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/m:1"},
                ExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/Execution",
            )

    def remediation(self, remediation_id: str = "r-1") -> Remediation:
        return self.records.remediation(remediation_id)

    def approval(self, remediation_id: str = "r-1") -> Approval:
        found = self.records.approval(self.remediation(remediation_id).get("approvalId", ""))
        assert found is not None
        return found

    def schedules(self) -> list[Any]:
        """What is left to be fired, which nothing here does."""
        client = boto3.client("scheduler")
        names = [one["Name"] for one in client.list_schedules()["Schedules"]]
        return [client.get_schedule(GroupName="retirements", Name=name) for name in names]

    def messages(self) -> list[Any]:
        return [
            message for message in self.slack.messages(CHANNEL) if not getattr(message, "thread_ts", None)
        ]


def decision_rules(*routes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The settings about decisions, as the stack writes them; `routes` come before the default one."""
    default = {
        "name": "default", "channel": CHANNEL, "approvers": [ADA.id, GRACE.id], "deadlineHours": 24,
        "reminderHours": 8, "mode": "required", "decideIn": "slack",
    }  # fmt: skip
    rules: dict[str, Any] = {
        "routes": [*({**default, **route} for route in routes), default | changes.pop("default", {})],
        "forbidOwnApproval": True, "breakGlass": False, "twoApproversTag": {},
        "runbookPages": "docs/runbook/{}.md",
    }  # fmt: skip
    return rules | changes


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    clock = Clock(speed=0)
    hosting = SageMakerHosting(clock=clock, account_id=ACCOUNT)
    slack = SlackStandIn(
        clock=clock,
        bot_token="xoxb-test-token",
        signing_secret=SIGNING_SECRET,
        channels=[Channel(id=CHANNEL, name="sagemaker")],
        users=[ADA, GRACE, MALLORY],
        user_groups=[UserGroup(id="S0TEAM", handle="team", users=[GRACE.id])],
    )
    resource_tags.install(hosting)
    with hosting.serve() as sagemaker_server, slack.serve() as slack_server, mock_aws(config=_KEEP):
        for name, value in {
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "AKIATEST",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL_SAGEMAKER": sagemaker_server.url,
            "SLACK_API_URL": slack_server.api_url,
            "RECORDS_TABLE_NAME": TABLE,
            "KMS_KEY_ARN": KEY_ARN,
            "REQUIRED_SURFACES": "instance-volume",
            "RECORD_RETENTION_DAYS": "2196",
            "BACKOUT_DAYS": "14",
            "CONCURRENT_UPDATES": "2",
            "QUOTA_SHARE": "1000000",  # no pace: time stands still here
            "DIGEST_ABOVE": "2",
            "REMEDIATION_WORKFLOW_ARN": "arn:aws:states:us-east-1:123456789012:stateMachine:remediation",
            "DIGEST_WORKFLOW_ARN": "arn:aws:states:us-east-1:123456789012:stateMachine:digest",
            "AWS_REGION": REGION,
            "EXEMPT_DAYS": "30",
            "RETIRE_OLD_CONFIG": "true",
            "BACKOUT_WORKFLOW_ARN": "arn:aws:states:us-east-1:123456789012:stateMachine:backout",
            "RETIREMENT_WORKFLOW_ARN": "arn:aws:states:us-east-1:123456789012:stateMachine:retirement",
            "SCHEDULE_GROUP": "retirements",
            "SCHEDULE_ROLE_ARN": "arn:aws:iam::123456789012:role/Retirements",
            "UNDELIVERED_QUEUE_ARN": "arn:aws:sqs:us-east-1:123456789012:undelivered",
            "UPDATE_DEADLINE_SECONDS": "14400",
        }.items():
            monkeypatch.setenv(name, value)
        file_settings: dict[str, Any] = {
            "decisions": decision_rules(), "encryptedBy": {REGION: ["any"]}, "deploymentConfig": None
        }  # fmt: skip
        monkeypatch.setattr(lambdas.gateways.settings, "file_settings", lambda: file_settings)
        _forget_clients()
        table = boto3.client("dynamodb")
        table.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"}
                for name in ("pk", "sk", "endpointId", "startedAt")
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "byEndpointId",
                    "KeySchema": [
                        {"AttributeName": "endpointId", "KeyType": "HASH"},
                        {"AttributeName": "startedAt", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        )
        arns: dict[str, str] = {}
        for name, values in {
            "SLACK_TOKEN_SECRET_ARN": {"bot_token": "xoxb-test-token"},
            "SLACK_SIGNING_SECRET_ARN": {"signing_secret": SIGNING_SECRET},
        }.items():
            secret = boto3.client("secretsmanager").create_secret(Name=name, SecretString=json.dumps(values))
            arns[name] = secret["ARN"]
            monkeypatch.setenv(name, arns[name])
        boto3.client("scheduler").create_schedule_group(Name="retirements")
        workflow = FakeStepFunctions()
        monkeypatch.setattr("lambdas.gateways.step_functions.StepFunctions", lambda: workflow)
        with time_machine.travel(clock.now(), tick=False) as traveller:
            yield Bench(
                clock=clock,
                hosting=hosting,
                sagemaker=boto3.client("sagemaker"),
                slack=slack,
                records=Records(TABLE),
                workflow=workflow,
                traveller=traveller,
                token_arn=arns["SLACK_TOKEN_SECRET_ARN"],
                signing_secret_arn=arns["SLACK_SIGNING_SECRET_ARN"],
                file_settings=file_settings,
            )
        _forget_clients()
    assert hosting.violations == []


def _forget_clients() -> None:
    """The gateways and their clients are kept for a Lambda's life, which here is one test."""
    for name, module in [*sys.modules.items()]:
        if name.startswith("lambdas.gateways."):
            for kept in vars(module).values():
                if hasattr(kept, "cache_clear"):
                    kept.cache_clear()
    lambdas.gateways.slack.forget_group_members()
