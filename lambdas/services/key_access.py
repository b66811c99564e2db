"""Leaves alone what an endpoint's role couldn't write with the KMS key.

A twin whose execution role can't use the key updates without an error, and then loses captures and results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from lambdas.domain.encryption import feasibility
from lambdas.domain.encryption.key_policy import (
    KeyAccess,
    Use,
    judge_key_policy,
    judge_simulation,
    simulation_context,
)
from lambdas.domain.encryption.plan import paths_to_change, surfaces_written, without_changes
from lambdas.domain.encryption.twin import plan_hash, twin_name
from lambdas.domain.errors import KeyUnusable, RequestRefused
from lambdas.domain.record import Remediation, endpoint_of, happened
from lambdas.gateways.iam import iam
from lambdas.gateways.kms import kms
from lambdas.gateways.records.records import records
from lambdas.gateways.settings import required, required_list
from lambdas.services.observability import logger

_ROLE_ACTIONS = ("kms:GenerateDataKey", "kms:Decrypt")


def leave_alone_without_access(
    remediation: Remediation,
    config: Mapping[str, Any],
    models: Sequence[Mapping[str, Any]],
    key_arn: str,
    now: datetime,
) -> Remediation:
    """Take what the execution role can't be shown to write with this key out of the plan, with a note.

    Raises
    ------
    KeyUnusable
        A surface that requires a key is among it.
    """
    entries = remediation.get("surfaceKeys", [])
    written = surfaces_written(entries)
    if not written:
        return remediation
    roles = feasibility.execution_roles(config, models)
    doubts = [
        doubt for role in roles if (doubt := _doubt(Use(role, _ROLE_ACTIONS, required("VIA_S3")), key_arn))
    ]
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
        f"Left as it is, because the endpoint might lose it otherwise: {what}. It can't be shown that its "
        f"execution role may use the key: {why}."
    )
    plan = without_changes(entries, written)
    paths = paths_to_change(plan)
    facts = {
        "surfaceKeys": plan,
        "planHash": plan_hash(
            endpoint_of(remediation), config, key_arn, paths, remediation.get("updateOptions", {})
        ),
        "plannedTwinName": twin_name(config, key_arn, paths, remediation["endpointName"]),
        "notes": [*remediation.get("notes", []), note],
    }
    entry = happened(now, f"Left {what} as it is: {why}")
    return records().note(remediation["remediationId"], facts, entry)


def doubt_about_own_roles(roles: Sequence[str], key_arn: str) -> str | None:
    """A note if it can't be shown that our own roles may use the key. AWS would refuse the call loudly."""
    for role in roles:
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
        return "IAM does not show us what the role may do"
    if {str(result.get("EvalActionName")) for result in results} != set(use.actions):
        return "IAM did not evaluate every action"
    return judge_simulation(results, access)
