"""moto's state machine interpreter, put on the local world's clock and given JSONata and functions.

moto has no setting for any of them, so this module replaces its functions, and no other module does. The
state machine itself runs as the template defines it.
"""

from __future__ import annotations

import copy
import gc
import json
import logging
import pickle
import re
import threading
from collections.abc import Callable, MutableMapping
from functools import lru_cache
from http import HTTPStatus
from io import BytesIO
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from jsonata.jsonata import Jsonata
from jsonata.utils import Utils
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec import execute_state
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.eval.callback import callback
from moto.stepfunctions.parser.asl.jsonata import jsonata as moto_jsonata
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

from local.aws.functions import FunctionError, function_named_in
from local.clock import Clock, ClockEvent

_Replacements = list[tuple[object, str, object]]
_Stops = MutableMapping[Any, set[ClockEvent]]  # what wakes an execution's Wait state when it is stopped

_start: Callable[..., None] = Execution.start
_stop: Callable[..., None] = ExecutionWorker.stop
_terminated: Callable[..., None] = BaseExecutionWorkerCommunication.terminated
_parse: Callable[[str], tuple[Any, Any]] = AmazonStateLanguageParser.parse
_programs: dict[str, tuple[bytes, Any]] = {}
_parsing = threading.Lock()
_OPENING = re.compile(r"(\$(type|exists)\()?\(")
_DECLARATION = re.compile(r"\$(\w+):=")


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


class _Lambda:
    """As much of a Lambda client as a task needs; a function is called, with no HTTP in between.

    Parameters
    ----------
    invoke
        Calls a function by name and returns its result, or raises `FunctionError`.
    """

    def __init__(self, invoke: Callable[[str, Any], Any]) -> None:
        self._invoke = invoke

    def invoke(self, **request: Any) -> dict[str, Any]:
        name, failed = function_named_in(request["FunctionName"]), {}
        try:
            answer = self._invoke(name, json.loads(request.get("Payload") or "null"))
        except FunctionError as error:
            answer, failed = error.payload, {"FunctionError": "Unhandled"}
        return {"StatusCode": HTTPStatus.OK, "Payload": BytesIO(json.dumps(answer).encode()), **failed}


def _client_of(functions: _Lambda) -> Callable[..., _Lambda]:
    """In place of what makes the clients for ``lambda:invoke``: no task uses another service."""

    def client(**_: Any) -> _Lambda:
        return functions

    return client


def install(
    clock: Clock,
    invoke: Callable[[str, Any], Any],
    on_execution_start: Callable[[Execution], None],
    on_execution_end: Callable[[Execution], None],
) -> Waiting:
    """Let executions wait on `clock`, invoke functions, and report each start and end.

    Holds for the whole process.
    """
    waiting, functions = Waiting(), _Lambda(invoke)
    stops: _Stops = WeakKeyDictionary()
    # it logs every error that a state machine catches, with the whole parse tree of the state
    logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)
    # each execution keeps a program of its own: looking through all of them for garbage finds next to none
    gc.set_threshold(200_000)
    replacements: _Replacements = [
        (moto_jsonata, "_eval_jsonata", evaluate),
        (AmazonStateLanguageParser, "parse", staticmethod(_parsed)),
        (lambda_eval_utils, "boto_client_for", _client_of(functions)),
        *_waits(clock, waiting, stops),
        *_starts(on_execution_start),
        *_endings(on_execution_end, stops),
    ]
    for owner, name, replacement in replacements:
        if not hasattr(owner, name):
            raise AttributeError(f"moto has moved {owner}.{name}: the local run must learn its new place.")
        setattr(owner, name, replacement)
    return waiting


def _parsed(definition: str) -> tuple[Any, Any]:
    """A definition's program, and its parse tree. Reading one takes as long as a dozen of its steps do."""
    with _parsing:
        if definition not in _programs:
            program, tree = _parse(definition)
            _programs[definition] = pickle.dumps(program), tree
        program, tree = _programs[definition]
    # an execution writes into its own; what comes from nobody but ourselves may be unpickled
    return pickle.loads(program), tree  # noqa: S301


