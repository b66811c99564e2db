"""CheckFeasibility: ask a person only for what can work, and note what the key won't cover."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.domain.approval.decision import first_wait
from lambdas.domain.approval.question import SECONDS_TO_LOOK_AGAIN
from lambdas.domain.encryption import feasibility
from lambdas.domain.encryption.plan import paths_to_change
from lambdas.domain.encryption.progress import deployed_at
from lambdas.domain.encryption.twin import plan_hash
from lambdas.domain.errors import InvalidInput
from lambdas.domain.record import Remediation, endpoint_of, required_fact
from lambdas.gateways.kms import kms
from lambdas.gateways.records.records import records
from lambdas.gateways.settings import optional_list, required, rules
from lambdas.services import key_access
from lambdas.services.configs import described_models
from lambdas.services.observability import step


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now, remediation = datetime.now(UTC), records().remediation(event["remediationId"])
    config, endpoint = _found(remediation)
    key_arn, region = required("KMS_KEY_ARN"), required_fact(remediation, "endpointArn").split(":")[3]
    key = feasibility.require_usable_key(kms().describe_key(key_arn), key_arn, region)
    models = described_models(config)

    notes = [feasibility.local_storage_note(config)]
    if key_users := optional_list("KEY_USERS"):  # the key is the user's own, and so is its policy
        described = list(models.values())
        remediation = key_access.leave_alone_without_access(remediation, config, described, key, now)
        notes.append(key_access.doubt_about_own_roles(key_users, key))
    noted = remediation.get("notes", [])
    new = [note for note in notes if note and note not in noted]
    shown = feasibility.models_found(models, deployed_at(endpoint, config))
    paths, options = paths_to_change(remediation.get("surfaceKeys", [])), remediation.get("updateOptions", {})
    plan = plan_hash(endpoint_of(remediation), config, key_arn, paths, options, models=shown)
    facts = {"models": shown, "planHash": plan, "notes": [*noted, *new]}
    records().note(remediation["remediationId"], facts)
    route = rules().named(remediation.get("route", ""))
    if "digestId" in remediation:  # which has reminders of its own
        return {"waitSeconds": SECONDS_TO_LOOK_AGAIN}
    return {"waitSeconds": first_wait(route.deadline, route.reminder)}


def _found(remediation: Remediation) -> tuple[dict[str, Any], dict[str, Any]]:
    """The config and the endpoint as they were found.

    Raises
    ------
    InvalidInput
        None is on record: the steps did not run in the workflow's order.
    """
    evidence = records().evidence(remediation["remediationId"])
    if evidence.config is None:
        raise InvalidInput("The original config is not on record, so nobody was asked.")
    return evidence.config, evidence.bodies["endpoint"]
