"""The whole loop: the synthesized template's own state machine, on a clock that is driven."""

from __future__ import annotations

from tests.workflow.fixtures import alone, loop, operate, world, worlds

__all__ = ["alone", "loop", "operate", "world", "worlds"]