def evaluate(expression: str) -> Any:
    """What an expression comes to.

    moto declares variables by writing their values in front of it, so that no two are the same to be parsed:
    ``($states:={"input":{…}};$states.input.x)``. Here values are read as the JSON that they are, and what is
    left is parsed once. A character beyond the BMP then is one, as on AWS, and not the two that moto writes.
    """
    declared: dict[str, Any] = {}
    opening = _OPENING.match(expression)
    begins = position = opening.end() if opening else 0
    while opening and (declaration := _DECLARATION.match(expression, position)):
        try:
            value, ends = _decoder.raw_decode(expression, declaration.end())
            value = _as_written(value)
        except (ValueError, OverflowError):  # a function, a text with quotes in it, no number of JSON's
            break
        if not expression.startswith(";", ends):
            break
        declared[declaration[1]], position = value, ends + 1
    # its own copy: evaluating, it notes where it stands
    program = copy.copy(_compiled(expression[:begins] + expression[position:]))
    program.parser = Jsonata.get_parser()
    Jsonata.CURRENT.jsonata = program  # as if made in this thread
    return program.evaluate(None, declared)


@lru_cache(maxsize=1024)  # a value that is left in makes an expression that never comes again
def _compiled(expression: str) -> Jsonata:
    return Jsonata(expression)


def _not_json(constant: str) -> Any:
    raise ValueError(constant)


_decoder = json.JSONDecoder(parse_constant=_not_json)


def _as_written(value: Any) -> Any:
    """A JSON value as JSONata has it where an expression holds it."""
    match value:
        case None:
            return Utils.NULL_VALUE
        case dict():
            members: dict[str, Any] = value
            return {name: _as_written(member) for name, member in members.items()}
        case list():
            elements: list[Any] = value
            return Utils.JList(_as_written(element) for element in elements)
        case bool() | str():
            return value
        case _:
            return Utils.convert_number(float(value))


def _waits(clock: Clock, waiting: Waiting, stops: _Stops) -> _Replacements:
    """The places where moto waits: a Wait state, a retry's pause, a time-out, a task token's answer."""

    class AnswerEvent(ClockEvent):
        """The event of a task token's answer."""

        def wait(self, timeout: float | None = None) -> bool:
            with waiting:
                return super().wait(timeout)

    def new_event() -> ClockEvent:
        return ClockEvent(clock)

    def new_answer() -> AnswerEvent:
        return AnswerEvent(clock)

    def wait_interval(_self: WaitFunction, env: Any, wait_seconds: int) -> None:
        stopped = new_event()
        with waiting:
            # moto itself signals only the moment in which it is stopped, which is easily missed
            stops.setdefault(env, set()).add(stopped)
            if env.is_running():
                stopped.wait(wait_seconds)

    def sleep(seconds: float) -> None:
        with waiting:
            clock.sleep(seconds)

    return [
        (WaitFunction, "_wait_interval", wait_interval),
        (retrier_decl, "time", SimpleNamespace(sleep=sleep)),
        (execute_state, "threading", SimpleNamespace(Event=new_event)),
        (callback, "Event", new_answer),
    ]


def _starts(on_execution_start: Callable[[Execution], None]) -> _Replacements:
    """The starts of executions, by any caller."""

    def start(self: Execution) -> None:
        on_execution_start(self)
        _start(self)

    return [(Execution, "start", start)]


def _endings(on_execution_end: Callable[[Execution], None], stops: _Stops) -> _Replacements:
    """The ends of executions: reported, and a stopped one really stopped."""
    stopped: WeakSet[Any] = WeakSet()

    def stop(self: ExecutionWorker, **why: Any) -> None:
        _stop(self, **why)
        if self.env is not None:
            stopped.add(self.env)
            for env, events in list(stops.items()):
                if not env.is_running():  # it, and what runs within it
                    for event in events:
                        event.set()
            # moto would let the step that waits for an answer wait on
            for endpoint in list(vars(self.env.callback_pool_manager)["_pool"].values()):
                endpoint.interrupt_all()

    def terminated(self: BaseExecutionWorkerCommunication) -> None:
        _terminated(self)
        execution = self.execution
        if execution.exec_worker and execution.exec_worker.env in stopped:
            execution.exec_status, execution.error, execution.cause = ExecutionStatus.ABORTED, None, None
        on_execution_end(execution)

    return [
        (BaseExecutionWorkerCommunication, "terminated", terminated),
        (ExecutionWorker, "stop", stop),
    ]
