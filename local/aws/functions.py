"""The template's Lambda functions, run from their built assets, each in warm processes of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import distribution
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import Any, BinaryIO

from local.aws.iam.calls import Caller
from local.aws.iam.policy import Policy
from local.clock import Clock

# What AWS's Python runtime brings along (boto3 and what it needs), and what sets the process's clock.
_RUNTIME_DISTRIBUTIONS = (
    "boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3", "time-machine",
)  # fmt: skip


# A function has as many processes as it is needed at once, which is no help beyond a few for each core.
_AT_ONCE = 4 * (os.cpu_count() or 1)


class FunctionError(Exception):
    """The handler raised, or the process died: `payload` is what Lambda would answer."""

    def __init__(self, payload: dict[str, Any]) -> None:
        super().__init__(f"{payload['errorType']}: {payload['errorMessage']}")
        self.payload = payload


@dataclass(frozen=True, slots=True)
class Function:
    """A function as the template describes it."""

    name: str
    handler: str
    asset: Path
    environment: Mapping[str, str]
    timeout_seconds: float
    memory_mb: int
    caller: Caller

    @property
    def region(self) -> str:
        return self.caller.region


@dataclass(slots=True)
class _Pool:
    function: Function
    idle: list[_Worker] = field(default_factory=list["_Worker"])
    started: list[_Worker] = field(default_factory=list["_Worker"])


class FunctionRunner:
    """Invokes functions by name; as many at once as this machine is good for, the others after them.

    Parameters
    ----------
    environment
        Variables that every function gets in place of its own: where the local services are, and that they
        have no quotas to keep.
    roles
        The policies of each role, by its ARN, as they are at an invocation: no call goes beyond them.

    Attributes
    ----------
    calls
        Each call of AWS and Slack: by which function, which.
    allowed
        Each function's name with each action that its role was found to allow, and on which resource.
    refused
        Each call that a role didn't allow: by which function, and what AWS says.
    """

    def __init__(
        self, clock: Clock, environment: Mapping[str, str], roles: Mapping[str, Sequence[Policy]]
    ) -> None:
        self._clock = clock
        self._environment = environment
        self._roles = roles
        self._pools: dict[str, _Pool] = {}
        self._lock = threading.Lock()
        self._slots = threading.Semaphore(_AT_ONCE)
        self._nobody_waits = threading.Condition()
        self._waiting = 0
        self._in_flight = 0
        self.invoked: list[str] = []  # a name for each time
        self.calls: list[tuple[str, str]] = []
        self.allowed: set[tuple[str, str, str, str]] = set()
        self.refused: list[tuple[str, str]] = []
        self._faults: list[tuple[str, dict[str, str]]] = []
        self.faults_met: list[tuple[str, dict[str, str]]] = []
        self._home = tempfile.TemporaryDirectory(
            prefix="sealpoint-lambda-",
            ignore_cleanup_errors=True,  # a process that was just killed may still be writing
        )
        self.runtime = _runtime_packages(Path(self._home.name) / "runtime")
        self._log_path = Path(self._home.name) / "logs.txt"
        self._log = self._log_path.open("ab")

    def add(self, function: Function) -> None:
        self._pools[function.name] = _Pool(function)

    def function(self, name: str) -> Function:
        return self._pools[name].function

    @property
    def functions(self) -> list[Function]:
        return [pool.function for pool in self._pools.values()]

    @property
    def in_flight(self) -> int:
        """How many invocations are running now."""
        return self._in_flight

    def environment_of(self, name: str) -> dict[str, str]:
        """The variables of a function's process: what Lambda sets, what is local, what the template says."""
        function = self.function(name)
        return {
            "PATH": os.environ.get("PATH", ""),
            "AWS_REGION": function.region,
            "AWS_DEFAULT_REGION": function.region,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "AWS_ACCESS_KEY_ID": access_key_of(function.name),
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_EC2_METADATA_DISABLED": "true",
            **function.environment,
            **self._environment,
        }

    def inject(self, function: str, call: str, kind: str) -> None:
        """Let a call of a function go wrong, as `call_faults.KINDS` has it, until `stop_injecting`."""
        self._faults.append((function, {"call": call, "kind": kind}))

    def stop_injecting(self) -> None:
        self._faults.clear()

    def logs(self) -> str:
        """All that the functions have printed."""
        self._log.flush()
        return self._log_path.read_text(errors="replace")

    def invoke(self, name: str, event: Any, *, someone_waits: bool = False) -> Any:
        """Invoke a function and return its result.

        Parameters
        ----------
        someone_waits
            Whether someone gives up soon, as Slack does after three seconds: no other invocation begins
            meanwhile. AWS has machines enough for both.

        Raises
        ------
        FunctionError
        """
        with self._lock:
            self.invoked.append(name)
            self._in_flight += 1
        try:
            with self.held() if someone_waits else self._slot():
                answer = self._answer(self._pools[name], event)
        finally:
            with self._lock:
                self._in_flight -= 1
        if "error" in answer:
            raise FunctionError(answer["error"])
        return answer["result"]

    @contextmanager
    def held(self) -> Generator[None]:
        """Let no other invocation begin meanwhile."""
        with self._nobody_waits:
            self._waiting += 1
        try:
            yield
        finally:
            with self._nobody_waits:
                self._waiting -= 1
                self._nobody_waits.notify_all()

    @contextmanager
    def _slot(self) -> Generator[None]:
        with self._slots:
            with self._nobody_waits:
                self._nobody_waits.wait_for(lambda: self._waiting == 0)
            yield

    def _answer(self, pool: _Pool, event: Any) -> dict[str, Any]:
        """What the runtime answers: the handler's result, or the error that it stopped with."""
        name = pool.function.name
        with self._lock:
            worker = pool.idle.pop() if pool.idle else None
        worker = worker or self._start(pool)
        with self._clock.paused():  # a fast clock must not make a function look slow
            answer = worker.call(
                {
                    "event": event,
                    "now": self._clock.now(),
                    "faults": self._faults_of(name),
                    "caller": asdict(pool.function.caller),
                    "policies": self._roles[pool.function.caller.role_arn],
                }
            )
        with self._lock:
            if worker.alive:
                pool.idle.append(worker)
            self.calls += [(name, call) for call in answer.get("calls", ())]
            self.allowed.update((name, *one) for one in answer.get("allowed", ()))
            self.refused += [(name, said) for said in answer.get("refused", ())]
            self._note_faults(name, answer)
        return answer

    def _faults_of(self, name: str) -> list[dict[str, str]]:
        return [fault for function, fault in self._faults if function == name]

    def _note_faults(self, name: str, answer: dict[str, Any]) -> None:
        """What an invocation didn't meet, the next one may; a process that was killed has met it all."""
        planned = self._faults_of(name)
        self.faults_met += [(name, fault) for fault in answer.get("met", planned)]
        others = [(function, fault) for function, fault in self._faults if function != name]
        self._faults = others + [(name, fault) for fault in answer.get("faults", [])]

    def _start(self, pool: _Pool) -> _Worker:
        variables = self.environment_of(pool.function.name)
        worker = _Worker(pool.function, self.runtime, variables, self._home.name, self._log)
        pool.started.append(worker)
        return worker

    def stop(self) -> None:
        for pool in self._pools.values():
            for worker in pool.started:
                worker.stop()
        self._log.close()
        self._home.cleanup()


