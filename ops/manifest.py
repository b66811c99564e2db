"""`sealpoint manifest`: print the manifest to create the Slack app from."""

from __future__ import annotations

import json
import sys

from ops import slack_app
from ops.deployment import Deployment
from ops.options import Region, Stack


def command(region: Region = None, stack: Stack = None) -> int:
    """Print the manifest to create the Slack app from."""
    manifest = slack_app.manifest(Deployment(region, stack).output("SlackInteractionsUrl"))
    sys.stdout.write(json.dumps(manifest, indent=2) + "\n")
    return 0
