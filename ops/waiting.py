"""`sealpoint open`: what waits for a decision, and where it can be decided."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from lambdas.domain.approval.decision import people_in
from lambdas.domain.approval.routes import DecideIn
from ops import clock, terminal
from ops.deployment import Deployment, deployments
from ops.evidence import Question, questions
from ops.listing import Column, Listing
from ops.options import Profile, Regions, Stack, epilog

PERMISSIONS = ("cloudformation:DescribeStacks", "dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Scan")
EPILOG = epilog(
    examples=(
        ("open", "in every region of sealpoint.yaml, the earliest deadline first"),
        ("open --region eu-west-1", "in one region"),
    ),
    exit_codes="0 when done; 2 if the records could not be read",
    permissions=PERMISSIONS,
)

_DIGEST_SHOWN = 8  # characters of an id, which --digest takes as well


def command(regions: Regions = None, stack: Stack = None, profile: Profile = None) -> int:
    """List what waits for a decision, and where to decide."""
    asked = deployments(regions, stack, profile)
    waiting = [(deployment, question) for deployment in asked for question in questions(deployment)]
    console = terminal.output()
    if waiting:
        console.print(as_table(waiting, clock.now()))
    else:
        where = ", ".join(deployment.region for deployment in asked)
        console.print(f"Nothing waits for a decision in {where}.", soft_wrap=True)
    return 0


def as_table(waiting: Sequence[tuple[Deployment, Question]], now: datetime) -> Listing:
    """One row for each question; the region only if there are several."""
    several = len({deployment.region for deployment, _ in waiting}) > 1
    columns = (
        Column("Id"), Column("Endpoint"), Column("Region"), Column("Asked", "asked"),
        Column("Deadline (UTC)", "until"), Column("Approvals"), Column("Where to decide"),
    )  # fmt: skip
    rows = [
        (
            terminal.shown(question.remediation_id),
            f"[bold]{terminal.shown(question.endpoint)}[/]",
            deployment.region if several else "",
            f"{clock.duration(now - question.asked_at)} ago",
            _deadline(question, now),
            _approvals(question),
            terminal.shown(where_to_decide(question)),
        )
        for deployment, question in waiting
    ]
    return Listing(columns, rows, first=2, last_wraps=False)


def where_to_decide(question: Question) -> str:
    """The card's address, the digest, or the command line."""
    approval = question.approval
    if approval.get("decideIn") == DecideIn.COMMAND_LINE:
        return "command line"
    if not question.is_seen:
        return "its card is not posted yet"
    if digest := question.record.get("digestId"):
        return f"digest {digest[:_DIGEST_SHOWN]}"
    return approval.get("permalink") or "its card in Slack"


def _deadline(question: Question, now: datetime) -> str:
    when = f"{question.deadline:%Y-%m-%d %H:%M}"
    if question.is_overdue(now):
        return f"[red]{when} (over)[/]"
    return f"{when} (in {clock.duration(max(question.deadline - now, now - now))})"


def _approvals(question: Question) -> str:
    """How many of the approvals that it needs, if that is more than one."""
    needed = question.approval.get("approvalsNeeded", 1)
    return f"{people_in(question.approval.get('approvals', []))} of {needed}" if needed > 1 else ""
