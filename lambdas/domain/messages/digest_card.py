"""The card for everything that a sweep found on a route, and its reminders, made from the record alone.

The same record makes the same message, so that a card is rewritten only when it would say something else.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from lambdas.domain.approval.routes import DecideIn, Mode, mentions, notifying_mentions
from lambdas.domain.messages import links
from lambdas.domain.messages.blocks import (
    TEXT_LIMIT,
    Message,
    clip,
    code,
    context,
    date_token,
    escape,
    fields,
    header,
    person,
    plain,
    section,
)
from lambdas.domain.record import Digest, Finding, utc_words
from lambdas.domain.sweep.digest import ACTION_ID, Stage, stage, stages
from lambdas.domain.vocabulary import SURFACE_WORDS, Outcome, Surface

_SHOWN = 8  # endpoints on the card; the list has all of them
_NAMED = 3  # in the fallback text
_TYPES_SHOWN = 3
_LINE_LIMIT = 340  # characters of an endpoint's line: those shown fit into one section

# How a remediation ended, so that it reads well after a name and after a number.
_ENDED = {
    Outcome.ENCRYPTED: (":lock:", "encrypted"),
    Outcome.ALREADY_ENCRYPTED: (":lock:", "already encrypted"),
    Outcome.EXEMPT: (":receipt:", "exempt"),
    Outcome.DENIED: (":no_entry:", "left as it is"),
    Outcome.EXPIRED: (":hourglass:", "not decided in time"),
    Outcome.SUPERSEDED: (":arrows_counterclockwise:", "superseded by a change"),
    Outcome.GONE: (":wastebasket:", "deleted"),
    Outcome.UNSUPPORTED: (":warning:", "not supported by AWS"),
    Outcome.ROLLED_BACK: (":leftwards_arrow_with_hook:", "rolled back"),
    Outcome.FAILED: (":rotating_light:", "failed"),
    Outcome.CALLED_OFF: (":construction:", "called off"),
    Outcome.NOT_ASKED: (":construction:", "not asked about"),
    Outcome.OBSERVED: (":eyes:", "observed only"),
    Outcome.BACKED_OUT: (":leftwards_arrow_with_hook:", "backed out"),
}
_LOOK_UP = (Outcome.FAILED, Outcome.ROLLED_BACK, Outcome.UNSUPPORTED)  # in the runbook
_BY_ROUTE = "route/"  # an automatic route's own approval
_COUNTED_BEFORE = (Outcome.ENCRYPTED, Outcome.DENIED)


def message(digest: Digest, findings: Sequence[Finding]) -> Message:
    """The digest's card as it should be now; `findings` are sorted worst first."""
    counted = stages(findings)
    waiting = counted[Stage.WAITING]
    over = "closedAt" in digest or all("outcome" in finding for finding in findings)
    blocks = [
        header(_title(findings)),
        fields(
            f"*Account · region*\n{code(digest['accountId'])} · {code(digest['region'])}",
            f"*Found by*\nthe scheduled sweep {date_token(digest['createdAt'])}",
        ),
        section(_worst(findings)),
        section(f":bar_chart: *{'How it ended' if over else 'So far'}:* {in_numbers(findings)}"),
    ]
    if mode := _mode(digest, waiting=waiting, over=over):
        blocks.append(section(mode))
    blocks.append(context(*_small_print(digest, counted, findings)))
    if not over:
        blocks.append(_button(digest, to_decide=waiting > 0 and not by_command_line(digest)))
    return {"text": _fallback(digest, findings, waiting), "blocks": blocks}


