"""The card: what a remediation is about and where it stands, made from the record alone.

It has buttons only while they have an effect.
"""

from __future__ import annotations

from typing import Any

from lambdas.domain.approval.decision import RulingKind, people_in
from lambdas.domain.approval.routes import DecideIn, Mode, mentions
from lambdas.domain.backout import ACTION_ID as BACKOUT
from lambdas.domain.backout import judge_state
from lambdas.domain.encryption.provenance import CONTROLLERS, lines_to_change
from lambdas.domain.encryption.update_options import in_words
from lambdas.domain.messages import links
from lambdas.domain.messages.blocks import (
    FIELD_LIMIT,
    TEXT_LIMIT,
    Message,
    clip,
    code,
    context,
    date_token,
    escape,
    fields,
    header,
    is_moment,
    link,
    person,
    plain,
    quoted,
    section,
)
from lambdas.domain.record import Approval, Backout, Remediation, SurfaceEntry, utc_words
from lambdas.domain.vocabulary import SURFACE_WORDS, ApprovalStatus, Outcome, Surface

_VARIANTS_SHOWN = 6
_ASKING_TITLE = ":unlock: Endpoint without a KMS key"
_ENCRYPTED_TITLE = ":lock: Endpoint encrypted"

# What the trigger's principal did
_CAME_BY = {"event": "Changed by", "manual": "Requested by", "sweep": "Found by"}

_OUTCOME_WORDS = {
    Outcome.ENCRYPTED: (":lock:", "Encrypted: the endpoint is in service on its encrypted twin."),
    Outcome.ALREADY_ENCRYPTED: (":lock:", "Already encrypted."),
    Outcome.EXEMPT: (":receipt:", "Exempt."),
    Outcome.DENIED: (":no_entry:", "Left as it is: the change was denied."),
    Outcome.EXPIRED: (":hourglass:", "Left as it is: nobody decided in time."),
    Outcome.SUPERSEDED: (
        ":arrows_counterclockwise:",
        "Superseded: the endpoint was changed meanwhile.",
    ),
    Outcome.GONE: (":wastebasket:", "The endpoint no longer exists."),
    Outcome.UNSUPPORTED: (":warning:", "AWS does not accept a KMS key for this endpoint. It stays as it is."),
    Outcome.ROLLED_BACK: (
        ":leftwards_arrow_with_hook:",
        "Rolled back: the endpoint is in service on its old config.",
    ),
    Outcome.FAILED: (":rotating_light:", "Failed."),
    Outcome.CALLED_OFF: (":construction:", "Called off: Sealpoint was removed."),
    Outcome.NOT_ASKED: (":construction:", "Not asked about: Slack is not set up yet."),
    Outcome.OBSERVED: (":eyes:", "Observe mode: nothing was changed and nobody was asked."),
    Outcome.BACKED_OUT: (
        ":leftwards_arrow_with_hook:",
        "Backed out: the endpoint is in service on its earlier config.",
    ),
}

# The runbook's page about an outcome that a person may have to do something about.
_LOOK_UP: dict[Outcome, links.RunbookPage] = {
    Outcome.FAILED: "remediation-failed",
    Outcome.ROLLED_BACK: "remediation-failed",
    Outcome.UNSUPPORTED: "remediation-failed",
    Outcome.NOT_ASKED: "slack-unreachable",
    Outcome.EXPIRED: "approval-about-to-expire",
}

# Outcomes that are reported even if nobody was asked.
_MATTERS_UNASKED = frozenset({Outcome.UNSUPPORTED, Outcome.ROLLED_BACK, Outcome.FAILED, Outcome.OBSERVED})


def message(remediation: Remediation, approval: Approval, backout: Backout | None = None) -> Message:
    """The card as it should be now: asking, in progress, or ended.

    Parameters
    ----------
    backout
        The record of the backout that was requested last, if it has one yet.
    """
    if "outcome" in remediation:
        return closed(remediation, approval, backout)
    if approval["status"] == ApprovalStatus.PENDING:
        return question(remediation, approval)
    return under_way(remediation, approval)


