"""Where and with what it was measured."""

from __future__ import annotations

import json
import os
import platform
import re
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_GB = 1024**3


def described() -> str:
    """A table for the page."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GB
    facts = {
        "date": today(),
        "CPU": f"{_cpu()}, {os.cpu_count()} cores",
        "memory": f"{memory:.0f} GB",
        "running before it began": f"{os.getloadavg()[0]:.1f} processes (load average of a minute)",
        "Python": platform.python_version(),
        **{name: version(name) for name in ("boto3", "moto", "aws-cdk-lib")},
        "CDK CLI": json.loads((_ROOT / "package.json").read_text())["devDependencies"]["aws-cdk"],
        "Cloud Custodian (c7n)": _pinned(_ROOT / "bench/custodian/requirements.txt", "c7n"),
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {what} | {said} |" for what, said in facts.items())])


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def _cpu() -> str:
    told = Path("/proc/cpuinfo")
    names = re.findall(r"^model name\s*: (.+)$", told.read_text(), re.MULTILINE) if told.exists() else []
    return names[0] if names else platform.processor() or platform.machine()


def _pinned(requirements: Path, package: str) -> str:
    (found,) = re.findall(rf"^{package}==(\S+)", requirements.read_text(), re.MULTILINE)
    return found
