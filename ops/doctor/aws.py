"""Checks the parts that run in AWS: whether they exist, are enabled, and reach someone."""

from __future__ import annotations

from collections.abc import Iterator

from botocore.exceptions import ClientError

from lambdas.domain.encryption.feasibility import key_objection
from lambdas.gateways.aws import error_code
from lambdas.gateways.kms import Kms
from ops import clock
from ops.deployment import Deployment, NotDeployed
from ops.doctor import sweep
from ops.doctor.results import RESTORE, CheckResult, guarded, not_checked
from ops.evidence import questions

_MACHINES = ("Remediation", "Backout", "Retirement", "Sweep", "Digest")
_UNNOTICED = "a new or changed endpoint is found by the next sweep at the earliest"
# What each of the stack's rules is for, and what is wrong without it.
RULES = {
    "EndpointChanged": ("changes of endpoints", _UNNOTICED),
    "EndpointChangedByService": ("changes of endpoints by AWS services", _UNNOTICED),
    "ExecutionEndedUnclosed": (
        "stopped remediations", "a stopped remediation stays open, and its endpoint is not asked about"
    ),
    "TwinLeftBehind": ("unused encrypted copies", "the copy that a stopped remediation made is left behind"),
    "BackoutEndedUnclosed": (
        "stopped backouts", "a stopped backout stays open, and its endpoint is not asked about"
    ),
    "SweepEndedUnclosed": (
        "stopped sweeps", "nobody is notified of a stopped sweep, and no other begins for two days"
    ),
    "DigestEndedUnclosed": ("stopped digests", "the card of a stopped digest stays as it is"),
}  # fmt: skip


def stack(deployment: Deployment) -> CheckResult:
    subject = "Stack"
    try:
        _ = deployment.outputs
    except NotDeployed as error:
        cause = error.__cause__
        if not isinstance(cause, ClientError) or error_code(cause) != "ValidationError":
            return not_checked(subject, "cloudformation", error)
        return CheckResult(
            subject,
            f"there is no {deployment.stack_name} in {deployment.region} of this account",
            f"`make deploy` with {deployment.region} in the `regions` of sealpoint.yaml, or name the stack "
            "with --stack.",
        )
    return CheckResult(subject, "found")


def parts(deployment: Deployment) -> Iterator[CheckResult]:
    yield from guarded("Rules", "events", _rules(deployment))
    for part in _MACHINES:
        subject = f"{part} workflow"
        yield from guarded(subject, "states", _machine(deployment, subject, f"{part}StateMachineArn"))
    yield from guarded("KMS key", "kms", _key(deployment))
    yield from guarded("Sweep's schedule", "scheduler", sweep.schedule(deployment))
    yield from guarded("Latest sweep", "states", sweep.latest(deployment))
    yield from guarded("Open questions", "dynamodb", _questions(deployment))
    yield from guarded("Alarms", "cloudwatch", _alarms(deployment))
    yield from guarded("Alarm subscribers", "sns", _subscribers(deployment))
    yield from guarded("Undelivered events", "sqs", _undelivered(deployment))


def _rules(deployment: Deployment) -> Iterator[CheckResult]:
    for part in deployment.output("EventRuleNames").split(","):
        which, _, name = part.rpartition("=")
        purpose, without = RULES[which]
        subject = f"Rule for {purpose}"
        yield from guarded(subject, "events", _rule(deployment, subject, name, without))


def _rule(deployment: Deployment, subject: str, name: str, without: str) -> Iterator[CheckResult]:
    client = deployment.client("events")
    state = client.describe_rule(Name=name)["State"]
    if not state.startswith("ENABLED"):  # there are two such states
        fix = f"aws events enable-rule --region {deployment.region} --name {name}"
        yield CheckResult(subject, f"{state}, so {without}", fix)
    elif not client.list_targets_by_rule(Rule=name)["Targets"]:
        yield CheckResult(subject, f"the rule {name} has no target, so {without}", RESTORE)
    else:
        yield CheckResult(subject, "enabled")


def _machine(deployment: Deployment, subject: str, output: str) -> Iterator[CheckResult]:
    arn = deployment.output(output)
    status = deployment.client("stepfunctions").describe_state_machine(stateMachineArn=arn)["status"]
    fix = "" if status == "ACTIVE" else f"Once it is deleted: {RESTORE}"
    yield CheckResult(subject, f"the state machine is {status}", fix)