def question(remediation: Remediation, approval: Approval) -> Message:
    """The card that asks, with its buttons, or with the commands if it can't be decided in Slack."""
    deadline = approval["deadline"]
    ask = (
        f"Endpoint {remediation['endpointName']} ({_place(remediation)}) names no KMS key. "
        f"Encrypt it? Decide by {utc_words(deadline)}."
    )
    may_decide = mentions(approval.get("mayDecide", []))
    needed, given = approval.get("approvalsNeeded", 1), approval.get("approvals", [])
    two = f" · {needed} approvals needed" if needed > 1 else ""
    blocks = [
        *_facts(remediation, _ASKING_TITLE),
        *_plan(remediation),
        *_warning(remediation),
    ]
    if given:
        who = ", ".join(f"{person(vote['by'])} {date_token(vote['at'])}" for vote in given)
        people = people_in(given)
        ways = " · both must use Slack, or both IAM" if people < len(given) else ""
        blocks.append(section(f":white_check_mark: *{people} of {needed} approvals:* {who}{ways}"))
        blocks += _break_glass(approval)
    blocks.append(
        context(
            f":hourglass_flowing_sand: Decide by {date_token(deadline)}; without a decision nothing changes.",
            f"May decide: {may_decide}{two}",
            _further(remediation, approval),
        )
    )
    if approval.get("decideIn") == DecideIn.COMMAND_LINE:
        blocks.append(section(_commands(remediation)))
    else:
        blocks.append(
            {"type": "actions", "block_id": "decision", "elements": _decision_buttons(remediation, approval)}
        )
    return {"text": escape(ask), "blocks": blocks}


def under_way(remediation: Remediation, approval: Approval) -> Message:
    """The card between the decision and the end: who decided and when, instead of the buttons."""
    status = ApprovalStatus(approval["status"])
    what = {
        ApprovalStatus.APPROVED: "approved, being encrypted",
        ApprovalStatus.DENIED: "denied, left as it is",
    }.get(status, "no longer open")
    text = f"Endpoint {remediation['endpointName']} ({_place(remediation)}): {what}."
    blocks = [*_facts(remediation, _ASKING_TITLE), *_plan(remediation), *_warning(remediation)]
    blocks.append(section(_decision_line(remediation, approval)))
    blocks += _break_glass(approval)
    if status is ApprovalStatus.APPROVED:
        blocks.append(section(f":arrows_counterclockwise: {stage(remediation)}"))
    blocks.append(context(_further(remediation, approval)))
    return {"text": escape(text), "blocks": blocks}


def stage(remediation: Remediation) -> str:
    """What is happening to an endpoint that is to be encrypted."""
    progress = escape(remediation.get("progress", ""))
    if requested_at := remediation.get("updateRequestedAt"):
        return f"*Updating* since {date_token(requested_at)}" + (f" · {progress}" if progress else "")
    if "twinConfigName" in remediation:
        return "*Encrypted config created*, now updating the endpoint to it"
    if progress:
        return f"*Waiting* until the endpoint can be updated · {progress}"
    return "*Creating the encrypted config*"


def closed(remediation: Remediation, approval: Approval | None, backout: Backout | None = None) -> Message:
    """The card of a remediation that has ended, with the Back out button while that is possible."""
    outcome = Outcome(remediation.get("outcome", Outcome.FAILED))
    backed_out = bool(backout) and backout.get("outcome") == Outcome.BACKED_OUT
    icon, words = _OUTCOME_WORDS[Outcome.BACKED_OUT if backed_out else outcome]
    reason = remediation.get("reason", "")
    text = f"Endpoint {remediation['endpointName']} ({_place(remediation)}): {words} {reason}".strip()
    encrypted = outcome is Outcome.ENCRYPTED and not backed_out
    title = _ENCRYPTED_TITLE if encrypted else _ASKING_TITLE
    blocks = [*_facts(remediation, title, changed=encrypted), section(f"{icon} *{words}*")]
    if reason:
        blocks.append(section(escape(reason)))
    if outcome is Outcome.SUPERSEDED and (newer := remediation.get("supersededByLink")):
        blocks.append(section(f":point_right: {link(newer, 'The newer question about this endpoint')}"))
    if outcome is Outcome.ENCRYPTED:
        blocks += _configs(remediation, approval, backout)
        blocks += _warning(remediation)
    if "twinDeletedAt" in remediation:
        blocks.append(context(f"The unused copy {code(remediation.get('twinConfigName', ''))} was deleted."))
    if approval is not None and "decidedBy" in approval:
        blocks.append(section(_decision_line(remediation, approval)))
        blocks += _break_glass(approval)
    closed_at = remediation.get("closedAt")
    ended = f"Ended {date_token(closed_at)} · " if closed_at else ""
    blocks.append(context(f"{ended}{_further(remediation, approval, backout)}"))
    if approval is not None and _can_be_backed_out(remediation, approval, backout) and _in_slack(approval):
        blocks.append(_backout_button(approval))
    return {"text": clip(escape(text), TEXT_LIMIT), "blocks": blocks}


