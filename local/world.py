"""The local run: a cloud assembly deployed on this machine, on one clock, with people who can click.

Everything that AWS would run is what the template says: its state machine, its rules and their input
transformers, its table, its key, its functions from their built assets with their environment, its HTTP
route. A function may do what the policies of its role say, and no more (`local/aws/iam`). SageMaker and
Slack are servers of their own (`local/sagemaker`, `local/slack`).
"""

from __future__ import annotations

import json
import queue
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import boto3
import requests
from boto3.dynamodb.types import TypeDeserializer
from botocore.config import Config
from moto.stepfunctions.parser.backend.execution import Execution
from slack_sdk.signature import SignatureVerifier

from local.aws import event_history, interpreter, resource_tags
from local.aws.cloud import Cloud, Deployment
from local.aws.events import EventBus, assumed_role, cloudtrail_event, execution_ended_event
from local.aws.functions import FunctionRunner, access_key_of
from local.aws.http_api import HttpApi
from local.aws.iam import simulator
from local.aws.iam.policy import Policy
from local.aws.template import ACCOUNT_ID, load_assembly
from local.clock import Clock
from local.sagemaker import ApiCall, SageMakerHosting
from local.slack import Channel, SlackStandIn, User, UserGroup
from local.slack.store import Message
from ops import slack_app

SCIENTIST_ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/DataScientist"
# People with permission to decide on the command line: their secret access keys and who they are.
OPERATORS = {
    f"AKIA{name.upper()}": (
        f"{name}-secret",
        f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/Oncall/{name}@example.com",
    )
    for name in ("ada", "grace", "ana")
}
TRAIL = "management-events"
OUTSIDER = User(id="U0OUTSIDER", name="Olu (no approver)", email="olu@example.com")
SCIENTIST = User(id="U0SCIENTIST", name="Ana (data scientist)", email="ana@example.com")
_SCIENTIST = assumed_role(SCIENTIST_ROLE, "ana@example.com")
_APPROVER_NAMES = ("Ada", "Grace", "Katherine", "Dorothy", "Mary")

