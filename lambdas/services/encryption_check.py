"""What an endpoint's config says, put on record. If someone has to be asked, the endpoint is claimed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lambdas.domain.approval.decision import still_denied
from lambdas.domain.approval.routes import Mode
from lambdas.domain.encryption import assessment, serving
from lambdas.domain.encryption.plan import DecisionFacts, surface_entries
from lambdas.domain.encryption.progress import seconds_to_poll
from lambdas.domain.encryption.provenance import managed_by
from lambdas.domain.encryption.serving import Serving
from lambdas.domain.errors import DeadlinePassed, EndpointChanged, EndpointConfigNotFound
from lambdas.domain.record import Remediation, endpoint_of, from_iso, happened, holder_of, iso
from lambdas.domain.vocabulary import Outcome, Verdict
from lambdas.gateways.records.records import Evidence, records
from lambdas.gateways.sagemaker import sagemaker
from lambdas.gateways.settings import required, required_seconds, rules
from lambdas.services import claims
from lambdas.services.assessments import assessor, planned, required_surfaces
from lambdas.services.deployments import seconds_until_known, what_serves
from lambdas.services.observability import count, logger


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What was found: `outcome` and `reason` are set if nobody has to be asked.

    `verdict` is None if the endpoint was not assessed; `wait_seconds` is set if it can't be judged yet.
    """

    verdict: Verdict | None
    outcome: Outcome | None = None
    reason: str = ""
    wait_seconds: int = 0


def check(remediation: Remediation, endpoint: Mapping[str, Any], now: datetime) -> Conclusion:
    """Assess the endpoint's config. If someone has to be asked, record the plan and claim the endpoint."""
    endpoint_id, remediation_id = endpoint_of(remediation), remediation["remediationId"]
    source = str(endpoint["EndpointConfigName"])
    config = sagemaker().describe_config(source)
    if config is None:
        return _without_config(remediation, endpoint, now)
    if wait := seconds_until_known(endpoint, config, now):
        return Conclusion(None, wait_seconds=wait)
    runs = what_serves(endpoint, config, now)
    doubt = serving.doubt(runs, config)
    verdict = Verdict.UNKNOWN if runs is Serving.UNKNOWN else Verdict.UNENCRYPTED

    assessed = assessor().assess(config)
    is_encrypted = assessment.verdict(assessed, required_surfaces()) is Verdict.ENCRYPTED
    if is_encrypted and verdict is not Verdict.UNKNOWN:
        claims.release_others(remediation, source, now)
        entries = surface_entries(assessed, (), required("KMS_KEY_ARN"))
        notes = {"notes": [doubt]} if doubt else {}
        found = {"verdict": Verdict.ENCRYPTED, "sourceConfigName": source, "surfaceKeys": entries, **notes}
        records().note(remediation_id, found, happened(now, f"Found {source} encrypted"))
        reason = f"Its config {source} names a KMS key wherever one is required."
        return Conclusion(Verdict.ENCRYPTED, Outcome.ALREADY_ENCRYPTED, reason)

    endpoint_tags = sagemaker().list_tags(endpoint["EndpointArn"])
    exemption = assessment.exemption(endpoint_tags, now)
    if exemption.in_force:
        return Conclusion(Verdict.EXEMPT, Outcome.EXEMPT, exemption.note)

    tags = sagemaker().list_tags(config["EndpointConfigArn"])
    evidence = _kept(remediation_id, {"config": config, "endpoint": endpoint, "tags": tags}, now)
    facts = planned(endpoint, config, assessed, notes=[doubt, exemption.note], remediation_id=remediation_id)
    decision_facts = _decision_facts(remediation, endpoint_tags, source, tags)
    what = "unencrypted" if verdict is Verdict.UNENCRYPTED else "under the endpoint's name of a config"
    found = {**facts, **decision_facts, "verdict": verdict, "evidenceSha256": evidence.sha256}
    # a try after a lost answer finds the same plan, to which later steps may have added
    if remediation.get("foundPlanHash") != facts["foundPlanHash"]:
        entry = happened(now, f"Found {source} {what}, and kept a copy of it")
        remediation = records().note(remediation_id, found, entry)
    if remediation["trigger"]["kind"] != "manual":  # a person who starts one by hand wants to be asked
        denied = still_denied(records().denial(endpoint_id), facts["planHash"], now)
        if denied:
            return Conclusion(verdict, Outcome.DENIED, denied)
    holder = claims.claim(remediation, now)
    if holder != holder_of(remediation):
        reason = f"{claims.in_words(holder)} already covers this change."
        return Conclusion(verdict, Outcome.SUPERSEDED, reason)
    logger.info(
        "unencrypted_endpoint_found",
        endpoint_id=str(endpoint_id),
        source_config=source,
        evidence_sha256=evidence.sha256,
    )
    count("UnencryptedEndpointFound")
    return Conclusion(verdict)


