"""`sealpoint manifest`: print the manifest to create the Slack app from."""

from __future__ import annotations

import json
import sys

from ops import slack_app
from ops.deployment import Deployment, configured_regions
from ops.options import Profile, Region, Stack, epilog

EPILOG = epilog(
    examples=(
        ("manifest", "to paste into Slack"),
        ("manifest --region eu-west-1", "one app for each region"),
    ),
    exit_codes="0 when done; 2 if the stack could not be read",
    permissions=("cloudformation:DescribeStacks",),
)


def command(region: Region = None, stack: Stack = None, profile: Profile = None) -> int:
    """Print the manifest to create the Slack app from.

    With several regions in sealpoint.yaml, the app is named after its region: each region has its own app.
    """
    deployment = Deployment(region, stack, profile)
    manifest = slack_app.manifest(
        deployment.output("SlackInteractionsUrl"),
        region=deployment.region if len(configured_regions()) > 1 else "",
    )
    sys.stdout.write(json.dumps(manifest, indent=2) + "\n")
    return 0
