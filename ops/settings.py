"""`sealpoint settings`: check sealpoint.yaml, without CDK and without AWS."""

from __future__ import annotations

import sys
from pathlib import Path

from ops import terminal
from ops.options import epilog
from stacks.settings import SettingsError
from stacks.settings_file import NAME, read
from stacks.settings_warnings import warnings

EPILOG = epilog(
    examples=(("settings", "can they be deployed?"),),
    exit_codes="0 if `make deploy` takes the settings, with or without warnings; 1 if it refuses them",
)
_REFUSED = 1


def command() -> int:
    """Check the settings in sealpoint.yaml."""
    try:
        settings = read(Path(NAME), deploying=True)
    except SettingsError as error:
        terminal.notices().print(str(error), markup=False, style="red", soft_wrap=True)
        return _REFUSED
    output = terminal.output()
    for warning in warnings(settings):
        output.print(f"Warning: {warning}", markup=False, style="yellow", soft_wrap=True)
    stacks = ", ".join(f"{settings.name_prefix}-{region}" for region in settings.regions)
    output.print(f"{NAME} can be deployed, as {stacks}.", markup=False, soft_wrap=True)
    return 0


if __name__ == "__main__":  # for the Makefile: without what the other commands import, it takes half the time
    sys.exit(command())
