"""One warm Lambda environment: a process that imports a handler from its asset and runs it, call by call.

Started isolated (`python -I -S`), so that nothing but the asset, the standard library and what stands for the
runtime's own packages can be imported. Calls and answers are JSON lines; what the handler prints is its log.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
import time
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any


def main() -> None:
    handler_name, *search_path = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the handler's own output goes to the log
    sys.path[:0] = search_path
    import time_machine  # noqa: PLC0415  # found on the path just set

    faults = _call_faults()
    module_name, function_name = handler_name.rsplit(".", 1)
    handler = None
    for line in sys.stdin:
        call = json.loads(line)
        with time_machine.travel(call["now"], tick=True) as now:
            time.sleep = now.shift  # what the SDK waits between two tries passes at once
            try:
                faults.begin(call["faults"])
                if handler is None:
                    faults.watch()
                    handler = getattr(importlib.import_module(module_name), function_name)
                answer: Any = {"result": handler(call["event"], SimpleNamespace(**call["context"]))}
                text = json.dumps({**answer, **faults.report()})
            except BaseException as error:  # noqa: BLE001  # whatever it is, the caller is told, as Lambda does
                text = json.dumps({"error": _described(error), **faults.report()})
        sys.stdout.flush()
        answers.write(text + "\n")
        answers.flush()


def _call_faults() -> Any:
    """Our neighbour file, which an isolated interpreter doesn't find by itself."""
    source = Path(__file__).with_name("call_faults.py")
    spec = importlib.util.spec_from_file_location("call_faults", source)
    if spec is None or spec.loader is None:
        raise ImportError(str(source))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.CallFaults()


def _described(error: BaseException) -> dict[str, Any]:
    """An error as the Lambda runtime reports it."""
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "stackTrace": traceback.format_tb(error.__traceback__),
    }


if __name__ == "__main__":
    main()