def _without_config(remediation: Remediation, endpoint: Mapping[str, Any], now: datetime) -> Conclusion:
    """Conclude about an endpoint whose config was deleted: it may be exempt, and nobody can be asked.

    Raises
    ------
    EndpointConfigNotFound
        It isn't exempt. A config that was just created may not be shown yet, so the workflow tries again.
    """
    exemption = assessment.exemption(sagemaker().list_tags(endpoint["EndpointArn"]), now)
    if exemption.in_force:
        return Conclusion(Verdict.EXEMPT, Outcome.EXEMPT, exemption.note)
    records().note(remediation["remediationId"], {"verdict": Verdict.UNKNOWN})
    raise EndpointConfigNotFound(serving.gone(str(endpoint["EndpointConfigName"])))


def _kept(remediation_id: str, found: Mapping[str, Any], now: datetime) -> Evidence:
    """Keep what was found. A retry finds it kept already, and it is never changed.

    Raises
    ------
    EndpointChanged
        What is kept is another config, which the endpoint was on when an earlier try read it.
    """
    evidence = records().keep_evidence(remediation_id, found, now)
    kept = evidence.config
    if kept != json.loads(json.dumps(found["config"])):
        raise EndpointChanged("The endpoint's config changed while it was being assessed.")
    return evidence


def seconds_to_settle(remediation: Remediation, status: str, attempt: int, now: datetime) -> int:
    """How long to wait before checking again whether the change in progress has ended.

    Raises
    ------
    DeadlinePassed
    """
    since = remediation.get("settlingSince")
    if since is None:
        entry = happened(now, f"The endpoint is {status}: waiting for the change to end")
        records().note(remediation["remediationId"], {"settlingSince": iso(now)}, entry)
    elif now - from_iso(since) >= timedelta(seconds=required_seconds("UPDATE_DEADLINE_SECONDS")):
        raise DeadlinePassed(
            f"The endpoint was still {status} at the deadline, so it isn't known which config will be in "
            "service. Nothing was asked or changed."
        )
    return seconds_to_poll(attempt)


def _decision_facts(
    remediation: Remediation,
    endpoint_tags: Mapping[str, str],
    source: str,
    config_tags: Mapping[str, str],
) -> DecisionFacts:
    trigger = remediation["trigger"]
    route = rules().choose(trigger["accountId"], trigger["region"], endpoint_tags)
    needed = rules().approvals_needed(endpoint_tags)
    # an endpoint that needs two approvers is never changed without asking
    must_ask = route.mode is Mode.AUTOMATIC and needed > 1
    facts: DecisionFacts = {
        "route": route.name,
        "approvalMode": Mode.REQUIRED if must_ask else route.mode,
        "approvalsNeeded": needed,
    }
    if managed := managed_by((source, config_tags), (remediation["endpointName"], endpoint_tags)):
        facts["managedBy"] = managed
    return facts
