"""CheckFeasibility: a person is asked only for what can work, and told what the key won't cover."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.domain.approval.decision import wait_seconds
from lambdas.domain.encryption import feasibility
from lambdas.domain.encryption.key_policy import (
    KeyAccess,
    Use,
    judge_key_policy,
    judge_simulation,
    simulation_context,
)
from lambdas.domain.encryption.plan import paths_to_change, without_changes
from lambdas.domain.encryption.twin import plan_hash, twin_name
from lambdas.domain.errors import KeyUnusable, RequestRefused
from lambdas.domain.record import Remediation, happened, required_fact
from lambdas.domain.vocabulary import Surface
from lambdas.gateways.environment import optional_list, required, required_list, rules
from lambdas.gateways.iam import iam
from lambdas.gateways.kms import kms
from lambdas.gateways.records.records import records
from lambdas.gateways.sagemaker import sagemaker
from lambdas.services.observability import logger, step


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    remediation = records().remediation(event["remediationId"])
    config = records().snapshot(remediation["remediationId"])["config"]
    key_arn, region = required("KMS_KEY_ARN"), required_fact(remediation, "endpointArn").split(":")[3]
    feasibility.require_usable_key(kms().describe_key(key_arn), key_arn, region)
    models = {name: sagemaker().describe_model(name) for name in feasibility.model_names(config)}
    feasibility.require_models([name for name, model in models.items() if model is None])

    notes = [feasibility.local_storage_note(config)]
    if key_users := optional_list("KEY_USERS"):  # the key is the user's own, and so is its policy
        found = [model for model in models.values() if model]
        remediation = _left_alone_where_shut_out(remediation, config, found, key_arn)
        notes.append(_doubt_about_us(key_users, key_arn))
    noted = remediation.get("notes", [])
    new = [note for note in notes if note and note not in noted]
    if new:
        records().note(remediation["remediationId"], {"notes": [*noted, *new]})
    route, now = rules().named(remediation.get("route", "")), datetime.now(UTC)
    reminder = timedelta() if "digestId" in remediation else route.reminder  # the digest has its own
    return {"waitSeconds": wait_seconds(now, now + route.deadline, reminder)}


def _left_alone_where_shut_out(
    remediation: Remediation, config: Mapping[str, Any], models: list[Mapping[str, Any]], key_arn: str
) -> Remediation:
    """The plan without what the execution role couldn't write with this key, and a note that says so.

    A twin whose role is shut out updates fine and then loses captures and answers (DESIGN §4.10).
    """
    entries = remediation.get("surfaceKeys", [])
    written = {
        entry["surface"]
        for entry in entries
        if entry["after"] != entry["now"] and entry["surface"] != Surface.INSTANCE_VOLUME
    }
    if not written:
        return remediation
    actions = ("kms:GenerateDataKey", "kms:Decrypt")
    roles = feasibility.execution_roles(config, models)
    doubts = [doubt for role in roles if (doubt := _doubt(Use(role, actions, required("VIA_S3")), key_arn))]
    if roles and not doubts:
        return remediation
    why = doubts[0] if doubts else "no execution role is named"
    what = ", ".join(sorted(written)).replace("-", " ")
    if written & set(required_list("REQUIRED_SURFACES")):
        raise KeyUnusable(
            f"It can't be shown that the endpoint could write its {what} with the KMS key ({why}), so "
            "nothing was asked or changed."
        )
    note = (
        f"Left as it is, since the endpoint might lose it otherwise: {what}. It can't be shown that its "
        f"execution role may use the key: {why}."
    )
    plan = without_changes(entries, written)
    options = remediation.get("updateOptions", {})
    facts = {
        "surfaceKeys": plan,
        "planHash": plan_hash(config, key_arn, paths_to_change(plan), options),
        "plannedTwinName": twin_name(config, key_arn, paths_to_change(plan), remediation["endpointName"]),
        "notes": [*remediation.get("notes", []), note],
    }
    entry = happened(datetime.now(UTC), f"Left {what} as it is: {why}")
    return records().note(remediation["remediationId"], facts, entry)


def _doubt_about_us(key_users: tuple[str, ...], key_arn: str) -> str | None:
    """AWS refuses loudly where our own roles may not use the key, so a doubt is told and stops nothing."""
    for role in key_users:
        if doubt := _doubt(Use(role, ("kms:CreateGrant",), required("VIA_SAGEMAKER")), key_arn):
            return (
                f"It can't be shown that Sealpoint may use the key ({doubt}). If it may not, AWS will refuse."
            )
    return None


def _doubt(use: Use, key_arn: str) -> str | None:
    """Why it can't be shown that a role may use the key; None if it can."""
    if use.role_arn.split(":")[4:5] != key_arn.split(":")[4:5]:
        return "the key is another account's"
    policy = kms().key_policy(key_arn)
    if policy is None:
        return "KMS does not show us the key's policy"
    access, why = judge_key_policy(policy, use)
    if access is KeyAccess.NOT_SHOWN:
        return why
    try:
        results = iam().simulate(use.role_arn, use.actions, key_arn, simulation_context(use))
    except RequestRefused as error:
        logger.warning("role_not_simulated", role=use.role_arn, error_message=str(error))
        return "IAM does not tell us what the role may do"
    if {str(result.get("EvalActionName")) for result in results} != set(use.actions):
        return "IAM did not judge every action"
    return judge_simulation(results, access)