_EVENTS_SHOWN_AFTER_SECONDS = 300
_REPORTED_CALLS = frozenset({"CreateEndpoint", "UpdateEndpoint"})
_STOPPED = frozenset({"FAILED", "ABORTED", "TIMED_OUT"})
_deserialize = TypeDeserializer().deserialize
_POLL_SECONDS = 0.005
_NO_LIMIT = "1000000"
_STEADY_POLLS = 3  # polls in a row that find nothing moving, before the world counts as settled


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item of a records table; no fractions are on record."""
    values = {name: _deserialize(value) for name, value in item.items()}
    return {name: json.loads(json.dumps(value, default=int)) for name, value in values.items()}


class World:
    """Everything, in one process. One at a time: moto's services are global to the process.

    Parameters
    ----------
    cloud_assembly
        What `make synth` wrote.
    clock
        The clock that SageMaker, the state machine, Slack and the Lambdas share.
    runner_type
        What invokes the functions: measurements listen in.
    approver_names
        What the approvers of the settings are called. One whose first name is Ana is who creates endpoints.
    """

    def __init__(
        self,
        cloud_assembly: Path,
        clock: Clock,
        *,
        runner_type: type[FunctionRunner] = FunctionRunner,
        approver_names: Sequence[str] = _APPROVER_NAMES,
    ) -> None:
        self.clock = clock
        self.assembly = cloud_assembly
        self.executions: dict[str, Execution] = {}
        self._running: set[str] = set()
        self._lock = threading.Lock()
        self._people: dict[str, Any] = {}  # their SageMaker clients, by region
        self._reports: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._reports_pending = 0
        self._delivering = threading.Lock()

        self._waiting = interpreter.install(
            clock,
            self._invoke,
            self._execution_started,
            self._execution_ended,
        )
        self.cloud = Cloud()
        self.deployments = [Deployment(template, self.cloud) for template in load_assembly(cloud_assembly)]
        self.home = self.deployments[0]
        self._create_trail()
        self.sagemaker = SageMakerHosting(clock=clock, account_id=ACCOUNT_ID, on_call=self._on_sagemaker_call)
        self._sagemaker_server = self.sagemaker.serve()
        self.approvers, self.channel_id = self._slack_settings(approver_names)
        emails = {user.email for user in self.approvers}
        self.slack = SlackStandIn(
            clock=clock,
            bot_token=f"xoxb-local-{uuid.uuid4().hex}",
            signing_secret=uuid.uuid4().hex,
            channels=[Channel(id=self.channel_id, name="sagemaker-encryption")],
            users=[*self.approvers, *(one for one in (SCIENTIST, OUTSIDER) if one.email not in emails)],
            scopes=slack_app.scopes(),  # no more than the app's manifest asks for
            user_groups=[UserGroup(id="S0MLPLATFORM", handle="ml-platform", users=[self.approvers[1].id])],
        )
        self._slack_server = self.slack.serve()

        self.roles: dict[str, list[Policy]] = {}  # by ARN; a change applies to the next invocation
        self.service_control_policies: list[Policy] = []
        simulator.install(self.roles, self.service_control_policies)
        resource_tags.install(self.sagemaker)
        event_history.install(self._event_history)
        self.runner = runner_type(
            clock,
            {
                "AWS_ENDPOINT_URL": self.cloud.url,
                "AWS_ENDPOINT_URL_SAGEMAKER": self._sagemaker_server.url,
                "SLACK_API_URL": self._slack_server.api_url,
                # rate limits count real time, and SageMaker's stand-in enforces its quotas only on request
                "QUOTA_SHARE": _NO_LIMIT,
            },
            self.roles,
        )
        self._principals: dict[str, dict[str, Any]] = {}
        for deployment in self.deployments:
            self.roles |= deployment.roles()
            for function in deployment.functions():
                self.runner.add(function)
                identity = assumed_role(function.caller.role_arn, function.name)
                self._principals[access_key_of(function.name)] = identity
            self.fill_secrets(deployment)
            self._subscribe_to_alarms(deployment)
        answer_someone = partial(self.runner.invoke, someone_waits=True)
        self.bus = EventBus(self.cloud, self.runner, clock)
        self.apis = [
            HttpApi(deployment.routes(), answer_someone, OPERATORS, clock.now)
            for deployment in self.deployments
        ]
        for deployment, api in zip(self.deployments, self.apis, strict=True):
            deployment.publish_outputs(api.url)
        self.slack.interactivity_url = f"{self.apis[0].url}/slack/interactions"
        if len(self.apis) > 1:
            self.slack.route_interactivity(self._app_acted_on)
        self._reporter = threading.Thread(target=self._deliver_reports, daemon=True)
        self._reporter.start()

    # -- where things are

    @property
    def slack_url(self) -> str:
        """The Slack page, for a browser."""
        return self._slack_server.url

    @property
    def slack_api_url(self) -> str:
        return self._slack_server.api_url

    @property
    def sagemaker_url(self) -> str:
        return self._sagemaker_server.url

    @property
    def region(self) -> str:
        return self.home.region

    @property
    def trail_is_logging(self) -> bool:
        """Whether CloudTrail reports calls to EventBridge."""
        return self._trail_is_logging

    @trail_is_logging.setter
    def trail_is_logging(self, logging: bool) -> None:
        trail = self.client("cloudtrail")
        (trail.start_logging if logging else trail.stop_logging)(Name=TRAIL)
        self._trail_is_logging = logging

    def client(self, service: str, region: str | None = None) -> Any:
        """A boto3 client as a person of this account would have it."""
        region = region or self.region
        if service != "sagemaker":
            return self.cloud.client(service, region)
        with self._lock:
            if region not in self._people:
                self._people[region] = boto3.client(
                    "sagemaker",
                    region_name=region,
                    endpoint_url=self.sagemaker_url,
                    aws_access_key_id="AKIADATASCIENTIST",
                    aws_secret_access_key="local",  # noqa: S106  # the stand-in checks none
                    # whatever is sent, the service is the one to judge
                    config=Config(parameter_validation=False),
                )
            return self._people[region]

    # -- what happened

    def items(self, kind: str, deployment: Deployment | None = None) -> list[dict[str, Any]]:
        """The items of a records table, the home region's or another's, whose key begins with `kind`."""
        where = deployment or self.home
        client = self.client("dynamodb", where.region)
        asked = {"TableName": where.output("RecordsTableName"), "ConsistentRead": True}
        pages = client.get_paginator("scan").paginate(**asked)
        return [
            _plain(item) for page in pages for item in page["Items"] if item["pk"]["S"].startswith(f"{kind}#")
        ]

    def record(self, remediation_id: str) -> dict[str, Any]:
        """A remediation's evidence."""
        return self._item(f"remediation#{remediation_id}", "record")

    def backout_record(self, backout_id: str) -> dict[str, Any]:
        return self._item(f"backout#{backout_id}", "record")

    def approval(self, approval_id: str) -> dict[str, Any]:
        return self._item(f"approval#{approval_id}", "approval")

    def token(self, approval_id: str) -> str:
        """The task token that wakes the workflow which waits for an approval."""
        return str(self._item(f"wait#{approval_id}", "token")["taskToken"])

    def evidence(self, remediation_id: str) -> dict[str, Any]:
        """The original config and endpoint, as they were kept before anything was changed."""
        texts = self._item(f"evidence#{remediation_id}", "evidence")
        return {
            name: json.loads(text) for name, text in texts.items() if name not in ("pk", "sk", "expiresAt")
        }

    def _item(self, partition_key: str, sort_key: str) -> dict[str, Any]:
        client = self.client("dynamodb")
        key = {"pk": {"S": partition_key}, "sk": {"S": sort_key}}
        answer = client.get_item(TableName=self.home.output("RecordsTableName"), Key=key, ConsistentRead=True)
        return _plain(answer["Item"])

    def executions_of(
        self, endpoint_name: str, machine: str = "RemediationStateMachineArn"
    ) -> list[Execution]:
        """The executions started for an endpoint, oldest first; `machine` names a stack output."""
        arns = {deployment.output(machine) for deployment in self.deployments}
        return [
            execution
            for execution in list(self.executions.values())
            if execution.state_machine.arn in arns
            and execution.input_data.get("endpointName") == endpoint_name
        ]

    def history(self, execution: Execution) -> list[dict[str, Any]]:
        """An execution's events so far."""
        return [dict(event) for event in execution.to_history_output().get("events", [])]

    def states_entered(self, execution: Execution) -> list[str]:
        """The names of the states that an execution entered, in order."""
        return [
            event["stateEnteredEventDetails"]["name"]
            for event in self.history(execution)
            if "stateEnteredEventDetails" in event
        ]

    def _app_acted_on(self, payload: Mapping[str, Any]) -> str | None:
        """Each region has a Slack app of its own: that of the question that someone acts on."""
        if len(self.deployments) == 1:
            return self.slack.interactivity_url
        acted_on = json.dumps([payload.get("actions"), (payload.get("view") or {}).get("private_metadata")])
        for deployment, api in zip(self.deployments, self.apis, strict=True):
            questions = [*self.items("approval", deployment), *self.items("digest", deployment)]
            if any(item["pk"].partition("#")[2] in acted_on for item in questions):
                return f"{api.url}/slack/interactions"
        return self.slack.interactivity_url

    # -- making it happen

    def report(self, call: ApiCall) -> None:
        """CloudTrail: what someone did to SageMaker comes to EventBridge, a moment later."""
        self._enqueue(self._event(call))

    def _event(self, call: ApiCall) -> dict[str, Any]:
        return cloudtrail_event(
            event_name=call.operation,
            region=call.region,
            request=call.request,
            response=call.response,
            identity=self._principals.get(call.access_key_id, _SCIENTIST),
            moment=call.time,
            error_code=call.error_code,
            error_message=call.error_message,
        )

    def _event_history(self) -> Iterator[dict[str, Any]]:
        """What CloudTrail shows by now; some five minutes late on average, its documentation says."""
        shown = self.clock.now() - _EVENTS_SHOWN_AFTER_SECONDS
        return (self._event(call) for call in tuple(self.sagemaker.calls) if call.time <= shown)

    @contextmanager
    def events_held(self) -> Generator[None]:
        """CloudTrail delivers late: what is done meanwhile is reported afterwards."""
        with self._delivering:
            yield

    def start(self, endpoint_name: str, *, kind: str = "manual", event_id: str = "") -> Execution:
        """Start a remediation by hand."""
        trigger = {
            "kind": kind, "eventId": event_id, "eventName": "", "eventTime": "",
            "principalArn": SCIENTIST_ROLE, "accountId": ACCOUNT_ID, "region": self.region,
        }  # fmt: skip
        return self.start_with({"endpointName": endpoint_name, "trigger": trigger})

    def start_with(
        self,
        machine_input: Any,
        machine: str = "RemediationStateMachineArn",
        deployment: Deployment | None = None,
    ) -> Execution:
        """Start an execution of a state machine, which a stack output names, in any of the regions."""
        where, name = deployment or self.home, str(uuid.uuid4())
        started = self.client("stepfunctions", where.region).start_execution(
            stateMachineArn=where.output(machine), name=name, input=json.dumps(machine_input)
        )
        return self.executions[started["executionArn"]]

    def slack_click(self, user: str, card: Message, action: str, approval_id: str) -> int:
        """Click a button that the card need not have, as someone with Slack's signature could."""
        event = self.click_event(user, card, action, approval_id, now=self.clock.now())
        return self.post_interaction(event["body"].encode(), event["headers"]).status_code

    def click_event(
        self, user: str, card: Message, action: str, approval_id: str, *, now: float
    ) -> dict[str, Any]:
        """A signed click, as API Gateway hands it to the function."""
        payload = {
            "type": "block_actions",
            "user": {"id": user},
            "channel": {"id": self.channel_id},
            "container": {"type": "message", "message_ts": card.ts, "channel_id": self.channel_id},
            "actions": [{"action_id": action, "value": approval_id}],
            "trigger_id": self.slack.new_trigger(user),
        }
        body = urlencode({"payload": json.dumps(payload)})
        verifier = SignatureVerifier(self.slack.signing_secret)
        stamp = str(int(now))
        signature = verifier.generate_signature(timestamp=stamp, body=body) or ""
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "x-slack-request-timestamp": stamp,
            "x-slack-signature": signature,
        }
        return {"headers": headers, "body": body, "isBase64Encoded": False}

    def post_interaction(self, body: bytes, headers: Mapping[str, str]) -> requests.Response:
        """Send the interactions URL anything at all."""
        return requests.post(str(self.slack.interactivity_url), data=body, headers=dict(headers), timeout=30)

    def settle(self, real_seconds: float = 60) -> None:
        """Wait until everything that can happen without time passing has happened.

        Raises
        ------
        TimeoutError
            It was still busy after `real_seconds`.
        """
        give_up, steady = time.monotonic() + real_seconds, 0
        while steady < _STEADY_POLLS:
            if time.monotonic() > give_up:
                raise TimeoutError(f"the world has not settled in {real_seconds} s: {self._state()}")
            steady = steady + 1 if self._is_still() else 0
            time.sleep(_POLL_SECONDS)

    def drive(self, until: Callable[[], bool], *, most_jumps: int = 500) -> None:
        """Let time jump from one moment that someone waits for to the next, until something holds.

        Raises
        ------
        TimeoutError
            It never held: no timer is left, or `most_jumps` were not enough.
        """
        for _ in range(most_jumps):
            self.settle()
            if until():
                return
            if not self.clock.advance_to_next_timer():
                break
        raise TimeoutError(f"the condition never held, and no timer is left: {self._state()}")

    def run(self, execution: Execution) -> dict[str, Any]:
        """Drive the clock until an execution ends; its output, or its error where it failed."""
        self.drive(lambda: execution.exec_status is not None and execution.exec_status.value != "RUNNING")
        self.settle()
        if execution.error is not None:
            return {"error": execution.error, "cause": execution.cause}
        return dict(execution.output or {})

    def stop(self) -> None:
        self._reports.put(None)
        self._reporter.join()
        for api in self.apis:
            api.stop()
        self._slack_server.stop()
        self._sagemaker_server.stop()
        requests.post(f"{self.cloud.url}/moto-api/reset", timeout=10)
        self.cloud.stop()
        self.runner.stop()

    # -- inside

    def _is_still(self) -> bool:
        return (
            self.runner.in_flight == 0
            and self.bus.in_flight == 0
            and self._reports_pending == 0
            and self._waiting.count >= len(self._running)
            and not self.clock.is_anyone_waking()
        )

    def _state(self) -> str:
        return (
            f"{len(self._running)} executions running, {self._waiting.count} waiting, "
            f"{self.runner.in_flight} functions running, {self._reports_pending} events on their way"
        )

    def _invoke(self, name: str, event: Any) -> Any:
        return self.runner.invoke(name, event)

    def _execution_started(self, execution: Execution) -> None:
        with self._lock:
            self.executions[execution.exec_arn] = execution
            self._running.add(execution.exec_arn)

    def _execution_ended(self, execution: Execution) -> None:
        status = execution.exec_status.value if execution.exec_status else ""
        if status in _STOPPED:
            self._enqueue(
                execution_ended_event(
                    arn=execution.exec_arn,
                    machine_arn=execution.state_machine.arn,
                    name=execution.name,
                    status=status,
                    region=execution.region_name,
                )
            )
        with self._lock:
            self._running.discard(execution.exec_arn)

    def _on_sagemaker_call(self, call: ApiCall) -> None:
        if self.trail_is_logging and call.operation in _REPORTED_CALLS:
            self.report(call)

    def _enqueue(self, event: dict[str, Any]) -> None:
        with self._lock:
            self._reports_pending += 1
        self._reports.put(event)

    def _deliver_reports(self) -> None:
        while (event := self._reports.get()) is not None:
            try:
                with self._delivering:
                    self.bus.put(event)
            finally:
                with self._lock:
                    self._reports_pending -= 1

    def _slack_settings(self, names: Sequence[str]) -> tuple[list[User], str]:
        """The approvers and the channel that the template's functions are given."""
        asset = next(iter(self.home.functions())).asset
        default = json.loads((asset / "settings.json").read_text())["decisions"]["routes"][-1]
        ids = default["approvers"]
        users = [
            User(id=user, name=name, email=f"{name.split()[0].lower()}@example.com")
            for user, name in zip(ids, names, strict=False)
        ]
        return users, default["channel"]

    def _create_trail(self) -> None:
        """What an account has before Sealpoint is deployed: a trail for all its regions."""
        bucket = f"{TRAIL}-{ACCOUNT_ID}"
        # the only region in which S3 needs no location constraint
        self.client("s3", "us-east-1").create_bucket(Bucket=bucket)
        trail = self.client("cloudtrail")
        trail.create_trail(Name=TRAIL, S3BucketName=bucket, IsMultiRegionTrail=True)
        # AWS's default, which moto leaves out
        everything = {"ReadWriteType": "All", "IncludeManagementEvents": True}
        trail.put_event_selectors(TrailName=TRAIL, EventSelectors=[everything])
        self.trail_is_logging = True

    def _subscribe_to_alarms(self, deployment: Deployment) -> None:
        """What a person does after deploying: have alarms sent to those who are on call."""
        self.cloud.client("sns", deployment.region).subscribe(
            TopicArn=deployment.output("AlarmTopicArn"), Protocol="email", Endpoint="oncall@example.com"
        )

    def fill_secrets(self, deployment: Deployment) -> None:
        """What a person does after deploying: store Slack's credentials."""
        self.store_secret(deployment, "SlackTokenSecretArn", {"bot_token": self.slack.bot_token})
        self.store_secret(deployment, "SlackSigningSecretArn", {"signing_secret": self.slack.signing_secret})

    def store_secret(self, deployment: Deployment, output: str, values: dict[str, str]) -> None:
        """Store values in the secret that an output of the stack names."""
        self.cloud.client("secretsmanager", deployment.region).put_secret_value(
            SecretId=deployment.output(output), SecretString=json.dumps(values)
        )
