"""Every function from a cold start to its answer, on Lambda's real runtime interface: `make bench-cold`.

Each function is recorded while it does its work in the local world. Then the built asset runs under
`aws-lambda-rie` and `awslambdaric`, in a new process each time, and gets the same responses again. It
alternates with a bare boto3 handler that makes the same calls (`bench/bare.py`).

The emulator starts the function's process with the first request, so the measured time is process start,
imports, client creation and the first response. AWS's own share (placing the environment, loading the asset)
comes on top, and so does the time that AWS and Slack take to respond.

The goal is a share of the three seconds that Slack waits, at the memory size that the stack gives: imports
are worth what they save in code as long as a click from cold stays well within that.
"""

from __future__ import annotations

import compileall
import os
import py_compile
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import requests
from slack_sdk.signature import SignatureVerifier

from bench.bare import bare_handler
from bench.exchanges import PEERS, Invocation, Replay
from bench.page import rewrite
from bench.stories import record
from local.aws.functions import Function

_ROOT = Path(__file__).resolve().parent.parent
_TOOLS = _ROOT / "build/bench"
_RUNS = int(os.environ.get("BENCH_RUNS", "20"))
_CLICK, _POLL = "slack_interactions", "poll_endpoint"
_SLACK_LIMIT_MS = 3000
_GOAL = 0.40  # of that, at the median
_STARTED_WITHIN_SECONDS = 30
_PERIOD_SECONDS = 0.02  # as Lambda's: what a share of a CPU is a share of
_FULL_CPU_MB = 1769
_SIZES_MB = (512, 1024, 1769)
_SHARE_RUNS = 3


@dataclass(frozen=True, slots=True)
class Cold:
    """What a process is started with."""

    root: Path
    handler: str
    environment: Mapping[str, str]
    invocation: Invocation
    packages: tuple[str, ...]  # folders of what stands for the runtime's own
    share: float = 1.0  # of a CPU


# Lambda's own client of its runtime API, with the packages that AWS's runtime has by itself.
_RUNTIME_INTERFACE = """
import runpy, site, sys
*packages, handler = sys.argv[1:]
for folder in packages:
    site.addsitedir(folder)
sys.argv = ["awslambdaric", handler]
runpy.run_module("awslambdaric", run_name="__main__")
"""


@dataclass(frozen=True, slots=True)
class Measured:
    ours: list[float]
    bare: list[float]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ours) / statistics.median(self.bare)


