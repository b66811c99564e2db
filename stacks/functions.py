"""The Lambda functions: one for each handler, each with a role that allows what that handler does."""

# pyright: reportArgumentType=false
# jsii's classes don't match jsii's own protocols by pyright's rules (their parameter names differ); what is
# passed where is checked by jsii itself, on every synthesis.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.acknowledgements import acknowledge, acknowledge_policy
from stacks.encryption_key import EncryptionKey, via_service
from stacks.lambda_asset import RUNTIME, lambda_code
from stacks.log_groups import LogGroups
from stacks.metrics import NAMESPACE
from stacks.records import HISTORY_INDEX
from stacks.settings import ANY_KEY, VOLUME, Settings
from stacks.slack_secret import SlackSecret

_ARCHITECTURES = {"arm64": lambda_.Architecture.ARM_64, "x86_64": lambda_.Architecture.X86_64}
_DAYS_A_YEAR = 366  # no leap year may cut the evidence short
_STEP_TIMEOUT = cdk.Duration.seconds(30)
# Several calls to Slack, each of which may wait once for as long as Slack asks.
_TELLING_TIMEOUT = cdk.Duration.minutes(2)
# Describes every endpoint that changed since the twin was made, some 5 a second.
_SCAN_TIMEOUT = cdk.Duration.minutes(5)
# A batch of a hundred endpoints takes well under a minute, unless others use up AWS's quotas meanwhile.
_BATCH_TIMEOUT = cdk.Duration.minutes(15)
# Slack gives up after 3 seconds; a little more lets the decision that was made reach the workflow.
_CLICK_TIMEOUT = cdk.Duration.seconds(10)
# A whole CPU: with less, a click from cold would take most of Slack's three seconds, at the same price, as it
# computes for longer (docs/benchmarks.md).
_CLICK_MEMORY_MB = 1769
# A rollout may take up to its MaximumExecutionTimeoutInSeconds, 8 hours at most, and creating the endpoint
# or baking the old fleet comes on top; longer is stuck.
_UPDATE_DEADLINE = cdk.Duration.hours(10)


@dataclass(frozen=True, slots=True)
class LambdaFunction:
    """A function, and the alias through which everything invokes it.

    The alias lets versions, provisioned concurrency or SnapStart be turned on without moving a caller.
    """

    name: str
    function: lambda_.Function
    alias: lambda_.Alias
    role: iam.Role
    timeout: cdk.Duration


@dataclass(frozen=True, slots=True)
class WorkflowArns:
    """The state machines, named before they exist: they invoke the functions that start and answer them."""

    remediation: str
    backout: str
    retirement: str
    sweep: str
    digest: str