def _key(deployment: Deployment) -> Iterator[CheckResult]:
    arn, region = deployment.output("KmsKeyArn"), deployment.region
    key = Kms(deployment.client("kms")).describe_key(arn)
    objection = key_objection(key, region)
    if not objection:
        yield CheckResult("KMS key", f"SageMaker can encrypt with {arn}")
        return
    enable = f"aws kms enable-key --region {region} --key-id {arn}"
    fix = {
        "Disabled": enable,
        "PendingDeletion": f"aws kms cancel-key-deletion --region {region} --key-id {arn} && {enable}",
    }.get(key["KeyState"] if key else "")
    another = "Name an enabled symmetric key of this region in `kmsKeyArns`, then `make deploy`."
    yield CheckResult("KMS key", f"{arn} {objection}", fix or another)


def _questions(deployment: Deployment) -> Iterator[CheckResult]:
    subject, now, asked = "Open questions", clock.now(), questions(deployment)
    overdue = [question.endpoint for question in asked if question.is_overdue(now)]
    lost = [question.endpoint for question in asked if question.is_lost(now)]
    if overdue:
        yield CheckResult(
            subject,
            f"{len(overdue)} open past the deadline: {', '.join(overdue)}",
            "Their executions no longer run, or are stuck: docs/runbook/execution-stopped.md. Afterwards, "
            "`sealpoint remediate ENDPOINT` asks again.",
        )
    if lost:
        yield CheckResult(
            subject,
            f"{len(lost)} that nobody can see in Slack: {', '.join(lost)}",
            "Fix what is wrong with Slack. Until then, decide with `sealpoint approve` and `sealpoint deny`.",
        )
    if not overdue and not lost:
        yield CheckResult(subject, f"{len(asked)} in time" if asked else "none")


def _alarms(deployment: Deployment) -> Iterator[CheckResult]:
    prefix = f"{deployment.stack_name}-"
    pages = deployment.client("cloudwatch").get_paginator("describe_alarms")
    ringing = [
        alarm
        for page in pages.paginate(AlarmNamePrefix=prefix, AlarmTypes=["MetricAlarm"], StateValue="ALARM")
        for alarm in page["MetricAlarms"]
    ]
    if not ringing:
        yield CheckResult("Alarms", "none is in ALARM")
        return
    names = ", ".join(alarm["AlarmName"].removeprefix(prefix) for alarm in ringing)
    what = " ".join(f"{alarm.get('AlarmDescription', '').rstrip('.')}." for alarm in ringing)
    yield CheckResult("Alarms", f"in ALARM: {names}", what)


def _subscribers(deployment: Deployment) -> Iterator[CheckResult]:
    subject, arn = "Alarm subscribers", deployment.output("AlarmTopicArn")
    pages = deployment.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn)
    subscriptions = [subscription for page in pages for subscription in page["Subscriptions"]]
    # instead of an ARN, others have PendingConfirmation or Deleted
    confirmed = [one for one in subscriptions if one["SubscriptionArn"].startswith("arn:")]
    waiting = [one["Endpoint"] for one in subscriptions if one["SubscriptionArn"] == "PendingConfirmation"]
    unconfirmed = f"not confirmed in {deployment.region}: {', '.join(waiting)}" if waiting else ""
    if confirmed:
        counted = f"{len(confirmed)} confirmed in {deployment.region}"
        yield CheckResult(subject, f"{counted}; {unconfirmed}" if unconfirmed else counted)
    elif waiting:
        yield CheckResult(
            subject,
            f"nobody receives alarms; {unconfirmed}",
            "Follow the link in the email from AWS Notifications: each region sends its own. If the email is "
            "lost, subscribe again.",
        )
    else:
        yield CheckResult(
            subject,
            f"nobody receives alarms: their topic in {deployment.region} has no subscription",
            f"aws sns subscribe --region {deployment.region} --topic-arn {arn} --protocol email "
            "--notification-endpoint you@example.com, then follow the link in the email.",
        )


def _undelivered(deployment: Deployment) -> Iterator[CheckResult]:
    url = deployment.output("UndeliveredQueueUrl")
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    found = deployment.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=list(names))
    count = sum(int(found["Attributes"][name]) for name in names)
    if not count:
        yield CheckResult("Undelivered events", "none")
        return
    where = f"--region {deployment.region} --queue-url {url}"
    yield CheckResult(
        "Undelivered events",
        f"{count} in the queue: endpoints were not checked or are still claimed, or old configs not retired",
        f"Read them: aws sqs receive-message {where} --max-number-of-messages 10. Take care of the endpoints "
        f"that they name, then empty the queue: aws sqs purge-queue {where}",
    )
