"""Checks the parts that run in AWS: whether they exist, are enabled, and reach someone."""

from __future__ import annotations

from collections.abc import Iterator

from botocore.exceptions import ClientError

from lambdas.domain.encryption.feasibility import key_objection
from lambdas.gateways.aws import error_code
from lambdas.gateways.kms import Kms
from ops.deployment import Deployment, NotDeployed
from ops.doctor.results import RESTORE, CheckResult, guarded, not_checked

_MACHINES = ("Remediation", "Backout", "Retirement", "Sweep")


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
    return CheckResult(subject, "it exists")


def parts(deployment: Deployment) -> Iterator[CheckResult]:
    yield from guarded("Rules", "events", _rules(deployment))
    for part in _MACHINES:
        subject = f"{part} workflow"
        yield from guarded(subject, "states", _machine(deployment, subject, f"{part}StateMachineArn"))
    yield from guarded("KMS key", "kms", _key(deployment))
    yield from guarded("Alarms", "sns", _alarms(deployment))
    yield from guarded("Undelivered events", "sqs", _undelivered(deployment))


def _rules(deployment: Deployment) -> Iterator[CheckResult]:
    for name in deployment.output("EventRuleNames").split(","):
        subject = f"Rule {name}"
        yield from guarded(subject, "events", _rule(deployment, subject, name))


def _rule(deployment: Deployment, subject: str, name: str) -> Iterator[CheckResult]:
    client = deployment.client("events")
    state = client.describe_rule(Name=name)["State"]
    if not state.startswith("ENABLED"):  # there are two such states
        fix = f"aws events enable-rule --region {deployment.region} --name {name}"
        yield CheckResult(subject, f"the rule is {state}", fix)
    elif not client.list_targets_by_rule(Rule=name)["Targets"]:
        yield CheckResult(subject, "the rule has no target, so the events it matches are lost", RESTORE)
    else:
        yield CheckResult(subject, "the rule is enabled and has a target")


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


def _alarms(deployment: Deployment) -> Iterator[CheckResult]:
    arn = deployment.output("AlarmTopicArn")
    pages = deployment.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn)
    subscriptions = [subscription for page in pages for subscription in page["Subscriptions"]]
    # instead of an ARN, others have PendingConfirmation or Deleted
    confirmed = [one for one in subscriptions if one["SubscriptionArn"].startswith("arn:")]
    waiting = [one["Endpoint"] for one in subscriptions if one["SubscriptionArn"] == "PendingConfirmation"]
    if confirmed:
        yield CheckResult("Alarms", f"{len(confirmed)} confirmed subscription(s) to their topic")
    elif waiting:
        yield CheckResult(
            "Alarms",
            f"nobody receives them: {', '.join(waiting)} has not confirmed the subscription",
            "Follow the link in the email from AWS Notifications. If the email is lost, subscribe again.",
        )
    else:
        yield CheckResult(
            "Alarms",
            "nobody receives them: their topic has no subscription",
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
        f"{count} in the queue: their endpoints were not checked, or are still claimed",
        f"Read them: aws sqs receive-message {where} --max-number-of-messages 10. Take care of the endpoints "
        f"that they name, then empty the queue: aws sqs purge-queue {where}",
    )
