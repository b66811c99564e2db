"""How a sweep ended, for people, alarms and the dashboard."""

from __future__ import annotations

from datetime import datetime

from lambdas.domain.errors import RemediationError, RequestRefused, SlackNotSetUp
from lambdas.domain.messages import sweep_notice
from lambdas.domain.sweep.coverage import SweepResult
from lambdas.domain.vocabulary import Verdict
from lambdas.gateways.records.digests import digests
from lambdas.gateways.settings import required, rules
from lambdas.gateways.slack import bot_token, patient_slack
from lambdas.services.observability import count, gauge, logger


def report(sweep_id: str, result: SweepResult, now: datetime) -> None:
    """Measure what a sweep assessed. If it is incomplete, say so in the channel, once.

    Raises
    ------
    SlackUnavailable
    """
    coverage, verdicts = result.coverage, dict(result.coverage.verdicts)
    logger.info("sweep_closed", complete=result.is_complete, assessed=coverage.assessed, verdicts=verdicts)
    alarms = not result.is_complete and not _is_before_slack(result)
    gauge("SweepIncomplete", int(alarms))  # a zero ends the alarm
    if result.is_complete or coverage.unannounced:
        gauge("EndpointsUnannounced", coverage.unannounced)
    if result.is_complete:
        gauge("EndpointsListed", result.listed)
        gauge("EndpointsEncrypted", coverage.verdicts[Verdict.ENCRYPTED])
        gauge("EndpointsExempt", coverage.verdicts[Verdict.EXEMPT])
        open_ones = (Verdict.UNENCRYPTED, Verdict.UNKNOWN)  # what can't be told counts as the worse
        gauge("EndpointsUnencrypted", sum(coverage.verdicts[verdict] for verdict in open_ones))
        count("SweepComplete")
        digests().note_completed(sweep_id, now)
        return
    if digests().is_reported(sweep_id):
        return
    # at-least-once: recorded after posting
    message = sweep_notice.incomplete(
        result, region=required("AWS_REGION"), sweep_id=sweep_id, runbook_pages=rules().runbook_pages
    )
    try:
        patient_slack().post(rules().default.channel, message)
    except SlackNotSetUp as error:
        logger.warning("sweep_not_reported", error_message=str(error))
    except RequestRefused as error:
        logger.error("sweep_not_reported", error_message=str(error))
        count("UnexpectedError")
    else:
        digests().note_reported(sweep_id, now)


def _is_before_slack(result: SweepResult) -> bool:
    """Whether only Slack's bot token is missing, in a deployment that has completed no sweep yet.

    Its set-up isn't over, as `sealpoint doctor` says. If it stays so, the alarm about overdue sweeps fires.
    A token that was removed later is an incident.
    """
    if result.error or result.coverage.missed or digests().last_completed():
        return False
    try:
        bot_token().value()
    except SlackNotSetUp:
        return True
    except RemediationError:
        pass
    return False
