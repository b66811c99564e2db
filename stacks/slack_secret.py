"""Slack's credentials: one secret, `{"bot_token": …, "signing_secret": …}`."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from stacks.acknowledgements import acknowledge


class SlackSecret(Construct):
    """Slack's credentials, to be entered after the first deployment.

    The values here only show what goes where: the functions refuse empty ones. CloudFormation writes them
    once. Deploying again keeps what a person entered, as long as this value here stays the same.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, operations_key: kms.IKey, adopted: str
    ) -> None:
        """`adopted` is the ARN of an earlier deployment's secret, under the same key, or empty."""
        super().__init__(scope, construct_id)
        self.key = operations_key
        self.secret: secretsmanager.Secret | secretsmanager.ISecret = (
            secretsmanager.Secret.from_secret_complete_arn(self, "Adopted", adopted)
            if adopted
            else self._create()
        )

    def _create(self) -> secretsmanager.Secret:
        empty = cdk.SecretValue.unsafe_plain_text("")
        secret = secretsmanager.Secret(
            self,
            "Secret",
            encryption_key=self.key,
            description="Slack's bot token and signing secret for Sealpoint",
            secret_object_value={"bot_token": empty, "signing_secret": empty},
            removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,  # not if its creation fails
        )
        acknowledge(
            secret,
            "AwsSolutions-SMG4",
            "SecretsManagerRotationEnabled",
            reason="A person rotates them in Slack, and the functions pick up what is then entered here.",
        )
        return secret