def reminder(digest: Digest, findings: Sequence[Finding], approvers: Sequence[str], *, last: bool) -> Message:
    """A reminder that some are not decided yet; the last one mentions those who may decide."""
    deadline, waiting = digest["deadline"], stages(findings)[Stage.WAITING]
    open_ones = f"{waiting:,} of {_endpoints(len(findings))}"
    text = f"Still awaiting a decision on {open_ones} ({_place(digest)}), until {utc_words(deadline)}."
    words = f":bell: Still awaiting a decision on {open_ones}, until {date_token(deadline)}."
    if last:
        are = "is" if waiting == 1 else "are"
        words = (
            f":bell: *Last reminder:* {notifying_mentions(approvers)}, {open_ones} {are} open until "
            f"{date_token(deadline)}."
        )
    return {"text": escape(text), "blocks": [section(words)]}


# -- what the card and the list have in common


def in_numbers(findings: Sequence[Finding]) -> str:
    """The number of findings by how far they are."""
    counted, ended = stages(findings), Counter(finding.get("outcome") for finding in findings)
    encrypted = ended[Outcome.ENCRYPTED]
    approved = counted[Stage.APPROVED] + encrypted
    parts = (
        (counted[Stage.CHECKING], "being checked"),
        (
            counted[Stage.WAITING],
            "awaiting a decision",
        ),
        (approved, _approved(approved, encrypted)),
        (counted[Stage.DENIED], "left as it is" if counted[Stage.DENIED] == 1 else "left as they are"),
        *(
            (ended[outcome], words)
            for outcome, (_, words) in _ENDED.items()
            if outcome not in _COUNTED_BEFORE
        ),
    )
    return " · ".join(f"{number:,} {words}" for number, words in parts if number) or "nothing was found"


def status(finding: Finding) -> str:
    """How far a finding is; empty while it is undecided."""
    who = finding.get("decidedBy", "")
    by = f" by {person(who)}" if who and not who.startswith(_BY_ROUTE) else ""
    match stage(finding):
        case Stage.CHECKING:
            return "being checked"
        case Stage.WAITING:
            given = finding.get("approvals", 0)
            return f"{given} approved, a second approval is needed" if given else ""
        case Stage.APPROVED:
            return f":white_check_mark: approved{by}, in progress"
        case Stage.DENIED:
            return f":no_entry: left as it is{by and f', denied{by}'}"
        case Stage.ENDED:
            icon, words = _ENDED[Outcome(finding.get("outcome", Outcome.FAILED))]
            return f"{icon} {words}{by and f', approved{by}'}"


def lacks(finding: Finding) -> str:
    """The surfaces without a key that counts, as plain text."""
    return ", ".join(SURFACE_WORDS[Surface(surface)].lower() for surface in finding["surfaces"])


def runs_on(finding: Finding) -> str:
    """Its instance types, as plain text; empty if it has none, such as a serverless endpoint."""
    types = finding["instanceTypes"]
    more = f" and {len(types) - _TYPES_SHOWN} more types" if len(types) > _TYPES_SHOWN else ""
    return ", ".join(types[:_TYPES_SHOWN]) + more


def fingerprint_of(message: Message) -> str:
    """A hash that tells whether a card has to be rewritten."""
    return hashlib.sha256(json.dumps(message, sort_keys=True).encode()).hexdigest()[:32]


def by_command_line(digest: Digest) -> bool:
    return digest["decideIn"] == DecideIn.COMMAND_LINE


# -- what the card is made of


def _worst(findings: Sequence[Finding]) -> str:
    lines = [clip(_line(finding), _LINE_LIMIT) for finding in findings[:_SHOWN]]
    if len(findings) > _SHOWN:
        lines.append(f"and {len(findings) - _SHOWN:,} more")
    return "*Worst first: what has no KMS key*\n" + "\n".join(lines)


def _line(finding: Finding) -> str:
    """What there is to decide, or else what became of it."""
    parts = [code(finding["endpointName"]), status(finding)]
    if stage(finding) in (Stage.WAITING, Stage.CHECKING):
        parts[1:1] = [lacks(finding), escape(runs_on(finding))]
    return "• " + " · ".join(part for part in parts if part)


def _approved(approved: int, encrypted: int) -> str:
    if approved == encrypted:
        return "encrypted"
    return f"approved ({encrypted:,} encrypted)" if encrypted else "approved"


