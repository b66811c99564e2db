"""Every call that the workflow makes × everything that can go wrong with it, each through the whole loop.

`make test` runs a fixed sample of the cells, `make faults` every one, and prints the table.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import pytest

from local.aws.call_faults import KINDS, TRANSIENT
from local.people import Loop
from local.world import World

pytestmark = pytest.mark.xdist_group("faults")

_WHOLE = os.environ.get("FAULTS") == "all"
_MOST_CLICKS = 4
_LIVE_COUNT = 7  # its config says 2


@dataclass(frozen=True)
class Cell:
    function: str
    call: str
    kind: str

    def __str__(self) -> str:
        return f"{self.function} · {self.call} · {self.kind}"


class Story:
    """What people live through: `prepare` without a fault, `act` with one."""

    name = "remediation"
    arrived = "ENCRYPTED"
    share = 3  # of the calls, `make test` takes one in so many

    def prepare(self, loop: Loop) -> None:
        """Nothing: it begins with the endpoint's creation."""

    def act(self, loop: Loop) -> str:
        """Scaled up, asked, clicked again while Slack shows a failure; returns how it ended."""
        loop.make_endpoint()
        loop.scale(_LIVE_COUNT)
        execution = self.execution(loop)
        loop.world.drive(lambda: _has_ended(execution) or bool(loop.cards()))
        _click(loop, "approve")
        return _end_of(loop, execution)

    def execution(self, loop: Loop) -> Any:
        return loop.execution()

    def checks(self, loop: Loop, config: str, *, alarmed: bool) -> dict[str, bool]:
        configs = {c["EndpointConfigName"] for c in loop.configs()}
        return {
            f"{configs - {loop.config, config}} is left over": configs == {loop.config, config},
            "the card still asks": not loop.cards() or "approve" not in loop.buttons() or alarmed,
        }


class WayBack(Story):
    name = "backout"
    arrived = "BACKED_OUT"
    share = 4

    def prepare(self, loop: Loop) -> None:
        loop.encrypt()
        loop.scale(_LIVE_COUNT)

    def act(self, loop: Loop) -> str:
        _click(loop, "backout")
        execution = self.execution(loop)
        return _end_of(loop, execution) if execution else "NOT STARTED"

    def _finishes(self, loop: Loop) -> bool:
        """Clicked again, with the fault gone: what the failed backout brought about is seen and told."""
        ended = self.act(loop)
        return ended == self.arrived and loop.buttons() == [] and loop.status() == ("InService", loop.config)

    def execution(self, loop: Loop) -> Any:
        return loop.backout() if loop.backouts() else None

    def checks(self, loop: Loop, config: str, *, alarmed: bool) -> dict[str, bool]:
        back = config == loop.config
        exempt = "sealpoint:exempt-until" in loop.tags()
        return {
            f"{len(loop.configs())} configs are left": len(loop.configs()) == 2,
            "it is back, and will be asked about at once": exempt or not back,
            "it is exempt, and not back": back or not exempt or alarmed,
            "the card offers a way back that is taken, and can't be taken again": not back
            or "backout" not in loop.buttons()
            or alarmed
            or self._finishes(loop),
        }


def _click(loop: Loop, action: str) -> None:
    for _ in range(_MOST_CLICKS):
        if not loop.cards() or action not in loop.buttons() or loop.click(action) == 200:
            break
    loop.world.settle()


def _has_ended(execution: Any) -> bool:
    return execution.exec_status is not None and execution.exec_status.value != "RUNNING"


def _end_of(loop: Loop, execution: Any) -> str:
    loop.world.run(execution)
    loop.world.clock.advance(3 * 3600)  # an update that nobody polls ends as well
    loop.world.settle()
    status = execution.exec_status
    return str((execution.output or {}).get("outcome") or (status.value if status else ""))


def _calls(world: World, story: Story) -> list[tuple[str, str]]:
    """Each call that is made where no fault is met."""
    loop = Loop(world)
    story.prepare(loop)
    world.runner.calls.clear()
    assert story.act(loop) == story.arrived
    return list(dict.fromkeys(world.runner.calls))


def _cells(calls: list[tuple[str, str]], story: Story) -> list[Cell]:
    if _WHOLE:
        return [Cell(function, call, kind) for function, call in calls for kind in KINDS]
    sample = zip(calls[:: story.share], cycle(KINDS), strict=False)
    return [Cell(function, call, kind) for (function, call), kind in sample]


def _problems(cell: Cell, world: World, story: Story) -> tuple[str, list[str]]:
    loop = Loop(world)
    story.prepare(loop)
    world.runner.inject(cell.function, cell.call, cell.kind)
    world.runner.faults_met.clear()
    try:
        outcome = story.act(loop)
    finally:
        world.runner.stop_injecting()
    # an execution that failed and an event that found no taker each raise an alarm
    execution = story.execution(loop)
    failed = execution is not None and execution.exec_status.value == "FAILED"
    alarmed = failed or bool(world.bus.undelivered)
    world.bus.undelivered.clear()
    status, config = loop.status()
    told = execution is None or _outcome_on_record(loop, execution.name) is not None
    checks = {
        "the fault was never met": bool(world.runner.faults_met),
        f"the endpoint is {status}": status == "InService",
        f"the capacity is {loop.count()}": loop.count() == _LIVE_COUNT,
        f"a fault that passes ended {outcome}": outcome == story.arrived or cell.kind not in TRANSIENT,
        f"{outcome}, but the config is {config}": outcome != story.arrived
        or (config == loop.config) == (story.arrived == "BACKED_OUT"),
        "no outcome is on record": told or alarmed,
        **story.checks(loop, config, alarmed=alarmed),
    }
    return outcome, [problem for problem, holds in checks.items() if not holds]


def _outcome_on_record(loop: Loop, run_id: str) -> str | None:
    runs = [*loop.world.items("remediation"), *loop.world.items("backout")]
    records = [item for item in runs if item["pk"].partition("#")[2] == run_id]
    return records[0].get("outcome") if records else None


@pytest.mark.parametrize("story", [Story(), WayBack()], ids=lambda story: story.name)
def test_every_cell_ends_well(world: World, capsys: pytest.CaptureFixture[str], story: Story) -> None:
    world.trail_is_logging = True
    cells = _cells(_calls(world, story), story)
    found: dict[Cell, list[str]] = {}
    rows: list[str] = []
    for cell in cells:
        outcome, problems = _problems(cell, world, story)
        name = cell.function.rpartition("-")[2][:40]
        rows.append(f"{name:40} {cell.call:32} {cell.kind:17} {outcome:11} {'; '.join(problems)}")
        if problems:
            found[cell] = problems
    if _WHOLE:
        with capsys.disabled():
            sys.stdout.write(f"\n{story.name}\n" + "\n".join(rows) + "\n")
    assert len(cells) >= 6
    assert found == {}, "\n".join(f"{cell}: {'; '.join(problems)}" for cell, problems in found.items())
    assert world.sagemaker.violations == []
