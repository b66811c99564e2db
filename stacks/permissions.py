"""What functions may be allowed: IAM statements, each named after what it is for, with its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.encryption_key import EncryptionKey, via_service
from stacks.names import execution_arn, workflow_arn
from stacks.records import HISTORY_INDEX
from stacks.retirements import Retirements
from stacks.settings import ANY_KEY, VOLUME, Settings
from stacks.slack_secrets import SlackSecrets

Statements = list[iam.PolicyStatement]

EXEMPTION_TAGS = ("sealpoint:exempt-until", "sealpoint:exempt-reason")
# kinds that are a partition of their own
_ONE_KEYS = {"sweep_lock": "sweep", "retirements": "retirements"}


class Permissions:
    """The statements of one region.

    Attributes
    ----------
    wildcards
        For each resource pattern that a statement may name, why it is no narrower.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        settings: Settings,
        records: dynamodb.ITable,
        encryption: EncryptionKey,
        slack: SlackSecrets,
        retirements: Retirements,
    ) -> None:
        self._scope = scope
        self._retirements = retirements
        self._records = records
        self._encryption = encryption
        self._slack = slack
        self._only_volumes = settings.required_surfaces == (VOLUME,)
        self._any_key_counts = settings.keys_that_count(cdk.Stack.of(scope).region) == (ANY_KEY,)
        self._endpoints = self._arn("sagemaker", "endpoint")
        self._configs = self._arn("sagemaker", "endpoint-config")
        self._twins = self._arn("sagemaker", "endpoint-config", f"*-kms-{'?' * 10}")
        self._models = self._arn("sagemaker", "model")
        self._roles = self._arn("iam", "role", region="")
        self._any_key = self._arn("kms", "key", account="*")
        self._alarms = self._arn("cloudwatch", "alarm", arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME)
        self.wildcards = {
            "*": "X-Ray, ListEndpoints, LookupEvents and DescribeOrganization know no narrower resource.",
            self._endpoints: "Any endpoint of the account and region may be the one that changed.",
            self._configs: "Configs are named by the people who made them; twins are named after those.",
            self._twins: "Only what is named like a twin.",
            self._models: "Models are named by the people who made them.",
            self._roles: "The endpoint's config or models name the execution role; conditions say what for.",
            self._alarms: "The alarms are named by the endpoint's own deployment policy.",
            self._any_key: "A config may name a key of another account.",
            **{
                f"{execution_arn(scope, workflow)}:*": "An execution is named by whoever starts it."
                for workflow in ("remediation", "backout", "sweep")
            },
            retirements.schedules_arn: "A schedule is named after its remediation; the group is ours.",
        }

    # -- what Sealpoint keeps

    def records(self, **kinds: str) -> Statements:
        """What a function may do to items of the records table, by their kinds: ``approval="GetItem"``.

        A kind is the partition key up to its ``#``. Without `Null`, a call that names no partition key,
        such as a scan, would meet the condition.
        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
        """
        by_actions: dict[str, list[str]] = {}
        for kind, actions in kinds.items():
            by_actions.setdefault(actions, []).append(_ONE_KEYS.get(kind, f"{kind}#*"))
        return [
            _allow(
                [f"dynamodb:{action}" for action in actions.split()],
                self._records.table_arn,
                {
                    "ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys},
                    "Null": {"dynamodb:LeadingKeys": "false"},
                },
            )
            for actions, keys in by_actions.items()
        ]

    def note_threads(self) -> iam.PolicyStatement:
        """Note on an approval what its card's thread has: no vote, no decision, nothing of the question."""
        keys, members = ["approval#*"], ["pk", "sk", "postedEntries", "breakGlassAnnouncedFor"]
        return _allow(
            ["dynamodb:UpdateItem"],
            self._records.table_arn,
            {
                "ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys},
                "ForAllValues:StringEquals": {"dynamodb:Attributes": members},
                "Null": {"dynamodb:LeadingKeys": "false", "dynamodb:Attributes": "false"},
            },
        )

    def query_history(self) -> iam.PolicyStatement:
        return _allow(["dynamodb:Query"], f"{self._records.table_arn}/index/{HISTORY_INDEX}")

    def read_bot_token(self) -> Statements:
        return self._read_secrets(self._slack.bot_token.secret_arn)

    def read_both_secrets(self) -> Statements:
        """The bot token and the signing secret: for the one function that verifies clicks."""
        return self._read_secrets(self._slack.bot_token.secret_arn, self._slack.signing_secret.secret_arn)

    def _read_secrets(self, *arns: str) -> Statements:
        return [
            _allow(["secretsmanager:GetSecretValue"], list(arns)),
            _allow(["kms:Decrypt"], self._slack.key.key_arn, self._through("secretsmanager")),
        ]

    def resume_remediations(self) -> iam.PolicyStatement:
        """Resume a workflow that waits for an answer to its question."""
        return _allow(["states:SendTaskSuccess"], workflow_arn(self._scope, "remediation"))

    def start(self, *workflows: str) -> iam.PolicyStatement:
        return _allow(["states:StartExecution"], [workflow_arn(self._scope, one) for one in workflows])

    def read_history_of(self, workflow: str) -> iam.PolicyStatement:
        """Read why an execution was stopped."""
        return _allow(["states:GetExecutionHistory"], f"{execution_arn(self._scope, workflow)}:*")

    def schedule_retirements(self) -> Statements:
        """Create schedules of our group, under the one role that can do no more than start retirements."""
        to_scheduler = {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}
        return [
            _allow(["scheduler:CreateSchedule"], self._retirements.schedules_arn),
            _allow(["iam:PassRole"], self._retirements.role.role_arn, to_scheduler),
        ]

    def put_outcome_events(self) -> iam.PolicyStatement:
        """Put events on the account's default bus, as Sealpoint only.

        The key has a value for each entry: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
        """
        as_sealpoint = {
            "ForAllValues:StringEquals": {"events:source": "sealpoint"},
            "Null": {"events:source": "false"},
        }
        return _allow(["events:PutEvents"], self._arn("events", "event-bus", "default"), as_sealpoint)

    # -- endpoints and their configs

    def list_endpoints(self) -> iam.PolicyStatement:
        return _allow(["sagemaker:ListEndpoints"], "*")

    def on_endpoints(self, *actions: str) -> iam.PolicyStatement:
        return _allow([f"sagemaker:{action}" for action in actions], self._endpoints)

    def on_configs(self, *actions: str) -> iam.PolicyStatement:
        return _allow([f"sagemaker:{action}" for action in actions], self._configs)

    def tag_endpoints(self, *actions: str) -> iam.PolicyStatement:
        """Add or remove Sealpoint's own exemption, and no other tag: tags decide about access and routes."""
        ours = {
            "ForAllValues:StringEquals": {"aws:TagKeys": list(EXEMPTION_TAGS)},
            "Null": {"aws:TagKeys": "false"},
        }
        return _allow([f"sagemaker:{action}" for action in actions], self._endpoints, ours)

    def _tag_new_configs(self) -> iam.PolicyStatement:
        """Give a config that is being created its source's tags; no existing config is tagged.

        https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemakerai.html
        """
        at_creation = {"StringEquals": {"sagemaker:TaggingAction": "CreateEndpointConfig"}}
        return _allow(["sagemaker:AddTags"], self._configs, at_creation)

    def describe_models(self) -> iam.PolicyStatement:
        return _allow(["sagemaker:DescribeModel"], self._models)

    def create_twins(self) -> Statements:
        """Create configs that name a KMS key, and no others: the condition fails on a config without one.

        Where only the instance volume requires a key, a twin is made because of the volume, with our key.
        Where another surface does, the volume may have a key of its own, which it keeps.
        """
        with_a_key = (
            {"ArnEquals": {"sagemaker:VolumeKmsKey": self._encryption.key.key_arn}}
            if self._only_volumes
            else {"Null": {"sagemaker:VolumeKmsKey": "false"}}
        )
        return [
            _allow(["sagemaker:CreateEndpointConfig"], self._configs, with_a_key),
            self._tag_new_configs(),
            self._pass_execution_roles(),
            self._use_volume_key(ours=self._only_volumes),
        ]

    def restore_configs(self) -> Statements:
        """Create a config as it was on record: the only right to write one that names no key."""
        return [
            _allow(["sagemaker:CreateEndpointConfig"], self._configs),
            self._tag_new_configs(),
            self._pass_execution_roles(),
            *([] if self._only_our_key() else [self._use_volume_key(ours=False)]),
        ]

    def update_endpoints(self) -> Statements:
        """Move endpoints to their twins, and back."""
        return [
            # SageMaker checks UpdateEndpoint on the config as well: https://github.com/aws/aws-cdk/issues/11594
            _allow(["sagemaker:UpdateEndpoint"], [self._endpoints, self._configs]),
            # a retained deployment policy may name alarms (developer guide, deployment guardrails)
            _allow(["cloudwatch:DescribeAlarms"], self._alarms),
            self._use_volume_key(ours=self._only_our_key()),
        ]

    def delete_twins(self) -> iam.PolicyStatement:
        return _allow(["sagemaker:DeleteEndpointConfig"], self._twins)

    def delete_old_configs(self) -> iam.PolicyStatement:
        """Whatever people named them; a deleted config is on record in full."""
        return self.on_configs("DeleteEndpointConfig")

    # -- keys, and who may use them

    def look_up_keys(self) -> Statements:
        """Look up the keys that configs name, where not every key counts as encryption."""
        return [] if self._any_key_counts else [_allow(["kms:DescribeKey"], self._any_key)]

    def look_up_events(self) -> iam.PolicyStatement:
        """Ask CloudTrail when a config was deployed or deleted, where SageMaker's times don't tell."""
        return _allow(["cloudtrail:LookupEvents"], "*")

    def check_key(self) -> Statements:
        """Check that the key can be used; a user's own key has a policy of its own, which ours needn't."""
        key = self._encryption.key.key_arn
        if self._encryption.is_ours:
            return [_allow(["kms:DescribeKey"], key)]
        # of the execution roles, and of the two functions that use the key
        simulate = _allow(["iam:SimulatePrincipalPolicy"], self._roles)
        # the organization's id, on which key policies may depend
        organization = _allow(["organizations:DescribeOrganization"], "*")
        return [_allow(["kms:DescribeKey", "kms:GetKeyPolicy"], key), simulate, organization]

    def _only_our_key(self) -> bool:
        """Whether our key is the only one to be used.

        A twin made because of another surface keeps its source's volume key, and an old config may have a key
        that didn't count: both need keys other than ours.
        """
        return self._only_volumes and self._any_key_counts

    def _use_volume_key(self, *, ours: bool) -> iam.PolicyStatement:
        """Use our key, or any that a config may name, through SageMaker only.

        SageMaker reaches an instance volume through a grant, which it creates on the caller's behalf.
        """
        key = self._encryption.key.key_arn if ours else self._any_key
        return _allow(["kms:CreateGrant", "kms:DescribeKey"], key, self._through("sagemaker"))

    def _pass_execution_roles(self) -> iam.PolicyStatement:
        """Pass the role that a source config names, whichever that is."""
        to_sagemaker = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
        return _allow(["iam:PassRole"], self._roles, to_sagemaker)

    def _through(self, service: str) -> dict[str, Any]:
        return {"StringEquals": {"kms:ViaService": via_service(self._scope, service)}}

    def _arn(self, service: str, resource: str, name: str = "*", **parts: Any) -> str:
        return cdk.Stack.of(self._scope).format_arn(
            service=service, resource=resource, resource_name=name, **parts
        )


def _allow(
    actions: Sequence[str], resources: str | Sequence[str], conditions: Mapping[str, Any] | None = None
) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        actions=actions,
        resources=[resources] if isinstance(resources, str) else resources,
        conditions=conditions,
    )
