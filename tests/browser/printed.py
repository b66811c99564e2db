"""The pages that auditors print, as samples: an audit of eleven endpoints, and eight remediations."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from lambdas.domain.record import Vote, iso
from lambdas.domain.vocabulary import Surface
from ops.audit.report import as_report as audit_report
from ops.audit.result import LatestRemediation
from ops.history import Evidence
from ops.history_report import as_report as history_report
from tests.unit import samples

_NAME = "readmission-risk-30d-emea"
_KEYS = (("instance-volume", "KmsKeyId"), ("data-capture", "DataCaptureConfig.KmsKeyId"))
_ENDINGS: tuple[dict[str, Any], ...] = (
    {"outcome": "ENCRYPTED", "decision": "APPROVED", "sourceRetiredAt": "2026-11-23T11:00:00Z"},
    {"outcome": "DENIED", "decision": "DENIED", "decisionReason": "The model is replaced next week."},
    {"outcome": "ROLLED_BACK", "decision": "APPROVED", "reason": "CapacityError: no ml.g5.xlarge is free"},
    {"outcome": "FAILED", "decision": "APPROVED", "reason": "SageMaker refused CreateEndpointConfig: "
     "AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/Sealpoint-us-east-1-Functions"
     "CreateEncryptedConfigRole1234ABCD/Sealpoint is not authorized to perform: sagemaker:AddTags"},
)  # fmt: skip
_TIMELINE = (
    "Found unencrypted: instance volume, data capture", "The key and the models can be used",
    "Asked in Slack, to be decided by Tue 24 Nov, 09:00 UTC", "Reminded", "Approved",
    f"Created {_NAME}-config-kms-0123456789", f"UpdateEndpoint from {_NAME}-config to its encrypted copy",
    "The update ended: ENCRYPTED.", "Ended ENCRYPTED.",
)  # fmt: skip


def audit(endpoints: int = 11) -> str:
    """With all that a row may have: long names, a shared config, an exemption, an open remediation."""
    audited = [
        samples.audited(
            f"{_NAME}-{number}",
            config=f"{_NAME}-shared-config" if number < 3 else "",
            problems=dict.fromkeys((Surface.INSTANCE_VOLUME, Surface.DATA_CAPTURE), "no KMS key")
            if number % 3
            else {Surface.INSTANCE_VOLUME: ""},
            tags={"cost-center": "clinical-analytics", "owner": "team-readmissions@example.com"},
            exemption="Exempt until 2026-12-28: backed out of remediation r-12345." if number == 1 else "",
        )
        for number in range(endpoints)
    ]
    latest = LatestRemediation("r-2", "2026-11-20T09:00:00Z", "ROLLED_BACK")
    return audit_report(samples.audit(*audited, remediations={("us-east-1", f"{_NAME}-2"): latest}))


def history(remediations: int = 8) -> str:
    evidence = [_evidence(number) for number in range(remediations)]
    where = "account 123456789012, us-east-1, table Sealpoint-us-east-1-RecordsTable1234ABCD-5678EFGH"
    return history_report(evidence, made_at="2026-11-24T09:00:00Z", where=where, json_sha256="0f" * 32)


def _evidence(number: int) -> Evidence:
    ending = _ENDINGS[number % len(_ENDINGS)]
    attempts: list[Vote] = [
        {"by": "U0MALLORY", "at": "2026-11-23T09:30:00Z", "what": "approve: you are not an approver"}
    ]
    started = samples.MADE_AT - timedelta(days=1)
    record = samples.remediation(
        endpointName=f"{_NAME}-{number}",
        sourceConfigName=f"{_NAME}-{number}-config",
        twinConfigName=f"{_NAME}-{number}-config-kms-0123456789",
        closedAt="2026-11-23T11:00:00Z",
        decidedBy="U0APPROVER2",
        decidedByName="Grace Hopper",
        decidedAt="2026-11-23T10:00:00Z",
        evidenceSha256="ab" * 32,
        surfaceKeys=[
            {"surface": name, "path": path, "now": "", "after": samples.KEY_ARN, "problem": "no KMS key"}
            for name, path in _KEYS
        ],
        timeline=[
            {"at": iso(started + timedelta(minutes=12 * minute)), "what": what, "by": "U0APPROVER2"}
            for minute, what in enumerate(_TIMELINE)
        ],
        **ending,
    )
    kept = {
        "config": samples.config(),
        "tags": {"owner": "team-readmissions@example.com"},
        "endpoint": samples.endpoint(),
    }
    return Evidence(record, samples.approval(attempts=attempts if number == 1 else []), kept)
