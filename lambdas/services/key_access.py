"""Leaves alone what an endpoint's role couldn't write with the KMS key.

A twin whose execution role can't use the key updates without an error, and then loses captures and results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from lambdas.domain.encryption import feasibility
from lambdas.domain.encryption.key_policy import KeyAccess, Use, judge_key_policy
from lambdas.domain.encryption.plan import paths_to_change, surfaces_written, without_changes
from lambdas.domain.encryption.policy_simulation import Doubt, judge_simulation, simulation_context
from lambdas.domain.encryption.twin import twin_name
from lambdas.domain.errors import KeyUnusable, RequestRefused
from lambdas.domain.record import Remediation, happened
from lambdas.gateways.iam import iam
from lambdas.gateways.kms import kms
from lambdas.gateways.organizations import organization_id
from lambdas.gateways.records.records import records
from lambdas.gateways.settings import required, required_list
from lambdas.services.observability import logger

_ROLE_ACTIONS = ("kms:GenerateDataKey", "kms:Decrypt")


def leave_alone_without_access(
    remediation: Remediation,
    config: Mapping[str, Any],
    models: Sequence[Mapping[str, Any]],
    key: Mapping[str, Any],
    now: datetime,
) -> Remediation:
    """Take what the execution role can't be shown to write with this key out of the plan, with a note.

    Parameters
    ----------
    key
        The `KeyMetadata` of KMS's DescribeKey.

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
    found = [_doubt(role, _ROLE_ACTIONS, required("VIA_S3"), key) for role in roles]
    doubts = [doubt.why for doubt in found if doubt and doubt.grave]
    if roles and not doubts:
        notes = {
            "Whether the endpoint's execution role may use the key could not be judged in full: "
            f"{doubt.why}. The key's policy allows it."
            for doubt in found
            if doubt
        } - {*remediation.get("notes", [])}
        facts = {"notes": [*remediation.get("notes", []), *sorted(notes)]}
        return records().note(remediation["remediationId"], facts) if notes else remediation
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
    paths, key_arn = paths_to_change(plan), str(key["Arn"])
    facts = {
        "surfaceKeys": plan,
        "plannedTwinName": twin_name(config, key_arn, paths, remediation["remediationId"]),
        "notes": [*remediation.get("notes", []), note],
    }
    entry = happened(now, f"Left {what} as it is: {why}")
    return records().note(remediation["remediationId"], facts, entry)


def doubt_about_own_roles(roles: Sequence[str], key: Mapping[str, Any]) -> str | None:
    """A note if it can't be shown that our own roles may use the key. AWS would refuse the call loudly."""
    for role in roles:
        if doubt := _doubt(role, ("kms:CreateGrant",), required("VIA_SAGEMAKER"), key):
            return (
                f"It can't be shown that Sealpoint may use the key ({doubt.why}). If it may not, AWS will "
                "refuse."
            )
    return None


def _doubt(role: str, actions: tuple[str, ...], via_service: str, key: Mapping[str, Any]) -> Doubt | None:
    """Why it isn't certain that a role may use a key; None if it is."""
    key_arn = str(key["Arn"])
    if role.split(":")[4:5] != key_arn.split(":")[4:5]:
        return Doubt("the key is another account's")
    policy = kms().key_policy(key_arn)
    if policy is None:
        return Doubt("KMS does not show us the key's policy")
    use = Use(role, actions, via_service, key, organization_id())
    access, why = judge_key_policy(policy, use)
    if access is KeyAccess.NOT_SHOWN:
        return Doubt(why)
    try:
        results = iam().simulate(role, actions, key_arn, simulation_context(use))
    except RequestRefused as error:
        logger.warning("role_not_simulated", role=role, error_message=str(error))
        return Doubt("IAM does not show us what the role may do")
    if {str(result.get("EvalActionName")) for result in results} != set(actions):
        return Doubt("IAM did not evaluate every action")
    return judge_simulation(results, access)
