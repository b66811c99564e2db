"""The CDK app: settings in, one RemediationStack per region out."""

import os
import sys

os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")  # read when aws_cdk is imported
import aws_cdk as cdk

from stacks.remediation_stack import RemediationStack
from stacks.settings import Settings, SettingsError


def build(app: cdk.App) -> cdk.App:
    settings = Settings.from_context(*(app.node.try_get_context(key) for key in ("sealpoint", "deploying")))
    for region in settings.regions:
        env = cdk.Environment(account=os.environ.get("CDK_DEFAULT_ACCOUNT"), region=region)
        RemediationStack(app, f"Sealpoint-{region}", settings=settings, env=env)
    return app


if __name__ == "__main__":
    try:
        build(cdk.App()).synth()
    except SettingsError as error:
        sys.exit(str(error))
