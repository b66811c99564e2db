"""The handlers' workbench, for commands that are run against it."""

from tests.handlers.conftest import bench

__all__ = ["bench"]
