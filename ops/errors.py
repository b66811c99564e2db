"""What ends a command early."""

from __future__ import annotations


class CommandFailed(Exception):
    """The command could not be carried out. The message says why, and what to do."""
