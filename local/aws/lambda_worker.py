"""One warm Lambda environment: a process that imports a handler from its asset and runs it, call by call.

Started isolated (`python -I -S`), so that nothing but the asset, the standard library and what stands for the
runtime's own packages can be imported. Calls and answers are JSON lines; what the handler prints is its log.
"""

from __future__ import annotations

import importlib
import json
import os
import site
import sys
import time
import traceback
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.aws.call_faults import CallFaults
    from local.aws.iam.enforcement import Enforcement


def main() -> None:
    handler_name, *search_path = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the handler's own output goes to the log
    for folder in search_path:
        site.addsitedir(folder)
    import time_machine  # noqa: PLC0415  # found on the path just set

    faults, permissions = _companions()
    module_name, function_name = handler_name.rsplit(".", 1)
    handler = None
    for line in sys.stdin:
        call = json.loads(line)
        with time_machine.travel(call["now"], tick=True) as now:
            time.sleep = now.shift  # what the SDK waits between two tries passes at once
            try:
                faults.begin(call["faults"])
                permissions.begin(call["caller"], call["policies"])
                if handler is None:
                    events = _call_events()
                    faults.watch(events)
                    permissions.watch(events)
                    handler = getattr(importlib.import_module(module_name), function_name)
                answer: Any = {"result": handler(call["event"], SimpleNamespace(**call["context"]))}
                text = json.dumps({**answer, **faults.report(), **permissions.report()})
            except BaseException as error:  # noqa: BLE001  # any error is reported to the caller, as Lambda does
                answer = {"error": _described(error)}
                text = json.dumps({**answer, **faults.report(), **permissions.report()})
        sys.stdout.flush()
        answers.write(text + "\n")
        answers.flush()


def _companions() -> tuple[CallFaults, Enforcement]:
    """What meets the handler's calls: found here for a moment, and never by the handler."""
    here = Path(__file__).parent.parent  # local/
    package = spec_from_file_location("local", here / "__init__.py", submodule_search_locations=[str(here)])
    sys.modules["local"] = module_from_spec(package)  # type: ignore[arg-type]  # a file's own spec is never None
    from local.aws.call_faults import CallFaults  # noqa: PLC0415
    from local.aws.iam.enforcement import Enforcement  # noqa: PLC0415

    for name in [name for name in sys.modules if name.partition(".")[0] == "local"]:
        del sys.modules[name]
    return CallFaults(), Enforcement()


def _call_events() -> Any:
    """The events of every AWS client that boto3's default session makes from now on."""
    import boto3  # noqa: PLC0415  # on the search path only now

    boto3.setup_default_session()
    session: Any = boto3.DEFAULT_SESSION
    return session.events


def _described(error: BaseException) -> dict[str, Any]:
    """An error as the Lambda runtime reports it."""
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "stackTrace": traceback.format_tb(error.__traceback__),
    }


if __name__ == "__main__":
    main()