def must_be_reported(remediation: Remediation) -> bool:
    """Whether an outcome is reported in the channel although nobody was asked."""
    return Outcome(remediation.get("outcome", Outcome.FAILED)) in _MATTERS_UNASKED


# -- what a card is made of


def _facts(remediation: Remediation, title: str, *, changed: bool = True) -> list[dict[str, Any]]:
    """What is known about the endpoint; `changed` if the plan is to be carried out, or was."""
    trigger, status = remediation["trigger"], remediation.get("endpointStatus", "status unknown")
    facts = [
        f"*Endpoint*\n{code(remediation['endpointName'])}",
        f"*Account · region*\n{code(trigger['accountId'])} · {code(trigger['region'])}",
        f"*{_CAME_BY.get(trigger['kind'], 'Changed by')}*\n{_changed_by(remediation)}",
        f"*Runs on* ({escape(status)})\n{_variants(remediation)}",
    ]
    blocks = [header(title), fields(*(clip(field, FIELD_LIMIT) for field in facts))]
    surfaces = remediation.get("surfaceKeys")
    if surfaces:
        lines = [_surface_line(key, changed=changed) for key in surfaces]
        blocks.append(section("*Encryption at rest*\n" + "\n".join(lines)))
    notes = remediation.get("notes")
    if notes:
        blocks.append(context("\n".join(f":information_source: {escape(note)}" for note in notes)))
    return blocks


def _plan(remediation: Remediation) -> list[dict[str, Any]]:
    source, twin = (code(remediation.get(name, "")) for name in ("sourceConfigName", "plannedTwinName"))
    how = in_words(remediation.get("updateOptions", {}))
    lines = [
        f"• Sealpoint creates {twin}: a copy of {source} with the KMS key",
        *_models(remediation),
        f"• Traffic shifts {how}. The endpoint stays in service throughout",
        f"• During the update, {_extra_instances(remediation)}",
        "• Kept: live instance counts and weights, the deployment policy, and the old config for backing out",
    ]
    return [section("*What will happen*\n" + "\n".join(lines))]


def _models(remediation: Remediation) -> list[str]:
    """What is deployed: the plan covers each model as it is now, under its name."""
    models = remediation.get("models", [])
    lines = [
        f"• It deploys the model {code(model['name'])}"
        + (f", image {', '.join(code(image) for image in model['images'])}" if model["images"] else "")
        + (". :warning: *That model was created after the endpoint was deployed*" if model["isNewer"] else "")
        for model in models[:_VARIANTS_SHOWN]
    ]
    more = len(models) - _VARIANTS_SHOWN
    return [*lines, f"• and {more} more models"] if more > 0 else lines


def _extra_instances(remediation: Remediation) -> str:
    options = remediation.get("updateOptions", {})
    if rolling := (options.get("DeploymentConfig") or {}).get("RollingUpdatePolicy"):
        size = rolling["MaximumBatchSize"]
        unit = "%" if size["Type"] == "CAPACITY_PERCENT" else ""
        return f"up to {size['Value']}{unit} more instances run and are billed"
    counted = [
        f"{count} × {escape(variant['instanceType'])}"
        for variant in remediation.get("variants", [])
        if (count := variant.get("instanceCount"))
    ]
    if not counted:
        return "a second copy of it runs and is billed"
    shown = ", ".join(counted[:_VARIANTS_SHOWN])
    more = ", …" if len(counted) > _VARIANTS_SHOWN else ""
    return f"up to {shown}{more} run and are billed in addition"


def _warning(remediation: Remediation) -> list[dict[str, Any]]:
    """A warning if a deployment tool would undo the change, with the line that makes it last."""
    managed = remediation.get("managedBy")
    if not managed:
        return []
    changing = [
        Surface(key["surface"]) for key in remediation.get("surfaceKeys", []) if key["after"] != key["now"]
    ]
    lines, where = lines_to_change(managed["tool"], remediation.get("keyArn", ""), changing)
    says = " and ".join(code(line) for line in lines)
    stack = f" ({code(managed['stack'])})" if managed["stack"] else ""
    tool = f"*Managed by {escape(managed['tool'])}*{stack}"
    if managed["tool"] in CONTROLLERS:
        return [
            section(
                f":rotating_light: {tool}, a controller that restores the old config *within minutes or "
                f"hours*, whatever you decide here. Change its {code(where)} first, to say {says}"
            )
        ]
    return [
        section(
            f":construction: {tool}. Its next deployment will undo this, unless its {code(where)} says {says}"
        )
    ]


