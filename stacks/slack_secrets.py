"""Slack's credentials: two secrets, `{"bot_token": …}` and `{"signing_secret": …}`."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from stacks.acknowledgements import acknowledge
from stacks.adoption import Adopted


class SlackSecrets(Construct):
    """Slack's credentials, to be entered after the first deployment.

    The values here only show what goes where: the functions refuse empty ones. CloudFormation writes them
    once. Deploying again keeps what a person entered, as long as this value here stays the same. An adopted
    secret has what was entered for an earlier deployment, and is under the same key.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, operations_key: kms.IKey, adopted: Adopted
    ) -> None:
        super().__init__(scope, construct_id)
        self.key = operations_key
        self.bot_token = self._secret("BotToken", "bot_token", adopted.slack_token_secret)
        self.signing_secret = self._secret("SigningSecret", "signing_secret", adopted.slack_signing_secret)

    def only_read_by(self, role: iam.IRole) -> None:
        """Let nobody else read the signing secret, whatever their own policies say: it forges any click.

        People store it, which takes PutSecretValue.
        """
        # not by the secret's own method, which leaves one that is adopted as it is
        policy = secretsmanager.ResourcePolicy(self, "OnlyReader", secret=self.signing_secret)
        policy.document.add_statements(
            iam.PolicyStatement(
                sid="OnlyTheFunctionThatTakesClicks",
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["secretsmanager:GetSecretValue"],
                resources=["*"],
                conditions={"ArnNotEquals": {"aws:PrincipalArn": role.role_arn}},
            )
        )

    def _secret(
        self, construct_id: str, member: str, adopted: str
    ) -> secretsmanager.Secret | secretsmanager.ISecret:
        if adopted:
            return secretsmanager.Secret.from_secret_complete_arn(self, construct_id, adopted)
        secret = secretsmanager.Secret(
            self,
            construct_id,
            encryption_key=self.key,
            description=f"Slack's {member.replace('_', ' ')} for Sealpoint",
            secret_object_value={member: cdk.SecretValue.unsafe_plain_text("")},
            # not if its creation fails
            removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
        acknowledge(
            secret,
            "AwsSolutions-SMG4",
            "SecretsManagerRotationEnabled",
            reason="A person rotates it in Slack, and the functions pick up what is then entered here.",
        )
        return secret
