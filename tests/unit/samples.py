"""Bodies and records as the tests need them: real in shape, small in size."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from remediation.record import Approval, Remediation
from remediation.route import DecideIn, Mode, Route, Rules
from remediation.vocabulary import ApprovalStatus

KEY_ARN = "arn:aws:kms:us-east-1:123456789012:key/1111aaaa-2222-bbbb-3333-cccc4444dddd"
SOURCE = "fraud-config"
TWIN = "fraud-config-kms-0123456789"


def config(**members: Any) -> dict[str, Any]:
    """A body of DescribeEndpointConfig."""
    return {
        "EndpointConfigName": SOURCE,
        "EndpointConfigArn": f"arn:aws:sagemaker:us-east-1:123456789012:endpoint-config/{SOURCE}",
        "CreationTime": 1_700_000_000.25,
        "ProductionVariants": [
            {"VariantName": "a", "ModelName": "m", "InstanceType": "ml.m6i.large", "InitialInstanceCount": 1}
        ],
        **members,
    }


def endpoint(status: str = "InService", config_name: str = SOURCE, **members: Any) -> dict[str, Any]:
    """A body of DescribeEndpoint."""
    return {
        "EndpointName": "fraud",
        "EndpointArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/fraud",
        "EndpointConfigName": config_name,
        "EndpointStatus": status,
        "CreationTime": 1_700_000_000.0,
        "LastModifiedTime": 1_700_000_000.0,
        "ProductionVariants": [{"VariantName": "a", "CurrentInstanceCount": 4, "CurrentWeight": 1.0}],
        **members,
    }


def rules(*special: Route, **changes: Any) -> Rules:
    """The settings about decisions: U1, U2 and the group S1 may decide, within a day."""
    facts: dict[str, Any] = {"routes": (*special, route())}
    return Rules(**facts | changes)


def route(**changes: Any) -> Route:
    facts: dict[str, Any] = {
        "name": "default", "channel": "C1", "approvers": ("U1", "U2"),
        "deadline": timedelta(days=1), "reminder": timedelta(hours=8),
        "mode": Mode.REQUIRED, "decide_in": DecideIn.SLACK,
    }  # fmt: skip
    return Route(**facts | changes)


def remediation(**facts: Any) -> Remediation:
    record: Any = {
        "remediationId": "11111111-2222-3333-4444-555555555555",
        "executionArn": "arn:aws:states:us-east-1:123456789012:execution:machine:11111111",
        "endpointName": "fraud",
        "trigger": {
            "kind": "event",
            "eventId": "e-1",
            "eventName": "CreateEndpoint",
            "eventTime": "2026-11-23T09:00:00Z",
            "principalArn": "arn:aws:sts::123456789012:assumed-role/DataScientist/ana@example.com",
            "accountId": "123456789012",
            "region": "us-east-1",
        },
        "startedAt": "2026-11-23T09:00:05Z",
        "endpointStatus": "InService",
        "sourceConfigName": SOURCE,
        "keyArn": KEY_ARN,
        "planHash": "f" * 64,
        "plannedTwinName": TWIN,
        "route": "default",
        "approvalMode": "required",
        "variants": [{"name": "a", "instanceType": "ml.m6i.large", "instanceCount": 4}],
        "surfaceKeys": [
            {
                "surface": "instance-volume",
                "path": "KmsKeyId",
                "now": "",
                "after": KEY_ARN,
                "problem": "no KMS key",
            }
        ],
        "updateOptions": {"RetainAllVariantProperties": True, "RetainDeploymentConfig": True},
        **facts,
    }
    return record


def approval(status: ApprovalStatus = ApprovalStatus.PENDING, **facts: Any) -> Approval:
    record: Any = {
        "approvalId": "an-approval-that-can-not-be-guessed",
        "remediationId": "11111111-2222-3333-4444-555555555555",
        "endpointName": "fraud",
        "planHash": "f" * 64,
        "status": status,
        "taskToken": "secret-token",
        "createdAt": "2026-11-23T09:00:06Z",
        "deadline": "2026-11-24T09:00:06Z",
        "decideIn": "slack",
        "mayDecide": ["U1", "U2"],
        "approvalsNeeded": 1,
        "changedBy": "",
        **facts,
    }
    return record
