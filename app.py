"""The CDK app: settings in, one RemediationStack per region out."""

import os
from pathlib import Path

os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")  # read when aws_cdk is imported
import aws_cdk as cdk

from stacks.acknowledgements import run_checks
from stacks.remediation_stack import RemediationStack
from stacks.settings import Settings, SettingsError
from stacks.settings_file import for_app


def build(
    outdir: str | None = None, context: dict[str, object] | None = None, settings: Settings | None = None
) -> cdk.App:
    app = cdk.App(outdir=outdir, context=context)
    settings = settings or for_app(app.node.try_get_context, Path(__file__).parent)
    for region in settings.regions:  # no account: the template is the same for everyone who synthesizes it
        RemediationStack(
            app, f"{settings.name_prefix}-{region}", settings=settings, env=cdk.Environment(region=region)
        )
    run_checks(app)
    return app


if __name__ == "__main__":
    try:
        build().synth()
    except SettingsError as error:
        raise SystemExit(str(error)) from None
