"""The Lambda functions, as a table: what each is for, what it is given, and what its role may do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.encryption_key import EncryptionKey, via_service
from stacks.lambda_asset import lambda_code
from stacks.lambda_function import LambdaFunction
from stacks.log_groups import LogGroups
from stacks.metrics import NAMESPACE
from stacks.names import workflow_arn
from stacks.permissions import Permissions
from stacks.retirements import Retirements
from stacks.settings import Settings
from stacks.settings_file import is_deploying
from stacks.slack_secrets import SlackSecrets

_STEP = cdk.Duration.seconds(30)
# A margin over the three seconds that Slack waits lets a recorded decision still resume the workflow.
_CLICK = cdk.Duration.seconds(10)
# Several calls to Slack, each of which may wait once for as long as Slack asks.
_SLACK = cdk.Duration.minutes(2)
# Describes every endpoint that changed since the twin was made, some 5 a second.
_SCAN = cdk.Duration.minutes(5)
# A batch of a hundred endpoints takes well under a minute, unless others use up AWS's quotas meanwhile.
_BATCH = cdk.Duration.minutes(15)

# A whole CPU. With less, a click from cold would take most of Slack's three seconds, and cost the same, as it
# would run for longer (docs/benchmarks.md).
_CLICK_MEMORY_MB = 1769
# A rollout may take up to its MaximumExecutionTimeoutInSeconds, 8 hours at most; creating the endpoint or
# baking the old fleet comes on top. An update that takes longer is stuck.
_UPDATE_DEADLINE = cdk.Duration.hours(10)
_DAYS_A_YEAR = 366  # no leap year may cut the evidence short


@dataclass(frozen=True, slots=True)
class _Row:
    """A function, by the name of its handler in Pascal case."""

    name: str
    description: str
    may: Sequence[iam.PolicyStatement]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    timeout: cdk.Duration = _STEP
    at_least_mb: int = 0


class _Environment:
    """The variables that functions get, by what they are for. The asset's settings.json has the rest."""

    def __init__(
        self,
        scope: Construct,
        settings: Settings,
        encryption: EncryptionKey,
        slack: SlackSecrets,
        retirements: Retirements,
    ) -> None:
        self.key = {"KMS_KEY_ARN": encryption.key.key_arn}
        self.slack = {"SLACK_TOKEN_SECRET_ARN": slack.bot_token.secret_arn}
        self.clicks = self.slack | {"SLACK_SIGNING_SECRET_ARN": slack.signing_secret.secret_arn}
        self.surfaces = {"REQUIRED_SURFACES": ",".join(settings.required_surfaces)}
        self.update_deadline = {"UPDATE_DEADLINE_SECONDS": str(int(_UPDATE_DEADLINE.to_seconds()))}
        self.quota_share = {"QUOTA_SHARE": str(settings.sweep_quota_share)}
        self.retirements = {
            "RETIREMENT_WORKFLOW_ARN": workflow_arn(scope, "retirement"),
            "SCHEDULE_GROUP": retirements.group_name,
            "SCHEDULE_ROLE_ARN": retirements.role.role_arn,
            "UNDELIVERED_QUEUE_ARN": retirements.undelivered.queue_arn,
        }
        # by which an endpoint is judged, beside what the asset's settings.json says
        self.assessment = self.key | self.surfaces
        # the services through which a user's key is used; KEY_USERS joins them once those roles exist
        self.key_checks = (
            {}
            if encryption.is_ours
            else {"VIA_S3": via_service(scope, "s3"), "VIA_SAGEMAKER": via_service(scope, "sagemaker")}
        )