class Functions(Construct):
    """All functions of one region."""

    def __init__(  # noqa: PLR0915  # a list: one function after the other
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        records: dynamodb.Table,
        encryption: EncryptionKey,
        slack_secret: SlackSecret,
        log_groups: LogGroups,
        workflow_arns: WorkflowArns,
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self._records = records
        self._log_groups = log_groups
        self.all: list[LambdaFunction] = []
        self._code = lambda_code(settings.for_functions())
        endpoints = self._arn("sagemaker", "endpoint", "*")
        configs = self._arn("sagemaker", "endpoint-config", "*")
        twins = self._arn("sagemaker", "endpoint-config", f"*-kms-{'?' * 10}")
        models = self._arn("sagemaker", "model", "*")
        roles = self._arn("iam", "role", "*")
        alarms = self._alarms_arn()
        self._wildcards = {
            "*": "X-Ray and SageMaker's ListEndpoints know no narrower resource.",
            endpoints: "Any endpoint of the account and region may be the one that changed.",
            configs: "Configs are named by the people who made them; twins are named after those.",
            twins: "Nothing but what is named like a twin.",
            models: "Models are named by the people who made them.",
            roles: "The execution role is named by the endpoint's config or models; conditions say what for.",
            alarms: "The alarms are named by the endpoint's own deployment policy.",
            self._any_key(): "A config may name a key of another account.",
        }

        update_deadline = {"UPDATE_DEADLINE_SECONDS": _seconds(_UPDATE_DEADLINE)}
        key = {"KMS_KEY_ARN": encryption.key.key_arn}
        secret = {"SLACK_SECRET_ARN": slack_secret.secret.secret_arn}
        surfaces = {"REQUIRED_SURFACES": ",".join(settings.required_surfaces)}
        keys_that_count = settings.keys_that_count(cdk.Stack.of(self).region)

        # what an endpoint is judged by, and its plan made of
        judging = key | surfaces
        look_up_keys = [] if keys_that_count == (ANY_KEY,) else [_allow("kms:DescribeKey", self._any_key())]

        read_secret = [
            _allow("secretsmanager:GetSecretValue", slack_secret.secret.secret_arn),
            _allow(
                "kms:Decrypt",
                slack_secret.key.key_arn,
                {"StringEquals": {"kms:ViaService": via_service(self, "secretsmanager")}},
            ),
        ]
        answer_workflow = _allow("states:SendTaskSuccess", workflow_arns.remediation)
        describe_endpoint = _allow("sagemaker:DescribeEndpoint", endpoints)
        describe_config = _allow("sagemaker:DescribeEndpointConfig", configs)

        list_endpoints = _allow("sagemaker:ListEndpoints", "*")  # lists know no narrower resource

        # a twin keeps its source's volume key where it is made for another surface's sake, and an old config
        # has one where that wasn't enough
        twins_keep_keys = settings.required_surfaces != (VOLUME,)
        old_configs_have_keys = twins_keep_keys or keys_that_count != (ANY_KEY,)

        # the execution role that a source config names; which one is the source's business
        pass_execution_role = _allow(
            "iam:PassRole",
            roles,
            {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        )

        self.check_encryption = self._function(
            "CheckEncryption",
            "Reads the key on the endpoint's config, keeps a copy of it and claims the endpoint",
            environment=judging | update_deadline,
            records=("GetItem", "PutItem", "UpdateItem", "DeleteItem"),
            statements=[
                describe_endpoint,
                describe_config,
                _allow("sagemaker:ListTags", [endpoints, configs]),  # its exemption, and for the record
                answer_workflow,  # of a question that this change overtakes
                *look_up_keys,
            ],
        )
        self.request_approval = self._function(
            "RequestApproval",
            "Posts the question in Slack, for whose answer the workflow waits",
            timeout=_TELLING_TIMEOUT,
            environment=secret,
            # ConditionCheckItem: a question goes on record only while its remediation holds the endpoint
            records=("GetItem", "PutItem", "UpdateItem", "ConditionCheckItem"),
            statements=[*read_secret, answer_workflow],
        )
        self.slack_interactions = self._function(
            "SlackInteractions",
            "Takes clicks from Slack: verified, judged, recorded, then told to the workflow",
            environment=secret | {"BACKOUT_WORKFLOW_ARN": workflow_arns.backout},
            records=("GetItem", "BatchGetItem", "UpdateItem", "Query"),  # a digest's findings
            statements=[
                *read_secret,
                answer_workflow,
                _allow("states:StartExecution", workflow_arns.backout),
            ],
            timeout=_CLICK_TIMEOUT,
            at_least_mb=_CLICK_MEMORY_MB,
        )
        self.decisions = self._function(
            "Decisions",
            "Takes decisions from the command line, signed for AWS, through the same core as Slack's",
            environment=secret,
            records=("GetItem", "UpdateItem"),
            statements=[*read_secret, answer_workflow],
        )
        self.remind_or_expire = self._function(
            "RemindOrExpire",
            "Reminds people of a question, or closes one that nobody answered in time",
            environment=secret,
            records=("GetItem", "UpdateItem"),
            statements=[*read_secret],
        )
        self.await_in_service = self._function(
            "AwaitInService",
            "Sees whether the endpoint can be updated yet",
            environment=update_deadline | secret | {"CONCURRENT_UPDATES": str(settings.concurrent_updates)},
            records=("GetItem", "UpdateItem"),
            statements=[describe_endpoint, *read_secret],
        )
        self.create_encrypted_config = self._function(
            "CreateEncryptedConfig",
            "Checks again what was approved, writes the encrypted twin, reads it back and compares",
            environment=key,
            records=("GetItem", "UpdateItem"),
            statements=[
                describe_endpoint,
                describe_config,
                _allow("sagemaker:ListTags", configs),
                _allow("sagemaker:AddTags", configs),
                _allow("sagemaker:CreateEndpointConfig", configs, _with_a_key(settings, encryption)),
                pass_execution_role,
                self._use_volume_key(None if twins_keep_keys else encryption),
            ],
        )
        self.update_endpoint = self._function(
            "UpdateEndpoint",
            "Moves the endpoint to its encrypted twin, or back",
            records=("GetItem", "PutItem", "UpdateItem", "DeleteItem"),
            statements=[
                describe_endpoint,
                describe_config,
                # SageMaker checks UpdateEndpoint on the config as well (github.com/aws/aws-cdk/issues/11594)
                _allow("sagemaker:UpdateEndpoint", [endpoints, configs]),
                # a deployment policy that is kept may name alarms (developer guide, deployment guardrails)
                _allow("cloudwatch:DescribeAlarms", alarms),
                self._use_volume_key(None if old_configs_have_keys else encryption),
            ],
        )
        # a key of our own has a policy of our own
        users_key = not encryption.is_ours
        self.check_feasibility = self._function(
            "CheckFeasibility",
            "Sees that the key can be used and the models exist, before a person is asked",
            environment=key
            | surfaces
            | (self._key_users(self.create_encrypted_config, self.update_endpoint) if users_key else {}),
            records=("GetItem", "UpdateItem"),
            statements=[
                _allow("sagemaker:DescribeModel", models),
                _allow(
                    ["kms:DescribeKey", *(["kms:GetKeyPolicy"] if users_key else [])], encryption.key.key_arn
                ),
                # of the execution roles, and of our own two
                *([_allow("iam:SimulatePrincipalPolicy", roles)] if users_key else []),
            ],
        )
        self.poll_endpoint = self._function(
            "PollEndpoint",
            "Sees how the update is doing",
            environment=key | update_deadline | surfaces | secret,
            records=("GetItem", "UpdateItem"),
            statements=[describe_endpoint, describe_config, *read_secret],
        )
        self.delete_unused_twin = self._function(
            "DeleteUnusedTwin",
            "After a failure, deletes the twin that was made, if no endpoint needs it",
            records=("GetItem", "UpdateItem"),
            timeout=_SCAN_TIMEOUT,
            statements=[
                describe_endpoint,
                describe_config,
                list_endpoints,
                _allow("sagemaker:DeleteEndpointConfig", twins),
            ],
        )
        self.close_remediation = self._function(
            "CloseRemediation",
            "Records the outcome, lets the endpoint go and updates the card",
            timeout=_TELLING_TIMEOUT,
            environment=secret
            | {
                "BACKOUT_DAYS": str(settings.backout_days),
                "RETIREMENT_WORKFLOW_ARN": workflow_arns.retirement,
            },
            records=("GetItem", "PutItem", "UpdateItem", "DeleteItem"),
            statements=[*read_secret, _allow("states:StartExecution", workflow_arns.retirement)],
        )

        # -- after success

        self.begin_backout = self._function(
            "BeginBackout",
            "Sees that the endpoint is still on its twin, and holds it for the way back",
            environment=update_deadline,
            records=("GetItem", "PutItem"),
            statements=[describe_endpoint],
        )
        self.restore_config = self._function(
            "RestoreConfig",
            "Sees that the earlier config is there as it is on record, or creates it again",
            records=("GetItem", "UpdateItem"),
            statements=[
                describe_config,
                # the one place that may write a config without a key: it was on record with none
                _allow("sagemaker:CreateEndpointConfig", configs),
                _allow("sagemaker:AddTags", configs),
                pass_execution_role,
                *([self._use_volume_key(None)] if old_configs_have_keys else []),
            ],
        )
        self.exempt_endpoint = self._function(
            "ExemptEndpoint",
            "Leaves an exemption with an end on an endpoint that is returned to its earlier config",
            environment={"EXEMPT_DAYS": str(settings.exempt_days_after_backout)},
            records=("GetItem", "UpdateItem"),
            statements=[describe_endpoint, _allow(["sagemaker:ListTags", "sagemaker:AddTags"], endpoints)],
        )
        self.close_backout = self._function(
            "CloseBackout",
            "Records how the way back ended, lets the endpoint go and updates the card",
            timeout=_TELLING_TIMEOUT,
            environment=secret,
            records=("GetItem", "PutItem", "UpdateItem", "DeleteItem"),
            statements=[
                *read_secret,
                describe_endpoint,
                _allow(["sagemaker:AddTags", "sagemaker:DeleteTags"], endpoints),
            ],
        )
        self.retire_old_config = self._function(
            "RetireOldConfig",
            "When the time for backing out is over, deletes the old config, if no endpoint uses it",
            environment=secret | {"RETIRE_OLD_CONFIG": str(settings.retire_old_config).lower()},
            records=("GetItem", "PutItem", "UpdateItem", "DeleteItem"),
            timeout=_SCAN_TIMEOUT,
            statements=[
                *read_secret,
                describe_endpoint,
                describe_config,
                list_endpoints,
                # whatever its people named it; what is deleted is on record, whole
                _allow("sagemaker:DeleteEndpointConfig", configs),
            ],
        )

        # -- the sweep, and the digest that asks about many

        share = {"QUOTA_SHARE": str(settings.sweep_quota_share)}
        self.list_endpoints = self._function(
            "ListEndpoints",
            "Begins a sweep, and lists its endpoints as batches to be looked at",
            environment=share,
            records=("GetItem", "PutItem"),
            timeout=_SCAN_TIMEOUT,
            statements=[list_endpoints],
        )
        self.assess_endpoints = self._function(
            "AssessEndpoints",
            "Looks at a batch of a sweep's endpoints, and keeps what someone has to be asked about",
            environment=share | judging,
            records=("GetItem", "PutItem"),
            timeout=_BATCH_TIMEOUT,
            statements=[
                describe_endpoint,
                describe_config,
                _allow("sagemaker:ListTags", endpoints),
                _allow("dynamodb:Query", f"{records.table_arn}/index/{HISTORY_INDEX}"),
                *look_up_keys,
            ],
        )
        self.start_remediations = self._function(
            "StartRemediations",
            "Starts a remediation for each endpoint that a sweep found",
            environment=share
            | {
                "DIGEST_ABOVE": str(settings.digest_above),
                "REMEDIATION_WORKFLOW_ARN": workflow_arns.remediation,
                "DIGEST_WORKFLOW_ARN": workflow_arns.digest,
            },
            records=("Query", "GetItem", "PutItem", "UpdateItem"),
            timeout=_TELLING_TIMEOUT,
            statements=[
                _allow("states:StartExecution", [workflow_arns.remediation, workflow_arns.digest]),
            ],
        )
        self.close_sweep = self._function(
            "CloseSweep",
            "Adds up what a sweep has seen, and tells what was not looked at",
            timeout=_TELLING_TIMEOUT,
            environment=secret,
            records=("Query", "GetItem", "PutItem", "DeleteItem"),
            statements=[*read_secret],
        )
        self.show_digest = self._function(
            "ShowDigest",
            "Posts a digest's card, keeps it up to date and reminds people of it",
            timeout=_TELLING_TIMEOUT,
            environment=secret,
            records=("Query", "GetItem", "UpdateItem"),
            statements=[*read_secret],
        )

    def _function(
        self,
        construct_id: str,
        description: str,
        *,
        records: Sequence[str],
        environment: Mapping[str, str] | None = None,
        statements: Sequence[iam.PolicyStatement] = (),
        timeout: cdk.Duration = _STEP_TIMEOUT,
        at_least_mb: int = 0,
    ) -> LambdaFunction:
        """The function of ``handlers/<construct id in snake case>.py``."""
        scope = Construct(self, construct_id)
        log_group = self._log_groups.create(scope, "Logs")
        role = iam.Role(scope, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        function = lambda_.Function(
            scope,
            "Function",
            description=description,
            runtime=RUNTIME,
            architecture=_ARCHITECTURES[self._settings.function_architecture],
            code=self._code,
            handler=f"lambdas.handlers.{_snake_case(construct_id)}.handler",
            memory_size=max(self._settings.function_memory_mb, at_least_mb),
            timeout=timeout,
            role=role,
            log_group=log_group,
            tracing=lambda_.Tracing.ACTIVE,
            environment={
                "POWERTOOLS_SERVICE_NAME": cdk.Stack.of(self).stack_name,
                "POWERTOOLS_METRICS_NAMESPACE": NAMESPACE,
                "POWERTOOLS_LOG_LEVEL": "INFO",
                "RECORDS_TABLE_NAME": self._records.table_name,
                "RECORD_RETENTION_DAYS": str(_DAYS_A_YEAR * self._settings.record_retention_years),
                **(environment or {}),
            },
        )
        log_group.grant_write(role)
        actions = [f"dynamodb:{action}" for action in records]
        role.add_to_policy(_allow(actions, self._records.table_arn))
        for statement in statements:
            role.add_to_policy(statement)
        self._acknowledge(function, role, statements)
        made = LambdaFunction(construct_id, function, function.add_alias("live"), role, timeout)
        self.all.append(made)
        return made

    def _acknowledge(
        self, function: lambda_.Function, role: iam.Role, statements: Sequence[iam.PolicyStatement]
    ) -> None:
        resources = {"*", *(resource for statement in statements for resource in statement.resources)}
        acknowledge_policy(role, {r: why for r, why in self._wildcards.items() if r in resources})
        acknowledge(
            function,
            "LambdaInsideVPC",
            "CKV_AWS_117",
            reason="It reaches AWS's APIs and Slack, nothing in a VPC, and is reached through Lambda alone.",
        )
        acknowledge(
            function,
            "LambdaConcurrency",
            "CKV_AWS_115",
            reason="Clicks are throttled by the API and steps by the workflow; a reservation would take from "
            "what the account's other functions share.",
        )
        acknowledge(
            function,
            "LambdaDLQ",
            "CKV_AWS_116",
            reason="Whoever invokes it waits for its answer; what EventBridge hands over has a failure "
            "destination.",
        )
        acknowledge(
            function,
            "CKV_AWS_173",
            reason="No secret is in its environment, which Lambda encrypts under the account's own key.",
        )

    def _arn(self, service: str, resource: str, name: str) -> str:
        stack = cdk.Stack.of(self)
        region = "" if service == "iam" else stack.region
        return stack.format_arn(service=service, resource=resource, resource_name=name, region=region)

    def _use_volume_key(self, encryption: EncryptionKey | None) -> iam.PolicyStatement:
        """Through SageMaker only, with our key, or with any that a config may name.

        The instance volume is reached through a grant that our call to SageMaker makes (DESIGN §4.10).
        """
        return _allow(
            ["kms:CreateGrant", "kms:DescribeKey"],
            encryption.key.key_arn if encryption else self._any_key(),
            {"StringEquals": {"kms:ViaService": via_service(self, "sagemaker")}},
        )

    def _key_users(self, *functions: LambdaFunction) -> dict[str, str]:
        """Whose use of a user's key is checked, and the ways that it takes."""
        return {
            "KEY_USERS": ",".join(function.role.role_arn for function in functions),
            "VIA_S3": via_service(self, "s3"),
            "VIA_SAGEMAKER": via_service(self, "sagemaker"),
        }

    def _any_key(self) -> str:
        """A key of any account: a config may name another account's."""
        return cdk.Stack.of(self).format_arn(service="kms", resource="key", resource_name="*", account="*")

    def _alarms_arn(self) -> str:
        return cdk.Stack.of(self).format_arn(
            service="cloudwatch",
            resource="alarm",
            resource_name="*",
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )


def _with_a_key(settings: Settings, encryption: EncryptionKey) -> dict[str, Any]:
    """What a twin's config must name: the condition fails on a config without a key.

    Where only the instance volume requires one, a twin is made for its sake, with our key. Where another
    surface does, the volume may have a key of its own, which it keeps.
    """
    if settings.required_surfaces == (VOLUME,):
        return {"ArnEquals": {"sagemaker:VolumeKmsKey": encryption.key.key_arn}}
    return {"Null": {"sagemaker:VolumeKmsKey": "false"}}


def _allow(
    actions: str | Sequence[str], resources: str | Sequence[str], conditions: Mapping[str, Any] | None = None
) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        actions=[actions] if isinstance(actions, str) else actions,
        resources=[resources] if isinstance(resources, str) else resources,
        conditions=conditions,
    )


def _snake_case(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _seconds(duration: cdk.Duration) -> str:
    return str(int(duration.to_seconds()))
