"""The list behind a digest's card, page by page: what was found, how far it is, and what is to be decided.

Slack keeps what someone has chosen in an input as long as its block keeps its id. This preserves their
choices if a submission is refused, and it is why the controls of each page have their own ids: nothing that
was chosen for one page may carry over to the next.
https://docs.slack.dev/surfaces/modals/#updating_views
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lambdas.domain.approval.decision import ASK_AGAIN_DAYS
from lambdas.domain.messages.blocks import clip, code, context, escape, plain, section
from lambdas.domain.messages.digest_card import by_command_line, in_numbers, lacks, runs_on, status
from lambdas.domain.messages.modals import DEFAULT_ASK_AGAIN, ask_again_input, reason_input, select_input
from lambdas.domain.record import Digest, Finding
from lambdas.domain.sweep.digest import Stage, stage
from lambdas.domain.vocabulary import ApprovalStatus, Outcome

CALLBACK_ID = "digest"
PREVIOUS, NEXT = "digest-previous", "digest-next"  # the buttons' action ids; their value is the page
PAGE_SIZE = 20

_ALL, _REASON, _ASK_AGAIN = "all", "reason", "ask-again"
_OWN_ID = "#"  # in the ids of a page's own controls, but in no approval's id
_LATER, _AS_ABOVE = "later", "as-above"
_DECISIONS = {"encrypt": ApprovalStatus.APPROVED, "leave": ApprovalStatus.DENIED}
_FOR_ALL = {_LATER: "Decide later", "encrypt": "Encrypt all", "leave": "Leave all as they are"}
_FOR_ONE = {
    _AS_ABOVE: "As chosen for all",
    "encrypt": "Encrypt endpoint",
    "leave": "Leave as is",
    _LATER: "Decide later",
}
_SUBJECT = re.compile(r"([A-Za-z0-9_-]{1,64})/([0-9]{1,5})")
_LABEL_LIMIT, _HINT_LIMIT, _NOTICE_LIMIT, _REASON_LIMIT = 200, 500, 2900, 300


@dataclass(frozen=True, slots=True)
class Choices:
    """What someone chose on a page.

    Attributes
    ----------
    chosen
        The decisions by the ids of approvals. The ids are unchecked: they may not be of this digest.
    problems
        By block, why nothing can be recorded.
    """

    chosen: Mapping[str, ApprovalStatus]
    reason: str
    ask_again: str
    problems: Mapping[str, str]


def page(digest: Digest, findings: Sequence[Finding], number: int, *, notice: str = "") -> dict[str, Any]:
    """A page of the list, counted from 1; `notice` says what became of the last submission."""
    last = pages(findings)
    number = min(max(number, 1), last)
    shown = findings[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    to_decide = [] if by_command_line(digest) else [one for one in shown if stage(one) is Stage.WAITING]
    own = _own_ids(number, to_decide)
    blocks = [section(clip(notice, _NOTICE_LIMIT))] if notice else []
    where = f"Page {number} of {last} · " if last > 1 else ""
    blocks.append(context(f"{where}{len(findings):,} found, worst first: {in_numbers(findings)}"))
    if to_decide:
        asked = f"All {len(to_decide)} on this page awaiting a decision"
        blocks.append(select_input(own[_ALL], _ALL, asked, _FOR_ALL, _LATER))
    blocks.append({"type": "divider"})
    blocks += [_input(one) if one in to_decide else _line(digest, one) for one in shown]
    if to_decide:
        blocks += [
            {"type": "divider"},
            reason_input(own[_REASON], "Why leave some as they are?", optional=True),
            ask_again_input(own[_ASK_AGAIN]),
        ]
    if last > 1:
        blocks.append(_other_pages(number, last))
    view: dict[str, Any] = {
        "type": "modal",
        "callback_id": CALLBACK_ID,
        "private_metadata": f"{digest['digestId']}/{number}",
        "title": plain("Endpoints without a key"),
        "close": plain("Close"),
        "blocks": blocks,
    }
    if to_decide:
        view["submit"] = plain("Record decisions")
    return view


def pages(findings: Sequence[Finding]) -> int:
    return max(1, -(-len(findings) // PAGE_SIZE))


def page_to_decide(findings: Sequence[Finding], after: int = 0) -> int:
    """The next page with something to decide, starting over at the end; the given one if there is none."""
    waiting = [index // PAGE_SIZE + 1 for index, one in enumerate(findings) if stage(one) is Stage.WAITING]
    return next((number for number in waiting if number > after), waiting[0] if waiting else max(after, 1))


def subject(metadata: Any) -> tuple[str, int] | None:
    """The digest and the page that a view shows, from its metadata; None for any other view."""
    found = _SUBJECT.fullmatch(metadata) if isinstance(metadata, str) else None
    return (found[1], int(found[2])) if found else None


def decisions(values: Mapping[str, str]) -> Choices:
    """What someone chose, from a page's values by block; no more than a page has."""
    own = {block.partition(_OWN_ID)[0]: block for block in values if _OWN_ID in block}
    given = {name: values[block] for name, block in own.items()}
    for_all = given.get(_ALL, _LATER)
    asked = [block for block in values if _OWN_ID not in block][:PAGE_SIZE]
    chosen = {
        approval_id: decision
        for approval_id in asked
        if (decision := _DECISIONS.get(_one_for_all(values[approval_id], for_all)))
    }
    reason, ask_again = given.get(_REASON, "").strip(), given.get(_ASK_AGAIN, "")
    problems: dict[str, str] = {}
    if not chosen and _ALL in own:
        problems[own[_ALL]] = "Choose something for all endpoints, or for at least one."
    if not reason and ApprovalStatus.DENIED in chosen.values() and _REASON in own:
        problems[own[_REASON]] = "Give a reason for leaving endpoints as they are."
    if ask_again not in ASK_AGAIN_DAYS:
        ask_again = DEFAULT_ASK_AGAIN
    return Choices(chosen, reason, ask_again, problems)


