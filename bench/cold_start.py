"""From a cold start to an answered click: the interactions function on Lambda's real runtime interface.

Runs the built asset under `aws-lambda-rie` and `awslambdaric`, against the local world, beside a bare boto3
handler with the same clients; alternating, each time with a new process. `make bench-cold` shows it.

The emulator begins the function's process with the first request, so what is timed is process start, imports,
client creation and the first answer. AWS's own share (placing the environment, loading the asset) comes on
top.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from rich.console import Console
from rich.table import Table

from local.clock import Clock
from local.functions import Function
from local.world import World
from tests.workflow.loop import Loop

_ROOT = Path(__file__).resolve().parent.parent
_TOOLS = _ROOT / "build/bench"
_RUNS = 20
_SLACK_LIMIT_MS = 3000
_STARTED_WITHIN_SECONDS = 10


def main() -> None:
    console = Console(highlight=False)
    emulator = _tools()
    world = World(_ROOT / "cdk.out", Clock(speed=0, start=time.time()))
    try:
        function = next(
            one for one in world.runner.functions if one.handler == "handlers.slack_interactions.handler"
        )
        ours: list[float] = []
        bare: list[float] = []
        with tempfile.TemporaryDirectory() as made:
            asset = Path(made) / "asset"
            shutil.copytree(function.asset, asset, ignore=shutil.ignore_patterns("__pycache__"))
            for _ in range(_RUNS):
                event = _click(world)
                ours.append(_cold(emulator, world, function, asset, function.handler, event))
                bare.append(_cold(emulator, world, function, _ROOT / "bench", "bare_handler.handler", {}))
        _show(console, ours, bare)
    finally:
        world.stop()


def _show(console: Console, ours: list[float], bare: list[float]) -> None:
    table = Table(title=f"From cold to answered, ms, {_RUNS} runs each, alternating")
    for heading in ("", "median", "worst", "of Slack's 3 s (worst)"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, times in (("interactions: a click, decided", ours), ("bare boto3, same clients", bare)):
        worst = max(times)
        table.add_row(
            name, f"{statistics.median(times):.0f}", f"{worst:.0f}", f"{worst / _SLACK_LIMIT_MS:.0%}"
        )
    console.print(table)
    console.print(f"Ratio of the medians: {statistics.median(ours) / statistics.median(bare):.2f}")


def _click(world: World) -> dict[str, Any]:
    """A signed click on Approve, as API Gateway hands it over; the question is open."""
    loop = Loop(world)
    loop.make_endpoint()
    # the emulated function has the machine's clock
    approver, now = world.approvers[0].id, time.time()
    return world.click_event(approver, loop.card(), "approve", loop.approval_id(), now=now)


def _cold(  # noqa: PLR0917  # what a process needs
    emulator: Path, world: World, function: Function, task_root: Path, handler: str, event: Mapping[str, Any]
) -> float:
    """Milliseconds from the first request to its answer, which has to be 200."""
    environment = {
        **world.runner.environment_of(function.name),
        "PYTHONPATH": os.pathsep.join([str(task_root), str(_TOOLS / "packages"), str(world.runner.runtime)]),
        "PYTHONDONTWRITEBYTECODE": "1",  # a Lambda's code is read-only
        "LAMBDA_TASK_ROOT": str(task_root),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
    }
    with _emulated(emulator, task_root, handler, environment) as url:
        began = time.perf_counter()
        answer = requests.post(url, json=event, timeout=60).json()
        took = (time.perf_counter() - began) * 1000
    if answer.get("statusCode") != 200:  # noqa: PLR2004
        raise RuntimeError(f"{handler} answered {answer}")
    return took


@contextmanager
def _emulated(emulator: Path, task_root: Path, handler: str, environment: Mapping[str, str]) -> Iterator[str]:
    port, runtime_port = _free_port(), _free_port()
    command = [
        str(emulator),
        "--runtime-interface-emulator-address", f"127.0.0.1:{port}",
        "--runtime-api-address", f"127.0.0.1:{runtime_port}",
        sys.executable, "-m", "awslambdaric", handler,
    ]  # fmt: skip
    process = subprocess.Popen(  # noqa: S603  # a pinned tool, on our own asset
        command, cwd=task_root, env=dict(environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _await_port(port)
        yield f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
    finally:
        process.terminate()
        process.wait(timeout=10)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _await_port(port: int) -> None:
    give_up = time.monotonic() + _STARTED_WITHIN_SECONDS
    while time.monotonic() < give_up:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise TimeoutError("the emulator did not start")


def _tools() -> Path:
    """The emulator's binary, and the runtime's client in a folder of its own; installed once."""
    emulator, packages = _TOOLS / "aws-lambda-rie", _TOOLS / "packages"
    if emulator.exists() and packages.exists():
        return emulator
    _TOOLS.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    sam, client = [
        line.strip()
        for line in (_ROOT / "bench/requirements.txt").read_text().splitlines()
        if line.strip() and not line.startswith("#")
    ]
    with tempfile.TemporaryDirectory() as wheels:
        subprocess.run([*pip, "download", "--no-deps", "--dest", wheels, sam], check=True)  # noqa: S603
        (wheel,) = Path(wheels).glob("aws_sam_cli*.whl")
        with zipfile.ZipFile(wheel) as opened:
            emulator.write_bytes(opened.read(f"samcli/local/rapid/aws-lambda-rie-{_machine()}"))
    emulator.chmod(0o755)
    subprocess.run([*pip, "install", "--target", str(packages), client], check=True)  # noqa: S603
    return emulator


def _machine() -> str:
    return "arm64" if os.uname().machine in ("arm64", "aarch64") else "x86_64"


if __name__ == "__main__":
    main()
