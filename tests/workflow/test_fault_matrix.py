"""Every call that the workflow makes × everything that can go wrong with it, each through the whole loop.

`make test` runs one kind of fault for every other call, `make faults` every cell, and prints the table.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle

import pytest

from local.call_faults import KINDS, TRANSIENT
from local.world import World
from tests.workflow.loop import Loop

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


def _remediate(loop: Loop) -> str:
    """The loop as people live through it: scaled up, asked, clicked again while Slack shows a failure."""
    loop.make_endpoint()
    loop.people.update_endpoint_weights_and_capacities(
        EndpointName=loop.name,
        DesiredWeightsAndCapacities=[{"VariantName": "a", "DesiredInstanceCount": _LIVE_COUNT}],
    )
    loop.world.clock.advance(700)
    execution = loop.execution()
    ended = _ended(loop)
    loop.world.drive(lambda: ended() or bool(loop.cards()))
    for _ in range(_MOST_CLICKS):
        if not loop.cards() or "approve" not in loop.buttons() or loop.click("approve") == 200:
            break
    loop.world.run(execution)
    loop.world.clock.advance(3 * 3600)  # an update that nobody polls any more ends as well
    loop.world.settle()
    status = execution.exec_status
    return str((execution.output or {}).get("outcome") or (status.value if status else ""))


def _ended(loop: Loop) -> Callable[[], bool]:
    execution = loop.execution()
    return lambda: execution.exec_status is not None and execution.exec_status.value != "RUNNING"


def _calls(world: World) -> list[tuple[str, str]]:
    """Each call that a remediation makes which meets no fault."""
    world.runner.calls.clear()
    loop = Loop(world)
    assert _remediate(loop) == "ENCRYPTED"
    return list(dict.fromkeys(world.runner.calls))


def _cells(calls: list[tuple[str, str]]) -> list[Cell]:
    if _WHOLE:
        return [Cell(function, call, kind) for function, call in calls for kind in KINDS]
    return [
        Cell(function, call, kind) for (function, call), kind in zip(calls[::2], cycle(KINDS), strict=False)
    ]


def _problems(cell: Cell, world: World) -> tuple[str, list[str]]:
    world.runner.inject(cell.function, cell.call, cell.kind)
    world.runner.faults_met.clear()
    loop = Loop(world)
    try:
        outcome = _remediate(loop)
    finally:
        world.runner.stop_injecting()
    # an execution that failed and an event that found no taker each raise an alarm
    status = loop.execution().exec_status
    alarmed = (status is not None and status.value == "FAILED") or bool(world.bus.undelivered)
    world.bus.undelivered.clear()
    status, config = loop.status()
    variant = loop.people.describe_endpoint(EndpointName=loop.name)["ProductionVariants"][0]
    configs = {c["EndpointConfigName"] for c in loop.configs()}
    checks = {
        "the fault was never met": bool(world.runner.faults_met),
        f"the endpoint is {status}": status == "InService",
        "the capacity changed": variant["CurrentInstanceCount"] == _LIVE_COUNT,
        f"{configs - {loop.config, config}} is left over": configs == {loop.config, config},
        f"a fault that passes ended {outcome}": outcome == "ENCRYPTED" or cell.kind not in TRANSIENT,
        f"{outcome}, but the config is {config}": outcome != "ENCRYPTED" or config != loop.config,
        "the card still has its buttons": not loop.cards()
        or not set(loop.buttons()) - {"backout"}
        or alarmed,
        "no outcome is on record": _outcome_on_record(loop) is not None or alarmed,
    }
    return outcome, [problem for problem, holds in checks.items() if not holds]


def _outcome_on_record(loop: Loop) -> str | None:
    name = f"remediation#{loop.execution().name}"
    records = [
        item for item in loop.world.items("remediation") if (item["pk"], item["sk"]) == (name, "record")
    ]
    return records[0].get("outcome") if records else None


def test_every_cell_ends_well(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.trail_is_logging = True
    cells = _cells(_calls(world))
    found: dict[Cell, list[str]] = {}
    rows: list[str] = []
    for cell in cells:
        outcome, problems = _problems(cell, world)
        name = cell.function.rpartition("-")[2][:40]
        rows.append(f"{name:40} {cell.call:32} {cell.kind:17} {outcome:10} {'; '.join(problems)}")
        if problems:
            found[cell] = problems
    if _WHOLE:
        with capsys.disabled():
            sys.stdout.write("\n" + "\n".join(rows) + "\n")
    assert len(cells) >= 20
    assert found == {}, "\n".join(f"{cell}: {'; '.join(problems)}" for cell, problems in found.items())
    assert world.sagemaker.violations == []