def _further(remediation: Remediation, approval: Approval | None, backout: Backout | None = None) -> str:
    """Links, and the ids that people ask for."""
    pages = {
        "Endpoint": links.endpoint_page(remediation.get("endpointArn", ""), remediation["endpointName"]),
        "Execution": links.execution_page(remediation["executionArn"]),
    }
    shown = [link(url, words) for words, url in pages.items() if url]
    shown += filter(None, [_runbook(remediation, approval, backout)])
    ids = f"remediation {code(remediation['remediationId'])}"
    if plan := remediation.get("planHash"):
        ids += f" · plan {code(plan[:12])}"
    return " · ".join([*shown, ids])


def _runbook(remediation: Remediation, approval: Approval | None, backout: Backout | None) -> str:
    """The runbook's page about where the remediation stands; its index if there is nothing to do."""
    pages = remediation.get("runbookPages", "")
    outcomes = ((backout or {}).get("outcome"), remediation.get("outcome"))
    for outcome in (Outcome(one) for one in outcomes if one):
        if page := _LOOK_UP.get(outcome):
            return links.runbook(pages, page, needed=True)
    asks = "outcome" not in remediation and (approval or {}).get("status") == ApprovalStatus.PENDING
    return links.runbook(pages, "approval-about-to-expire" if asks else "README", needed=False)


def _commands(remediation: Remediation) -> str:
    return (
        ":computer: *This endpoint can't be decided in Slack.* On the command line:\n"
        f"{code('sealpoint approve ' + remediation['remediationId'])}\n"
        f"{code('sealpoint deny ' + remediation['remediationId'] + ' --reason …')}"
    )


def _decision_buttons(remediation: Remediation, approval: Approval) -> list[dict[str, Any]]:
    return [
        {
            "type": "button",
            "action_id": "approve",
            "style": "primary",
            "text": plain("Encrypt endpoint"),
            "value": approval["approvalId"],
            "confirm": {
                "title": plain("Encrypt this endpoint?"),
                "text": plain(
                    f"SageMaker shifts its traffic {in_words(remediation.get('updateOptions', {}))}. The "
                    "endpoint stays in service throughout, and returns to its old config if the update fails."
                ),
                "confirm": plain("Encrypt endpoint"),
                "deny": plain("Cancel"),
            },
        },
        {
            "type": "button",
            "action_id": "deny",
            "text": plain("Leave as is …"),
            "value": approval["approvalId"],
        },
    ]


def _decision_line(remediation: Remediation, approval: Approval) -> str:
    """Who decided what and when, and why."""
    by = approval.get("decidedBy") or remediation.get("decidedBy", "")
    at = approval.get("decidedAt") or remediation.get("decidedAt", "")
    when = f" {date_token(at)}" if at else ""
    if remediation.get("approvalMode") == Mode.AUTOMATIC:
        return (
            f":robot_face: *Approved automatically* by the route {code(remediation.get('route', ''))}{when}"
        )
    status = approval["status"]
    if status == ApprovalStatus.DENIED:
        reason = approval.get("reason")
        why = f": {quoted(reason)}" if reason else ""
        return f":no_entry: *Denied* by {person(by)}{when}{why}\n{_asked_again(approval)}"
    if status != ApprovalStatus.APPROVED:
        return f":hourglass: *{status.title()}*{when}"
    votes = approval.get("approvals")
    who = " and ".join(person(vote["by"]) for vote in votes) if votes else person(by)
    return f":white_check_mark: *Approved* by {who}{when}"


def _break_glass(approval: Approval) -> list[dict[str, Any]]:
    """Who approved their own change, while the question is open or if it was approved."""
    by = approval.get("breakGlassBy")
    if not by or approval["status"] not in (ApprovalStatus.PENDING, ApprovalStatus.APPROVED):
        return []
    why = quoted(approval.get("breakGlassReason", ""))
    return [
        section(f":rotating_light: *Break-glass approval:* {person(by)} approved their own change: {why}")
    ]


def _asked_again(approval: Approval) -> str:
    until = approval.get("askAgain")
    again = f"from {date_token(until)} on, or" if until else "only"
    return f"Sealpoint asks again {again} when its config changes."


