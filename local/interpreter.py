"""moto's state machine interpreter, put on the local world's clock and given JSONata.

moto offers no setting for either, so its places are replaced here, and only here (DESIGN §7). The state
machine itself runs as the template has it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from jsonata.jsonata import Jsonata
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec import execute_state
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.eval.callback import callback
from moto.stepfunctions.parser.asl.jsonata import jsonata as moto_jsonata
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution

from local.clock import Clock

_terminated: Callable[..., None] = BaseExecutionWorkerCommunication.terminated


class Waiting:
    """How many executions are waiting: for a moment, or for a task token's answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    @property
    def count(self) -> int:
        return self._count

    def __enter__(self) -> None:
        with self._lock:
            self._count += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._count -= 1


def install(clock: Clock, on_execution_end: Callable[[Execution], None]) -> Waiting:
    """Let executions wait on `clock`, and report each that ends. Holds for the whole process."""
    waiting = Waiting()

    class ClockEvent(threading.Event):
        """An event whose waits time out in the world's time."""

        def wait(self, timeout: float | None = None) -> bool:
            return super().wait() if timeout is None else clock.wait(self, timeout)

    class AnswerEvent(ClockEvent):
        """The event of a task token's answer."""

        def wait(self, timeout: float | None = None) -> bool:
            with waiting:
                return super().wait(timeout)

    def sleep(seconds: float) -> None:
        with waiting:
            clock.sleep(seconds)

    def wait_interval(_self: WaitFunction, env: Any, wait_seconds: int) -> None:
        with waiting:
            clock.wait(env.program_state_event, wait_seconds)

    def terminated(self: BaseExecutionWorkerCommunication) -> None:
        _terminated(self)
        on_execution_end(self.execution)

    replacements: list[tuple[object, str, object]] = [
        (moto_jsonata, "_eval_jsonata", _evaluate),
        (WaitFunction, "_wait_interval", wait_interval),
        (retrier_decl, "time", SimpleNamespace(sleep=sleep)),
        (execute_state, "threading", SimpleNamespace(Event=ClockEvent)),
        (callback, "Event", AnswerEvent),
        (BaseExecutionWorkerCommunication, "terminated", terminated),
    ]
    for owner, name, replacement in replacements:
        if not hasattr(owner, name):
            raise AttributeError(f"moto has moved {owner}.{name}: the local run must learn its new place.")
        setattr(owner, name, replacement)
    return waiting


def _evaluate(expression: str) -> Any:
    return Jsonata(expression).evaluate(None)
