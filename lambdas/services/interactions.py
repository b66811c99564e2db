"""Everything that Slack can send: which use case takes it, and what Slack is answered."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from lambdas.domain import backout
from lambdas.domain.messages.interactions import (
    Click,
    Interaction,
    PageSubmission,
    PageTurn,
    Review,
    Submission,
)
from lambdas.domain.record import Approval
from lambdas.gateways.records.records import records
from lambdas.gateways.slack import Slack
from lambdas.services import backouts, card_decisions, digest_review
from lambdas.services.observability import logger


def carry_out(interaction: Interaction | None, now: datetime, slack: Slack) -> str | dict[str, Any]:
    """Carry out an interaction; None is a click that decides nothing.

    Returns
    -------
    str | dict
        The response's body: a text, or what a modal is to do.
    """
    match interaction:
        case Click(action_id=backout.ACTION_ID) as click:
            backouts.click(click, _approval(click.approval_id), now, slack)
        case Click() as click:
            card_decisions.click(click, _approval(click.approval_id), now, slack)
        case Submission() as submission:
            return card_decisions.submit(submission, _approval(submission.approval_id), now, slack) or ""
        case Review() as review:
            digest_review.open_list(review, slack)
        case PageTurn() as turn:
            digest_review.turn_page(turn, slack)
        case PageSubmission() as submitted:
            return digest_review.submit(submitted, now, slack)
        case None:
            pass
    return ""


def _approval(approval_id: str) -> Approval | None:
    approval = records().approval(approval_id)
    if approval:
        logger.append_keys(remediation_id=approval["remediationId"])
    return approval
