"""The use cases, on the same bench as the handlers."""

from __future__ import annotations

from tests.handlers.conftest import bench

__all__ = ["bench"]
