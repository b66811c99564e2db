"""The setting that adopts what an earlier deployment left."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field, model_validator

from stacks.settings_decisions import STRICT, words
from stacks.settings_problems import Unfit, refuse

_ARN = r"^arn:aws[a-z-]*:{service}:[a-z0-9-]+:[0-9]{{12}}:{resource}$"

# with the six characters that Secrets Manager adds
_Secret = Annotated[
    str, Field(pattern=_ARN.format(service="secretsmanager", resource=r"secret:[\w/+=.@-]+-[A-Za-z0-9]{6}"))
]


class Adopted(BaseModel):
    """What one region's stack takes over instead of creating its own. An empty member is created."""

    model_config = STRICT

    # https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html
    records_table: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{3,255}$")] = ""
    slack_token_secret: _Secret = ""
    slack_signing_secret: _Secret = ""
    operations_key: Annotated[str, Field(pattern=_ARN.format(service="kms", resource="key/[a-z0-9-]+"))] = ""

    @model_validator(mode="after")
    def _secrets_come_with_their_key(self) -> Adopted:
        if (self.slack_token_secret or self.slack_signing_secret) and not self.operations_key:
            refuse(Unfit(None, "operationsKey as well, which Slack's secrets are encrypted with"))
        return self


Adoption = Annotated[
    dict[str, Adopted],
    Field(
        json_schema_extra=words(
            "an object of region to what is adopted there: recordsTable (its name), slackTokenSecret, "
            "slackSigningSecret and operationsKey (their ARNs)"
        )
    ),
]


def arns_of(adopted: Adopted) -> dict[str, Any]:
    """The members that are ARNs, by their names in the settings."""
    return {
        "slackTokenSecret": adopted.slack_token_secret,
        "slackSigningSecret": adopted.slack_signing_secret,
        "operationsKey": adopted.operations_key,
    }