class Functions(Construct):
    """All functions of one region.

    Attributes
    ----------
    by_name
        Each function by its handler's name in Pascal case.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        records: dynamodb.ITable,
        encryption: EncryptionKey,
        slack: SlackSecrets,
        retirements: Retirements,
        log_groups: LogGroups,
    ) -> None:
        super().__init__(scope, construct_id)
        may = Permissions(
            self,
            settings=settings,
            records=records,
            encryption=encryption,
            slack=slack,
            retirements=retirements,
        )
        given = _Environment(self, settings, encryption, slack, retirements)
        rows = [
            *self._assessing(may, given),
            *self._deciding(may, given),
            *self._moving(may, given, settings),
            *self._going_back(may, given, settings),
            *self._sweeping(may, given, settings),
        ]
        code = lambda_code(settings.for_functions(), anew=is_deploying(self.node.try_get_context))
        common = {
            "POWERTOOLS_SERVICE_NAME": cdk.Stack.of(self).stack_name,
            "POWERTOOLS_METRICS_NAMESPACE": NAMESPACE,
            "POWERTOOLS_LOG_LEVEL": "INFO",
            "RECORDS_TABLE_NAME": records.table_name,
            "RECORD_RETENTION_DAYS": str(_DAYS_A_YEAR * settings.record_retention_years),
        }
        self.by_name: dict[str, LambdaFunction] = {
            row.name: LambdaFunction(
                self,
                row.name,
                description=row.description,
                code=code,
                architecture=settings.function_architecture,
                memory_mb=max(settings.function_memory_mb, row.at_least_mb),
                timeout=row.timeout,
                environment={**common, **row.environment},
                statements=row.may,
                wildcards=may.wildcards,
                log_groups=log_groups,
            )
            for row in rows
        }
        slack.only_read_by(self.by_name["SlackInteractions"].role)
        if not encryption.is_ours:
            users = (self.by_name[name].role.role_arn for name in ("CreateEncryptedConfig", "UpdateEndpoint"))
            self.by_name["CheckFeasibility"].function.add_environment("KEY_USERS", ",".join(users))

    def _assessing(self, may: Permissions, given: _Environment) -> list[_Row]:
        return [
            _Row(
                "CheckEncryption",
                "Reads the key on the endpoint's config, keeps a copy of it and claims the endpoint",
                environment=given.assessment | given.update_deadline,
                may=[
                    *may.records(
                        evidence="GetItem PutItem",
                        remediation="GetItem PutItem UpdateItem",
                        approval="GetItem UpdateItem",  # of a question that this change supersedes
                        wait="GetItem",
                        endpoint="GetItem PutItem DeleteItem",
                        event="GetItem PutItem",
                        digest="GetItem",  # whether people can see the question of the remediation before
                    ),
                    # the tags, for an exemption and for the record
                    may.on_endpoints("DescribeEndpoint", "ListTags"),
                    may.on_configs("DescribeEndpointConfig", "ListTags"),
                    may.look_up_events(),
                    *may.look_up_keys(),
                    may.resume_remediations(),  # whose question this change supersedes
                ],
            ),
            _Row(
                "CheckFeasibility",
                "Checks that the key can be used and the models exist, before a person is asked",
                environment=given.key | given.surfaces | given.key_checks,
                may=[
                    *may.records(evidence="GetItem", remediation="GetItem UpdateItem"),
                    may.describe_models(),
                    *may.check_key(),
                ],
            ),
        ]

    def _deciding(self, may: Permissions, given: _Environment) -> list[_Row]:
        asking = given.slack
        deciding = asking | {"BACKOUT_WORKFLOW_ARN": workflow_arn(self, "backout")}
        return [
            _Row(
                "RequestApproval",
                "Posts the question in Slack, for whose answer the workflow waits",
                environment=asking,
                timeout=_SLACK,
                may=[
                    *may.records(
                        remediation="GetItem UpdateItem",
                        approval="GetItem PutItem UpdateItem",
                        wait="PutItem",
                        endpoint="ConditionCheckItem",  # a question is recorded only with the claim
                        digest="GetItem",
                    ),
                    *may.read_bot_token(),
                    may.resume_remediations(),
                ],
            ),
            _Row(
                "SlackInteractions",
                "Takes clicks from Slack: verifies, judges and records them, then resumes the workflow",
                environment=deciding | given.clicks,
                timeout=_CLICK,
                at_least_mb=_CLICK_MEMORY_MB,
                may=[
                    *may.records(
                        approval="GetItem BatchGetItem UpdateItem",
                        wait="GetItem",
                        remediation="GetItem BatchGetItem",
                        backout="GetItem",
                        digest="GetItem Query",
                    ),
                    *may.read_both_secrets(),
                    may.resume_remediations(),
                    may.start("backout"),
                ],
            ),
            _Row(
                "Decisions",
                "Takes decisions from the command line, signed for AWS, through the same core as Slack's",
                environment=deciding,
                may=[
                    *may.records(
                        approval="GetItem UpdateItem",
                        wait="GetItem",
                        remediation="GetItem",
                        backout="GetItem",
                    ),
                    *may.read_bot_token(),
                    may.resume_remediations(),
                    may.start("backout"),
                ],
            ),
            _Row(
                "ReadDecision",
                "Reads the decision from the record, reminds people, or closes what nobody decided in time",
                environment=asking,
                may=[
                    *may.records(
                        remediation="GetItem UpdateItem", approval="GetItem UpdateItem", digest="GetItem"
                    ),
                    *may.read_bot_token(),
                ],
            ),
        ]

    def _moving(self, may: Permissions, given: _Environment, settings: Settings) -> list[_Row]:
        return [
            _Row(
                "AwaitInService",
                "Checks whether the endpoint can be updated yet",
                environment=given.update_deadline
                | given.slack
                | {"CONCURRENT_UPDATES": str(settings.concurrent_updates)},
                may=[
                    *may.records(
                        remediation="GetItem UpdateItem",
                        backout="GetItem UpdateItem",
                        approval="GetItem",
                        updates="GetItem UpdateItem",
                    ),
                    may.note_threads(),
                    may.on_endpoints("DescribeEndpoint"),
                    *may.read_bot_token(),
                ],
            ),
            _Row(
                "CreateEncryptedConfig",
                "Checks again what was approved, writes the encrypted twin, reads it back and compares",
                environment=given.key,
                may=[
                    *may.records(remediation="GetItem UpdateItem", approval="GetItem", endpoint="GetItem"),
                    may.describe_models(),
                    may.on_endpoints("DescribeEndpoint"),
                    may.on_configs("DescribeEndpointConfig", "ListTags"),
                    *may.create_twins(),
                ],
            ),
            _Row(
                "UpdateEndpoint",
                "Moves the endpoint to its encrypted twin, or back",
                may=[
                    *may.records(
                        remediation="GetItem UpdateItem",
                        backout="GetItem UpdateItem",
                        approval="ConditionCheckItem",  # an update is requested only while that stands
                        endpoint="GetItem",
                        config="PutItem DeleteItem",
                    ),
                    may.on_endpoints("DescribeEndpoint"),
                    may.on_configs("DescribeEndpointConfig"),
                    *may.update_endpoints(),
                ],
            ),
            _Row(
                "PollEndpoint",
                "Checks how the update is doing",
                environment=given.key | given.update_deadline | given.surfaces | given.slack,
                may=[
                    *may.records(
                        remediation="GetItem UpdateItem", backout="GetItem UpdateItem", approval="GetItem"
                    ),
                    may.note_threads(),
                    may.on_endpoints("DescribeEndpoint"),
                    may.on_configs("DescribeEndpointConfig"),
                    *may.read_bot_token(),
                ],
            ),
            _Row(
                "DeleteUnusedTwin",
                "After a failure, deletes the twin that was made, if no endpoint needs it",
                timeout=_SCAN,
                may=[
                    *may.records(remediation="GetItem UpdateItem"),
                    may.list_endpoints(),
                    may.on_endpoints("DescribeEndpoint"),
                    may.on_configs("DescribeEndpointConfig"),
                    may.delete_twins(),
                ],
            ),
            _Row(
                "CloseRemediation",
                "Records the outcome, releases the endpoint and updates the card",
                environment=given.slack | given.retirements | {"BACKOUT_DAYS": str(settings.backout_days)},
                timeout=_SLACK,
                may=[
                    *may.records(
                        remediation="GetItem PutItem UpdateItem",
                        approval="GetItem UpdateItem",
                        endpoint="PutItem DeleteItem",
                        updates="UpdateItem",
                        digest="GetItem",
                        retirements="PutItem",
                    ),
                    *may.read_bot_token(),
                    may.start("retirement"),
                    may.read_history_of("remediation"),
                    *may.schedule_retirements(),
                    may.put_outcome_events(),
                ],
            ),
        ]

    def _going_back(self, may: Permissions, given: _Environment, settings: Settings) -> list[_Row]:
        return [
            _Row(
                "BeginBackout",
                "Checks that the endpoint is still on its twin, and claims it for the backout",
                environment=given.update_deadline,
                may=[
                    *may.records(
                        backout="GetItem PutItem",
                        remediation="GetItem",
                        approval="GetItem",
                        endpoint="GetItem PutItem",
                    ),
                    may.on_endpoints("DescribeEndpoint"),
                ],
            ),
            _Row(
                "RestoreConfig",
                "Checks that the earlier config is there as recorded, or creates it again",
                may=[
                    *may.records(
                        backout="GetItem UpdateItem",
                        remediation="GetItem",
                        evidence="GetItem",
                        endpoint="GetItem",
                    ),
                    may.on_configs("DescribeEndpointConfig", "ListTags"),
                    *may.restore_configs(),
                ],
            ),
            _Row(
                "ExemptEndpoint",
                "Tags a backed-out endpoint as exempt until a date",
                environment={"EXEMPT_DAYS": str(settings.exempt_days_after_backout)},
                may=[
                    *may.records(backout="GetItem UpdateItem", endpoint="GetItem"),
                    may.on_endpoints("DescribeEndpoint", "ListTags"),
                    may.tag_endpoints("AddTags"),
                ],
            ),
            _Row(
                "CloseBackout",
                "Records how the backout ended, releases the endpoint and updates the card",
                environment=given.slack,
                timeout=_SLACK,
                may=[
                    *may.records(
                        backout="GetItem PutItem UpdateItem",
                        remediation="GetItem",
                        approval="GetItem",
                        endpoint="DeleteItem",
                    ),
                    may.note_threads(),
                    may.read_history_of("backout"),
                    may.on_endpoints("DescribeEndpoint"),
                    may.tag_endpoints("AddTags", "DeleteTags"),
                    may.put_outcome_events(),
                    *may.read_bot_token(),
                ],
            ),
            _Row(
                "RetireOldConfig",
                "When the time for backing out is over, deletes the old config, if no endpoint uses it",
                environment=given.slack | {"RETIRE_OLD_CONFIG": str(settings.retire_old_config).lower()},
                timeout=_SCAN,
                may=[
                    *may.records(
                        remediation="GetItem UpdateItem",
                        approval="GetItem",
                        backout="GetItem",
                        evidence="GetItem",
                        config="PutItem DeleteItem",
                        retirements="DeleteItem",
                    ),
                    may.list_endpoints(),
                    may.on_endpoints("DescribeEndpoint"),
                    may.on_configs("DescribeEndpointConfig"),
                    may.delete_old_configs(),
                    may.put_outcome_events(),
                    *may.read_bot_token(),
                ],
            ),
        ]

    def _sweeping(self, may: Permissions, given: _Environment, settings: Settings) -> list[_Row]:
        return [
            _Row(
                "ListEndpoints",
                "Begins a sweep, and lists its endpoints as batches to be checked",
                environment=given.quota_share,
                timeout=_SCAN,
                may=[
                    *may.records(sweep_lock="GetItem PutItem", sweep="PutItem"),
                    may.list_endpoints(),
                ],
            ),
            _Row(
                "AssessEndpoints",
                "Checks a batch of a sweep's endpoints, and keeps those that someone has to be asked about",
                environment=given.quota_share | given.assessment,
                timeout=_BATCH,
                may=[
                    *may.records(
                        endpoint="GetItem",
                        remediation="GetItem",
                        approval="GetItem",  # whether people can see the question
                        digest="GetItem",
                        sweep="PutItem",
                        sweep_lock="GetItem",
                    ),
                    may.query_history(),
                    may.on_endpoints("DescribeEndpoint", "ListTags"),
                    may.on_configs("DescribeEndpointConfig"),
                    may.look_up_events(),
                    *may.look_up_keys(),
                ],
            ),
            _Row(
                "StartRemediations",
                "Starts a remediation for each endpoint that a sweep found",
                environment=given.quota_share
                | {
                    "DIGEST_ABOVE": str(settings.digest_above),
                    "REMEDIATION_WORKFLOW_ARN": workflow_arn(self, "remediation"),
                    "DIGEST_WORKFLOW_ARN": workflow_arn(self, "digest"),
                    "RETIREMENT_WORKFLOW_ARN": workflow_arn(self, "retirement"),
                },
                timeout=_SLACK,
                may=[
                    *may.records(sweep="Query", digest="GetItem PutItem UpdateItem", retirements="Query"),
                    may.start("remediation", "digest", "retirement"),
                ],
            ),
            _Row(
                "CloseSweep",
                "Adds up what a sweep found, and reports what could not be checked",
                environment=given.slack,
                timeout=_SLACK,
                may=[
                    *may.records(
                        sweep="Query GetItem PutItem",
                        sweep_lock="GetItem PutItem DeleteItem",  # beside it: when the last one was completed
                        # whether people were asked
                        digest="GetItem Query",
                        remediation="GetItem BatchGetItem",
                        approval="GetItem BatchGetItem",
                    ),
                    may.read_history_of("sweep"),
                    *may.read_bot_token(),
                ],
            ),
            _Row(
                "ShowDigest",
                "Posts a digest's card, keeps it up to date and reminds people of it",
                environment=given.slack,
                timeout=_SLACK,
                may=[
                    *may.records(
                        digest="Query GetItem UpdateItem", remediation="BatchGetItem", approval="BatchGetItem"
                    ),
                    *may.read_bot_token(),
                ],
            ),
        ]
