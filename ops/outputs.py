"""`sealpoint outputs`: what the stacks name for people and scripts."""

from __future__ import annotations

from ops import terminal
from ops.deployment import deployments
from ops.options import Profile, Regions, Stack, epilog

EPILOG = epilog(
    examples=(("outputs --region us-east-1", "the secrets, the table, the URL for Slack and others"),),
    exit_codes="0 when done; 2 if a stack could not be read",
    permissions=("cloudformation:DescribeStacks",),
)


def command(regions: Regions = None, stack: Stack = None, profile: Profile = None) -> int:
    """Print the stacks' outputs: one line each, with the region, the name and the value."""
    for deployment in deployments(regions, stack, profile):
        for name, value in sorted(deployment.outputs.items()):
            terminal.output().print(terminal.shown(f"{deployment.region}  {name}  {value}"), soft_wrap=True)
    return 0