def main(assembly: Path = _ROOT / "cdk.out") -> None:
    emulator = _tools()
    world, recorded = record(assembly)
    functions = {function.handler.split(".")[-2]: function for function in world.runner.functions}
    environments = {name: world.runner.environment_of(one.name) for name, one in functions.items()}
    packages = [str(_TOOLS / "packages"), str(world.runner.runtime)]
    with tempfile.TemporaryDirectory() as made:
        compiled, plain = Path(made) / "compiled", Path(made) / "plain"
        packages[1] = str(shutil.copytree(packages[1], Path(made) / "runtime", symlinks=True))
        signing_secret = world.slack.signing_secret
        world.stop()
        asset = next(iter(functions.values())).asset
        for folder in (compiled, plain):
            shutil.copytree(asset, folder, ignore=shutil.ignore_patterns("__pycache__"))
        compileall.compile_dir(
            compiled, quiet=1, workers=1, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
        )

        def ours(name: str, root: Path = compiled, share: float = 1.0) -> Cold:
            variables = _variables(environments[name], functions[name], root)
            return Cold(root, functions[name].handler, variables, recorded[name], tuple(packages), share)

        def bare(name: str) -> Cold:
            root = Path(made) / f"bare-{name}"
            root.mkdir(exist_ok=True)
            (root / "bare.py").write_text(bare_handler(recorded[name].exchanges))
            variables = _variables(environments[name], functions[name], root)
            return Cold(root, "bare.handler", variables, recorded[name], tuple(packages))

        measure = _Bench(emulator, signing_secret)
        pairs = {name: (ours(name), bare(name)) for name in sorted(recorded)}
        with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as lanes:  # a CPU for each
            measured = dict(
                zip(pairs, lanes.map(lambda pair: measure.pair(*pair), pairs.values()), strict=True)
            )
            set_mb = functions[_CLICK].memory_mb, functions[_POLL].memory_mb
            clicks = measure.times(ours(_CLICK, share=_share_of(set_mb[0])), _RUNS)
            asked = (_CLICK, _POLL)
            plainly = lanes.map(lambda name: measure.pair(ours(name, plain), ours(name), _RUNS // 2), asked)
            bytecode = dict(zip(asked, plainly, strict=True))
            sized = [(name, size) for name in asked for size in _SIZES_MB]
            shared = lanes.map(
                lambda one: measure.times(ours(one[0], share=_share_of(one[1])), _SHARE_RUNS),
                sized,
            )
            shares = dict(zip(sized, shared, strict=True))
    parts = _goal(clicks, set_mb[0]), _functions_table(measured), _bytecode(bytecode)
    text = "\n\n".join([*parts, _shares_table(shares, set_mb)])
    rewrite("cold", text)
    print(text)


def _share_of(memory_mb: int) -> float:
    return min(1.0, memory_mb / _FULL_CPU_MB)


def _goal(clicks: list[float], memory_mb: int) -> str:
    typical, worst = statistics.median(clicks) / _SLACK_LIMIT_MS, max(clicks) / _SLACK_LIMIT_MS
    held = "within" if typical <= _GOAL else "above"
    return f"""\
`make bench-cold`: at the median, a click from cold takes {typical:.0%} of the three seconds that Slack waits,
{held} the goal of {_GOAL:.0%}; the slowest took {worst:.0%} ({_RUNS} cold starts, with the CPU that Lambda
gives for {memory_mb:,} MB)."""


_FAIR = """\
The bare handler makes the same AWS clients with `boto3.client(…)` when it is imported, and then the same
calls with the same parameters, Slack's with `urllib`. It neither logs nor decides anything. Both get at once
the responses that the function got in the local world. Both find boto3 with bytecode, and the asset has that
of the Python that measures. What is above 1 is Sealpoint's own code, Powertools and slack_sdk."""


def _functions_table(measured: Mapping[str, Measured]) -> str:
    rows = [
        f"| `{name}` | {found.ratio:.2f} | {max(found.ours) / statistics.median(found.bare):.2f} |"
        for name, found in measured.items()
    ]
    return f"""\
{_RUNS} cold starts of each function and of a bare boto3 handler, alternating, on a whole CPU, as ratios to
the bare handler's median:

| function | median | worst |
|---|---|---|
{chr(10).join(rows)}

{_FAIR}"""


def _bytecode(measured: Mapping[str, Measured]) -> str:
    said = ", ".join(f"{found.ratio:.2f} times as long for `{name}`" for name, found in measured.items())
    return (
        f"Without bytecode in the asset a cold start takes {said}\n"
        f"({_RUNS // 2} each, alternating; [why there is bytecode](decisions/0006-bytecode.md))."
    )


def _shares_table(shares: Mapping[tuple[str, int], list[float]], set_mb: tuple[int, int]) -> str:
    rows: list[str] = []
    for (name, size), times in shares.items():
        ratio = statistics.median(times) / statistics.median(shares[name, _FULL_CPU_MB])
        rows.append(f"| `{name}` | {size:,} | {ratio:.2f} | {ratio * size / _FULL_CPU_MB:.2f} |")
    return f"""\
At the share of a CPU that Lambda gives for a memory size, a whole one for 1,769 MB
({_SHARE_RUNS} cold starts each, as ratios to those at 1,769 MB):

| function | MB | time | time × price |
|---|---|---|---|
{chr(10).join(rows)}

{_choice(shares)}
The stack gives {set_mb[0]:,} MB to the function that takes clicks, and {set_mb[1]:,} to the others."""


def _choice(shares: Mapping[tuple[str, int], list[float]]) -> str:
    """The cheapest size that reaches the goal."""
    clicks = {size: statistics.median(times) for (name, size), times in shares.items() if name == _CLICK}
    enough = [size for size, time_ms in clicks.items() if time_ms <= _SLACK_LIMIT_MS * _GOAL]
    if not enough:
        return "At none of these sizes does a click from cold reach the goal."
    cheapest = min(enough, key=lambda size: clicks[size] * size)
    return f"Of the sizes at which a click from cold reaches the goal, the cheapest is {cheapest:,} MB."


class _Bench:
    def __init__(self, emulator: Path, signing_secret: str) -> None:
        self._emulator = emulator
        self._signing_secret = signing_secret

    def pair(self, one: Cold, other: Cold, runs: int = _RUNS) -> Measured:
        """Two of them, alternating."""
        found = Measured([], [])
        with Replay() as replay:
            for _ in range(runs):
                found.ours.append(self._once(one, replay))
                found.bare.append(self._once(other, replay))
        return found

    def times(self, cold: Cold, runs: int) -> list[float]:
        with Replay() as replay:
            return [self._once(cold, replay) for _ in range(runs)]

    def _once(self, cold: Cold, replay: Replay) -> float:
        """Milliseconds from the first request to its answer.

        Raises
        ------
        RuntimeError
            It failed, or made other calls than were recorded.
        """
        replay.begin(cold.invocation.exchanges)
        variables = {
            **cold.environment,
            **{variable: f"{replay.url}/{peer}/" for variable, peer in PEERS.items()},
        }
        event = _signed_now(cold.invocation, self._signing_secret)
        with _emulated(self._emulator, replace(cold, environment=variables)) as url:
            began = time.perf_counter()
            answer = requests.post(url, json=event, timeout=120).json()
            took = (time.perf_counter() - began) * 1000
        problems = replay.differences()
        if problems or "errorType" in answer:
            raise RuntimeError(f"{cold.handler} did not do what was recorded: {problems or answer}")
        return took


def _signed_now(invocation: Invocation, signing_secret: str) -> dict[str, Any]:
    """A click with a fresh signature: Slack's is good for five minutes."""
    event = invocation.event
    if "x-slack-signature" not in {name.lower() for name in event.get("headers", {})}:
        return event
    verifier, stamp = SignatureVerifier(signing_secret), str(int(time.time()))
    signature = verifier.generate_signature(timestamp=stamp, body=event["body"])
    headers = {"x-slack-request-timestamp": stamp, "x-slack-signature": signature}
    return {**event, "headers": {**event["headers"], **headers}}


def _variables(environment: Mapping[str, str], function: Function, root: Path) -> dict[str, str]:
    return {
        **environment,
        "PYTHONDONTWRITEBYTECODE": "1",  # a Lambda's code is read-only
        "LAMBDA_TASK_ROOT": str(root),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
    }


@contextmanager
def _emulated(emulator: Path, cold: Cold) -> Iterator[str]:
    port, runtime_port = _free_ports()
    command = [
        str(emulator),
        "--runtime-interface-emulator-address", f"127.0.0.1:{port}",
        "--runtime-api-address", f"127.0.0.1:{runtime_port}",
        sys.executable, "-c", _RUNTIME_INTERFACE, *cold.packages, cold.handler,
    ]  # fmt: skip
    process = subprocess.Popen(  # noqa: S603  # a pinned tool, on our own asset
        command,
        cwd=cold.root,
        env=dict(cold.environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _await_port(port)
        with _limited(process.pid, cold.share):
            yield f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)


@contextmanager
def _limited(group: int, share: float) -> Iterator[None]:
    """Let the function's process run for a share of each period, as Lambda does with less memory."""
    if share >= 1:
        yield
        return
    over = threading.Event()

    def stop_and_go() -> None:
        while not over.is_set():
            for what, seconds in (
                (signal.SIGCONT, share * _PERIOD_SECONDS),
                (signal.SIGSTOP, (1 - share) * _PERIOD_SECONDS),
            ):
                for process in _children(group):
                    _send(process, what)
                over.wait(seconds)
        for process in _children(group):
            _send(process, signal.SIGCONT)

    limiter = threading.Thread(target=stop_and_go)
    limiter.start()
    try:
        yield
    finally:
        over.set()
        limiter.join()


def _send(process: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, what)


def _children(process: int) -> list[int]:
    listed = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for task in listed for child in task.read_text().split()]


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1]), int(other.getsockname()[1])


def _await_port(port: int) -> None:
    give_up = time.monotonic() + _STARTED_WITHIN_SECONDS
    while time.monotonic() < give_up:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.005)
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