def _mode(digest: Digest, *, waiting: int, over: bool) -> str | None:
    """What happens without anyone's decision, or where to decide; None if there is nothing to say."""
    if over:
        return None
    if waiting and by_command_line(digest):
        return (
            ":computer: *These endpoints can't be decided in Slack.* On the command line, with the ids from "
            "the list:\n"
            f"{code('sealpoint approve <remediation id>')}\n"
            f"{code('sealpoint deny <remediation id> --reason …')}"
        )
    if waiting:
        return (
            "If you choose *Encrypt endpoint*, its config is copied with the key. The endpoint is updated "
            "to the copy, a few endpoints at a time. It stays in service throughout, and its old config is "
            "kept for backing out. Each decision is recorded individually, under your name."
        )
    if digest["mode"] == Mode.AUTOMATIC:
        return ":robot_face: *Nobody is asked:* their route encrypts them automatically, a few at a time."
    if digest["mode"] == Mode.OBSERVE:
        return ":eyes: *Nothing is changed:* their route only observes and asks nobody."
    return None


def _small_print(digest: Digest, counted: Counter[Stage], findings: Sequence[Finding]) -> list[str]:
    lines: list[str] = []
    if counted[Stage.WAITING]:
        deadline = date_token(digest["deadline"])
        lines += [
            f":hourglass_flowing_sand: Decide by {deadline}; without a decision nothing changes.",
            f"May decide: {mentions(digest['mayDecide'])}",
        ]
    if counted[Stage.APPROVED] or any(one.get("outcome") == Outcome.ENCRYPTED for one in findings):
        lines.append(
            "The outcome of each approved endpoint is posted in this thread, with a button to back out."
        )
    ids = [f"route {code(digest['route'])}", f"digest {code(digest['digestId'])}"]
    lines.append(" · ".join(filter(None, [_runbook(digest, counted, findings), *ids])))
    return lines


def _runbook(digest: Digest, counted: Counter[Stage], findings: Sequence[Finding]) -> str:
    """The runbook's page about what failed, or else about what waits for a decision."""
    needed = any(one.get("outcome") in _LOOK_UP for one in findings)
    asks = "approval-about-to-expire" if counted[Stage.WAITING] else "README"
    return links.runbook(digest["runbookPages"], "remediation-failed" if needed else asks, needed=needed)


def _button(digest: Digest, *, to_decide: bool) -> dict[str, Any]:
    button: dict[str, Any] = {
        "type": "button",
        "action_id": ACTION_ID,
        "text": plain("Review and decide …" if to_decide else "See the list …"),
        "value": digest["digestId"],
    }
    if to_decide:
        button["style"] = "primary"
    return {"type": "actions", "block_id": "digest", "elements": [button]}


def _fallback(digest: Digest, findings: Sequence[Finding], waiting: int) -> str:
    """For notifications and screen readers: what, where, the question and the deadline."""
    names = ", ".join(finding["endpointName"] for finding in findings[:_NAMED])
    more = f" and {len(findings) - _NAMED:,} more" if len(findings) > _NAMED else ""
    text = f"{_endpoints(len(findings))} without a KMS key ({_place(digest)}): {names}{more}."
    if waiting:
        ask = "Decide on the command line" if by_command_line(digest) else "Encrypt them? Decide"
        text += f" {ask} by {utc_words(digest['deadline'])}."
    return clip(escape(f"{text} {in_numbers(findings)}."), TEXT_LIMIT)


def _title(findings: Sequence[Finding]) -> str:
    if findings and all(finding.get("outcome") == Outcome.ENCRYPTED for finding in findings):
        return f":lock: {_endpoints(len(findings))} encrypted"
    return f":unlock: {_endpoints(len(findings))} without a KMS key"


def _endpoints(number: int) -> str:
    return "1 endpoint" if number == 1 else f"{number:,} endpoints"


def _place(digest: Digest) -> str:
    return f"account {digest['accountId']}, {digest['region']}"
