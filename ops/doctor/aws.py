"""Are the parts that AWS runs there, on, and heard?"""

from __future__ import annotations

from collections.abc import Iterator

from botocore.exceptions import ClientError

from lambdas.domain.encryption.feasibility import key_objection
from lambdas.gateways.aws import error_code
from lambdas.gateways.kms import Kms
from ops.deployment import Deployment, NotDeployed
from ops.doctor.findings import PUT_BACK, Finding, told, unfinished

_MACHINES = ("Remediation", "Backout", "Retirement", "Sweep")


def stack(deployment: Deployment) -> Finding:
    what = "Stack"
    try:
        _ = deployment.outputs
    except NotDeployed as error:
        cause = error.__cause__
        if not isinstance(cause, ClientError) or error_code(cause) != "ValidationError":
            return unfinished(what, "cloudformation", error)
        return Finding(
            what,
            f"there is no {deployment.stack_name} in {deployment.region}, or it is another account's",
            f"`make deploy` with {deployment.region} among cdk.json's `regions`; or name it with --stack",
        )
    return Finding(what, "it is there")


def parts(deployment: Deployment) -> Iterator[Finding]:
    yield from told("Rules", "events", _rules(deployment))
    for part in _MACHINES:
        what = f"{part} workflow"
        yield from told(what, "states", _machine(deployment, what, f"{part}StateMachineArn"))
    yield from told("KMS key", "kms", _key(deployment))
    yield from told("Alarms", "sns", _alarms(deployment))
    yield from told("Undelivered events", "sqs", _undelivered(deployment))


def _rules(deployment: Deployment) -> Iterator[Finding]:
    for name in deployment.output("EventRuleNames").split(","):
        what = f"Rule {name}"
        yield from told(what, "events", _rule(deployment, what, name))


def _rule(deployment: Deployment, what: str, name: str) -> Iterator[Finding]:
    client = deployment.client("events")
    state = client.describe_rule(Name=name)["State"]
    if not state.startswith("ENABLED"):  # there are two ways of being so
        mend = f"aws events enable-rule --region {deployment.region} --name {name}"
        yield Finding(what, f"it is {state}", mend)
    elif not client.list_targets_by_rule(Rule=name)["Targets"]:
        yield Finding(what, "it has no target, so what it matches goes nowhere", PUT_BACK)
    else:
        yield Finding(what, "it is on, and has a target")


def _machine(deployment: Deployment, what: str, output: str) -> Iterator[Finding]:
    arn = deployment.output(output)
    status = deployment.client("stepfunctions").describe_state_machine(stateMachineArn=arn)["status"]
    yield Finding(what, f"it is {status}", "" if status == "ACTIVE" else f"When it is deleted: {PUT_BACK}")


def _key(deployment: Deployment) -> Iterator[Finding]:
    arn, region = deployment.output("KmsKeyArn"), deployment.region
    key = Kms(deployment.client("kms")).describe_key(arn)
    objection = key_objection(key, region)
    if not objection:
        yield Finding("KMS key", f"SageMaker can encrypt with {arn}")
        return
    enable = f"aws kms enable-key --region {region} --key-id {arn}"
    mend = {
        "Disabled": enable,
        "PendingDeletion": f"aws kms cancel-key-deletion --region {region} --key-id {arn} && {enable}",
    }.get(key["KeyState"] if key else "")
    another = "Name an enabled symmetric key of this region in `kmsKeyArns`, then `make deploy`."
    yield Finding("KMS key", f"{arn} {objection}", mend or another)


def _alarms(deployment: Deployment) -> Iterator[Finding]:
    arn = deployment.output("AlarmTopicArn")
    pages = deployment.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn)
    subscriptions = [subscription for page in pages for subscription in page["Subscriptions"]]
    # what stands in for an ARN otherwise says PendingConfirmation, or Deleted
    heard_by = [one for one in subscriptions if one["SubscriptionArn"].startswith("arn:")]
    waiting = [one["Endpoint"] for one in subscriptions if one["SubscriptionArn"] == "PendingConfirmation"]
    if heard_by:
        yield Finding("Alarms", f"{len(heard_by)} confirmed subscription(s) to their topic")
    elif waiting:
        yield Finding(
            "Alarms",
            f"nobody hears them: {', '.join(waiting)} has not confirmed the subscription",
            "Follow the link in the mail from AWS Notifications; where it is lost, subscribe once more.",
        )
    else:
        yield Finding(
            "Alarms",
            "nobody hears them: their topic has no subscription",
            f"aws sns subscribe --region {deployment.region} --topic-arn {arn} --protocol email "
            "--notification-endpoint you@example.com, then follow the link in the mail",
        )


def _undelivered(deployment: Deployment) -> Iterator[Finding]:
    url = deployment.output("UndeliveredQueueUrl")
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    found = deployment.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=list(names))
    count = sum(int(found["Attributes"][name]) for name in names)
    if not count:
        yield Finding("Undelivered events", "there are none")
        return
    where = f"--region {deployment.region} --queue-url {url}"
    yield Finding(
        "Undelivered events",
        f"{count} wait in the queue: their endpoints were not looked at, or not let go",
        f"Read them: aws sqs receive-message {where} --max-number-of-messages 10. See to the endpoints they "
        f"name, then empty it: aws sqs purge-queue {where}",
    )