def recorded(decided: Mapping[str, int], refused: Mapping[str, Sequence[str]]) -> str:
    """What became of a page's decisions.

    Parameters
    ----------
    decided
        The number of recorded decisions, by what happens to the endpoints.
    refused
        The endpoints whose decisions were not recorded, by the reason.
    """
    counts = ", ".join(f"{number} {words}" for words, number in decided.items() if number)
    lines = [f":white_check_mark: *Recorded:* {counts}."] if counts else []
    for why, names in refused.items():
        lines.append(f":warning: *Not recorded:* {', '.join(code(name) for name in names)}: {why}")
    return "\n".join(lines)


def unsaved_choices(choices: Choices) -> str:
    """Why the page doesn't change: the choices on it would be lost."""
    return (
        f":warning: *What you have chosen here ({len(choices.chosen)}) is not recorded yet.* Record it "
        "first, or choose “Decide later”."
    )


# -- what a page is made of


def _one_for_all(choice: str, for_all: str) -> str:
    return for_all if choice == _AS_ABOVE else choice


def _own_ids(number: int, to_decide: Sequence[Finding]) -> dict[str, str]:
    """Block ids of the page's own controls; new ones as soon as something on it was decided."""
    asked = "/".join(f"{one.get('approvalId')} {one.get('approvals', 0)}" for one in to_decide)
    once = hashlib.sha256(f"{number}/{asked}".encode()).hexdigest()[:12]
    return {name: f"{name}{_OWN_ID}{once}" for name in (_ALL, _REASON, _ASK_AGAIN)}


def _input(finding: Finding) -> dict[str, Any]:
    name = clip(finding["endpointName"], _LABEL_LIMIT)
    hint = " · ".join(part for part in (_lacks(finding), runs_on(finding), status(finding)) if part)
    asked = select_input(finding.get("approvalId", ""), "decision", name, _FOR_ONE, _AS_ABOVE)
    return {**asked, **({"hint": plain(clip(hint, _HINT_LIMIT))} if hint else {})}


def _lacks(finding: Finding) -> str:
    if finding.get("outcome") in (Outcome.ENCRYPTED, Outcome.ALREADY_ENCRYPTED):
        return ""
    return f"No key: {surfaces}" if (surfaces := lacks(finding)) else ""


def _line(digest: Digest, finding: Finding) -> dict[str, Any]:
    standing = status(finding)
    if stage(finding) is Stage.WAITING and by_command_line(digest):
        command = code(f"sealpoint approve {finding['remediationId']}")
        standing = " · ".join(part for part in (standing, command) if part)
    reason = finding.get("reason", "")
    if reason and finding.get("outcome") != Outcome.ENCRYPTED:
        standing += f": {escape(clip(' '.join(reason.split()), _REASON_LIMIT))}"
    first = " · ".join(part for part in (code(finding["endpointName"]), standing) if part)
    more = " · ".join(part for part in (_lacks(finding), escape(runs_on(finding))) if part)
    return context(f"{first}\n{more}" if more else first)


def _other_pages(number: int, last: int) -> dict[str, Any]:
    ways = ((PREVIOUS, "Previous", number - 1), (NEXT, "Next", number + 1))
    return {
        "type": "actions",
        "block_id": "pages",
        "elements": [
            {"type": "button", "action_id": action_id, "text": plain(words), "value": str(to)}
            for action_id, words, to in ways
            if 1 <= to <= last
        ],
    }
