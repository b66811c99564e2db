"""The whole loop: the synthesized template's own state machine, on a clock that is driven."""

from __future__ import annotations

from tests.workflow.loop import loop, operate, world, worlds

__all__ = ["loop", "operate", "world", "worlds"]
