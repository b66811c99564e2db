"""The fixtures of the tests of the whole loop: a world, one endpoint in it, and the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.clock import Clock
from local.people import Loop
from local.world import World
from ops import cli, clock

Ops = Callable[..., int]


class Worlds:
    """One world at a time, which lasts until another assembly's is asked for."""

    def __init__(self) -> None:
        self._world: World | None = None

    def of(self, assembly: Path) -> World:
        if self._world is None or self._world.assembly != assembly:
            self.stop()
            self._world = World(assembly, Clock(speed=0))
        return self._world

    def stop(self) -> None:
        if self._world is not None:
            self._world.stop()
        self._world = None


@pytest.fixture(scope="package")
def worlds() -> Iterator[Worlds]:
    """For each room of tests: moto's services are global to the process."""
    worlds = Worlds()
    yield worlds
    worlds.stop()


@pytest.fixture(scope="module")
def alone(worlds: Worlds) -> Iterator[None]:
    """A world of a module's own: what others left in theirs would be found here, and the other way round."""
    worlds.stop()
    yield
    worlds.stop()


@pytest.fixture
def world(worlds: Worlds, routed_assembly: Path) -> World:
    return worlds.of(routed_assembly)


@pytest.fixture
def loop(world: World) -> Iterator[Loop]:
    """One test's endpoint in the shared world; nothing may be left running, undelivered or misused."""
    world.trail_is_logging = True
    yield Loop(world)
    world.settle()
    assert world.sagemaker.violations == []
    assert world.bus.undelivered == []
    assert world.runner.refused == [], world.runner.refused  # else a role lacks what its function needs


@pytest.fixture
def operate(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> Ops:
    """Run a command with the credentials of one of the people in `local.world.OPERATORS`."""

    def operate(*arguments: str, who: str = "ada") -> int:
        for name, value in {
            "AWS_ENDPOINT_URL": loop.world.cloud.url,
            "AWS_REGION": loop.world.region,
            "AWS_ACCESS_KEY_ID": f"AKIA{who.upper()}",
            "AWS_SECRET_ACCESS_KEY": f"{who}-secret",
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(clock, "now", lambda: datetime.fromtimestamp(loop.world.clock.now(), UTC))
        return cli.main(arguments)

    return operate
