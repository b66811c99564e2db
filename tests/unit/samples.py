"""Bodies and records as the tests need them: real in shape, small in size."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.domain.approval.routes import DecideIn, Mode, Route, Rules
from lambdas.domain.encryption.assessment import SurfaceAssessment
from lambdas.domain.record import (
    Approval,
    Backout,
    BackoutRequest,
    ConfigIdentity,
    Digest,
    Finding,
    Remediation,
)
from lambdas.domain.sweep.audit import AuditedConfig, AuditedEndpoint, sharing, worst_first
from lambdas.domain.vocabulary import ApprovalStatus, Surface, Verdict
from ops.audit.result import Audit

KEY_ARN = "arn:aws:kms:us-east-1:123456789012:key/1111aaaa-2222-bbbb-3333-cccc4444dddd"
SOURCE = "fraud-config"
TWIN = "fraud-config-kms-0123456789"
IDENTITY: ConfigIdentity = {"name": TWIN, "createdAt": "2026-03-01T12:00:00.250+00:00", "sha256": "5c0de"}


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
        "endpointId": f"123456789012/us-east-1/{facts.get('endpointName', 'fraud')}",
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
        "endpointId": "123456789012/us-east-1/fraud",
        "endpointName": "fraud",
        "planHash": "f" * 64,
        "status": status,
        "createdAt": "2026-11-23T09:00:06Z",
        "deadline": "2026-11-24T09:00:06Z",
        "decideIn": "slack",
        "mayDecide": ["U1", "U2"],
        "approvalsNeeded": 1,
        "changedBy": "",
        **facts,
    }
    return record


def backout(**facts: Any) -> Backout:
    record: Any = {
        "backoutId": "99999999-2222-3333-4444-555555555555",
        "executionArn": "arn:aws:states:us-east-1:123456789012:execution:backout:99999999",
        "endpointId": "123456789012/us-east-1/fraud",
        "endpointName": "fraud",
        "trigger": {
            "kind": "manual", "eventId": "", "eventName": "Backout", "eventTime": "2026-11-25T09:00:00Z",
            "principalArn": "", "accountId": "123456789012", "region": "us-east-1",
        },
        "startedAt": "2026-11-25T09:00:05Z",
        "backsOut": "11111111-2222-3333-4444-555555555555",
        "requestedBy": "U1",
        "requestedReason": "",
        "sourceConfigName": SOURCE,
        "twinConfigName": TWIN,
        **facts,
    }  # fmt: skip
    return record


def backout_request(by: str = "U1", **facts: Any) -> BackoutRequest:
    request: Any = {
        "backoutId": "99999999-2222-3333-4444-555555555555", "by": by, "at": "2026-11-25T09:00:00Z",
        "reason": "", **facts,
    }  # fmt: skip
    return request


def digest(**facts: Any) -> Digest:
    record: Any = {
        "digestId": "22222222-3333-4444-5555-666666666666", "sweepId": "sweep-1", "route": "default",
        "mode": "required", "decideIn": "slack", "mayDecide": ["U1", "S1"], "accountId": "123456789012",
        "region": "us-east-1", "runbookPages": "https://example.com/runbook#{}",
        "createdAt": "2026-11-23T06:00:00Z", "deadline": "2026-11-24T06:00:00Z", **facts,
    }  # fmt: skip
    return record


def finding(number: int = 0, **facts: Any) -> Finding:
    """An endpoint that waits for a decision."""
    record: Any = {
        "endpointId": f"123456789012/us-east-1/fraud-{number}",
        "endpointName": f"fraud-{number}", "remediationId": f"remediation-{number}",
        "sourceConfigName": f"fraud-{number}-config", "surfaces": ["instance-volume"],
        "instanceTypes": ["ml.m6i.large"], "approvalId": f"approval-{number}", **facts,
    }  # fmt: skip
    return record


def approved(number: int = 0, **facts: Any) -> Finding:
    return finding(number, **{"decision": "APPROVED", "decidedBy": "U1"} | facts)


def denied(number: int = 0, **facts: Any) -> Finding:
    return finding(number, **{"decision": "DENIED", "decidedBy": "U2"} | facts)


MADE_AT = datetime(2026, 11, 24, 6, tzinfo=UTC)


def audited(
    name: str = "fraud",
    *,
    region: str = "us-east-1",
    config: str = "",
    problems: Mapping[Surface, str] | None = None,
    **changes: Any,
) -> AuditedEndpoint:
    """An endpoint as an audit saw it; `problems` says of each of its surfaces what is wrong, if anything."""
    problems = {Surface.INSTANCE_VOLUME: ""} if problems is None else problems
    surfaces = tuple(
        SurfaceAssessment(surface, ("KmsKeyId",), None if problem else KEY_ARN, problem)
        for surface, problem in problems.items()
    )
    verdict = Verdict.UNENCRYPTED if problems.get(Surface.INSTANCE_VOLUME) else Verdict.ENCRYPTED
    facts: dict[str, Any] = {
        "region": region, "name": name,
        "arn": f"arn:aws:sagemaker:{region}:123456789012:endpoint/{name}",
        "status": "InService", "created_at": MADE_AT - timedelta(days=40),
        "modified_at": MADE_AT - timedelta(days=4), "tags": {"team": "fraud"}, "exemption": "", "doubt": "",
        "config": AuditedConfig(config or f"{name}-config", surfaces, verdict, ("ml.m6i.large",)),
        "verdict": verdict,
    }  # fmt: skip
    return AuditedEndpoint(**facts | changes)


def audit(*endpoints: AuditedEndpoint, **changes: Any) -> Audit:
    facts: dict[str, Any] = {
        "account_id": "123456789012", "made_at": MADE_AT, "regions": ("us-east-1", "eu-west-1"),
        "required": (Surface.INSTANCE_VOLUME,), "endpoints": worst_first(endpoints),
        "shared": sharing(endpoints), "remediations": {}, "problems": [],
    }  # fmt: skip
    return Audit(**facts | changes)