class _Worker:
    """One process; one call at a time."""

    def __init__(
        self, function: Function, runtime: Path, variables: Mapping[str, str], home: str, log: BinaryIO
    ) -> None:
        self._function = function
        command = [
            sys.executable, "-I", "-S", "-X", f"pycache_prefix={home}/pycache",
            str(Path(__file__).with_name("lambda_worker.py")),
            function.handler, str(function.asset), str(runtime),
        ]  # fmt: skip
        self._process = subprocess.Popen(  # noqa: S603  # our own interpreter on our own file
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=variables, text=True
        )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def call(self, call: Mapping[str, Any]) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the worker was started without pipes")
        request_id = str(uuid.uuid4())
        timeout = self._function.timeout_seconds
        try:
            stdin.write(json.dumps({**call, "context": self._context(request_id)}) + "\n")
            stdin.flush()
            with DefaultSelector() as selector:  # select() itself knows no more than 1,024 open files
                selector.register(stdout, EVENT_READ)
                line = stdout.readline() if selector.select(timeout) else None
        except BrokenPipeError:
            line = ""
        if line:
            return json.loads(line)
        self.stop()
        if line is None:
            return _error("Sandbox.Timedout", request_id, f"Task timed out after {timeout:.2f} seconds")
        return _error("Runtime.ExitError", request_id, "Runtime exited")

    def _context(self, request_id: str) -> dict[str, Any]:
        function = self._function
        return {
            "aws_request_id": request_id,
            "function_name": function.name,
            "memory_limit_in_mb": function.memory_mb,
            "invoked_function_arn": f"arn:aws:lambda:{function.region}:local:function:{function.name}:live",
        }

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()


def function_named_in(arn: str) -> str:
    """The function's name in a name or an ARN, qualified or not."""
    return arn.rpartition(":function:")[2].partition(":")[0]


def access_key_of(function_name: str) -> str:
    """The access key under which a function's calls can be told apart, one for each function."""
    return f"ASIA{function_name.upper()[:60]}"


def _error(error_type: str, request_id: str, message: str) -> dict[str, Any]:
    return {"error": {"errorType": error_type, "errorMessage": f"RequestId: {request_id} Error: {message}"}}


def _runtime_packages(folder: Path) -> Path:
    """A folder with links to just the packages that are part of the Lambda runtime."""
    folder.mkdir()
    for name in _RUNTIME_DISTRIBUTIONS:
        files = distribution(name).files or []
        roots = {file.parts[0]: Path(str(file.locate())).parents[len(file.parts) - 1] for file in files}
        for root, site in roots.items():
            if root not in ("..", "__pycache__") and not (folder / root).exists():
                (folder / root).symlink_to(site / root)
    return folder