def _configs(
    remediation: Remediation, approval: Approval | None, backout: Backout | None
) -> list[dict[str, Any]]:
    """What became of the two configs, and of a backout."""
    old, twin = (code(remediation.get(name, "")) for name in ("sourceConfigName", "twinConfigName"))
    requested, outcome = (approval or {}).get("backout"), (backout or {}).get("outcome")
    by = person(requested["by"]) if requested else "nobody on record"
    if outcome == Outcome.BACKED_OUT:
        until = (backout or {}).get("exemptUntil", "")
        line = f"Returned to {old} by {by}. It is exempt until {escape(until)}, then Sealpoint asks again."
        return [section(line)]
    blocks = [section(f"Config now: {twin}\n{_old_config(remediation, old)}")]
    if outcome:
        why = escape((backout or {}).get("reason", ""))
        blocks.append(section(f":warning: *The backout by {by} ended {escape(outcome)}*. {why}"))
    elif requested:
        progress = escape((backout or {}).get("progress", ""))
        line = f":hourglass_flowing_sand: *Backing out* to {old}, requested by {by}"
        blocks.append(section(f"{line} · {progress}" if progress else line))
    return blocks


def _old_config(remediation: Remediation, old: str) -> str:
    if retired_at := remediation.get("sourceRetiredAt"):
        return f"Old config {old}: deleted {date_token(retired_at)}; its content is on record"
    if kept := remediation.get("sourceKept"):
        return f"Old config {old}: kept. {escape(kept)}"
    until = remediation.get("backoutUntil")
    return f"Kept for backing out: {old}" + (f", until {date_token(until)}" if until else "")


def _can_be_backed_out(remediation: Remediation, approval: Approval, backout: Backout | None) -> bool:
    return (
        "backoutUntil" in remediation
        and "backoutClosedAt" not in remediation
        and judge_state(remediation, approval, backout).kind is RulingKind.DECIDE
    )


def _in_slack(approval: Approval) -> bool:
    return approval.get("decideIn") != DecideIn.COMMAND_LINE


def _backout_button(approval: Approval) -> dict[str, Any]:
    button = {
        "type": "button",
        "action_id": BACKOUT,
        "style": "danger",
        "text": plain("Back out"),
        "value": approval["approvalId"],
        "confirm": {
            "title": plain("Return to the old config?"),
            "text": plain(
                "SageMaker moves the endpoint back to the config without the KMS key, and keeps its live "
                "capacity. The endpoint stays in service throughout, and is exempt for a while."
            ),
            "confirm": plain("Back out"),
            "deny": plain("Cancel"),
            "style": "danger",
        },
    }
    return {"type": "actions", "block_id": "backout", "elements": [button]}


def _surface_line(key: SurfaceEntry, *, changed: bool) -> str:
    name = SURFACE_WORDS[Surface(key["surface"])]
    before = code(key["now"]) if key["now"] else "no KMS key"
    if key["now"] and key["problem"]:
        before += f" ({escape(key['problem'])})"
    if not changed:
        return f"• {name}: {before}"
    if key["after"] == key["now"]:
        return f"• {name}: {before}" + (" (kept)" if key["now"] else " (left as it is)")
    return f"• {name}: {before} → KMS key {code(key['after'].rpartition('/')[2])}"


def _changed_by(remediation: Remediation) -> str:
    trigger = remediation["trigger"]
    if trigger["kind"] == "sweep":
        return "the scheduled sweep"
    slack_user = remediation.get("changedBySlackUser")
    principal = trigger["principalArn"].rpartition(":")[2]
    who = f"{person(slack_user)}, {code(principal)}" if slack_user else code(principal)
    what = trigger["eventName"] or trigger["kind"]
    when = f" {date_token(trigger['eventTime'])}" if is_moment(trigger["eventTime"]) else ""
    return f"{who if principal else 'unknown'}\n{escape(what)}{when}"


def _variants(remediation: Remediation) -> str:
    variants = remediation.get("variants", [])
    lines = [
        f"{code(variant['name'])}: {_capacity(variant.get('instanceCount'), variant['instanceType'])}"
        for variant in variants[:_VARIANTS_SHOWN]
    ]
    if len(variants) > _VARIANTS_SHOWN:
        lines.append(f"and {len(variants) - _VARIANTS_SHOWN} more")
    return "\n".join(lines) or "–"


def _capacity(count: int | None, instance_type: str) -> str:
    return escape(instance_type) if count is None else f"{count} × {escape(instance_type)}"


def _place(remediation: Remediation) -> str:
    trigger = remediation["trigger"]
    return f"account {trigger['accountId']}, {trigger['region']}"
