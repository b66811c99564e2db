"""The same tables, secrets and stand-ins that the handlers' tests work with."""

from tests.handlers.conftest import bench

__all__ = ["bench"]
