"""The KMS key that endpoints get: one of our own, or the user's."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.acknowledgements import acknowledge


class EncryptionKey(Construct):
    """The key of one region.

    Attributes
    ----------
    is_ours
        Whether the stack creates the key, with a policy that allows those who need it.
    """

    def __init__(self, scope: Construct, construct_id: str, *, existing_key_arn: str | None) -> None:
        super().__init__(scope, construct_id)
        self.is_ours = existing_key_arn is None
        if existing_key_arn:
            self.key: kms.Key | kms.IKey = kms.Key.from_key_arn(self, "UsersKey", existing_key_arn)
        else:
            self.key = self._create_key()

    def _create_key(self) -> kms.Key:
        stack = cdk.Stack.of(self)
        key = kms.Key(
            self,
            "Key",
            description="Data at rest of SageMaker endpoints, given to them by Sealpoint",
            alias=f"alias/{stack.stack_name.lower()}-endpoints",
            enable_key_rotation=True,
            # endpoints, captures and answers encrypted with it outlive the stack
            removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,  # not if its creation fails
        )
        # There are many execution roles; they belong to other people, and come and go. So the policy allows
        # their use by its way, as that of AWS's own aws/s3 key does: what S3 and SageMaker do for this
        # account.
        key.add_to_resource_policy(
            self._in_this_account(
                "ExecutionRolesWriteAndReadResults",
                ["kms:GenerateDataKey", "kms:Decrypt", "kms:DescribeKey"],
                via=("s3", "sagemaker"),
            )
        )
        # Anyone who later moves an endpoint to an encrypted config also needs its grant. It isn't
        # documented whose session SageMaker makes it with: the caller's, which has a ViaService, or the
        # execution role's, which has none. Whether kms:GrantIsForAWSResource is true in the first case isn't
        # documented either, so it is asked for in the second alone, where nothing else narrows it.
        key.add_to_resource_policy(
            self._in_this_account("EndpointsGetTheirGrants", ["kms:CreateGrant"], via=("sagemaker",))
        )
        by_execution_roles = self._in_this_account("ExecutionRolesMakeGrants", ["kms:CreateGrant"])
        by_execution_roles.add_conditions(
            {"Null": {"kms:ViaService": "true"}, "Bool": {"kms:GrantIsForAWSResource": "true"}}
        )
        key.add_to_resource_policy(by_execution_roles)
        acknowledge(
            key,
            "CKV_AWS_33",
            reason="Its conditions allow this account alone, through S3 and SageMaker or for AWS's grants.",
        )
        return key

    def _in_this_account(
        self, sid: str, actions: list[str], *, via: tuple[str, ...] = ()
    ) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            sid=sid,
            principals=[iam.AnyPrincipal()],
            actions=actions,
            resources=["*"],  # in a key policy: this key
            conditions={
                "StringEquals": {
                    "kms:CallerAccount": cdk.Aws.ACCOUNT_ID,
                    **({"kms:ViaService": [via_service(self, service) for service in via]} if via else {}),
                }
            },
        )


def via_service(scope: Construct, service: str) -> str:
    """The value of `kms:ViaService` for a service of this region: the suffix is the same in all partitions.

    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
    """
    return f"{service}.{cdk.Stack.of(scope).region}.amazonaws.com"
